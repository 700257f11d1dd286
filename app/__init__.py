"""The edge: the FastAPI application, its pages, and the `ragloop` command.

May import loop, evals, serving, ingestion, retrieval and core; never dags, its sibling. The only package that knows
FastAPI.
"""
