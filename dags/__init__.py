"""Airflow DAGs: wiring only, no logic. The only package that knows Airflow."""
