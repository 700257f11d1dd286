"""Measuring releases: cases, metrics, judges and their calibration, the runner, the gate, the report.

May import serving, ingestion, retrieval and core.
"""
