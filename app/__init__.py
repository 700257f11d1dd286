"""The edge: the FastAPI application, its pages, and the `ragloop` command.

May import every package but dags, its sibling. The only package that knows FastAPI.
"""
