"""Turning complaints into candidates: votes, why an answer was bad, what fires, what is done about it, and erasing.

May import evals, serving, ingestion, retrieval and core. Nothing here touches what is live: it makes candidates.
"""
