"""Answering: prompts, generators, citations, abstention, releases, and the Answerer that joins them.

May import retrieval and core; never ingestion, its sibling.
"""
