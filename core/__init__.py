"""What every other package stands on: settings, domain types, ports, errors, storage and telemetry.

Imports no other package of this project.
"""
