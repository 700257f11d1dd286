"""Airflow DAGs: wiring only, no logic. The only package that knows Airflow.

May import loop, evals, serving, ingestion, retrieval and core; never app, its sibling.
"""
