"""The remedies: each module here is one, named as it, with itself as `REMEDY`. A new one is a new module and its test.

They are read whenever a firing is shown and whenever Airflow parses its DAGs, so what is heavy is imported where it is
used.
"""
