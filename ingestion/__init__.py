"""Bringing documents in: sources, converters, splitting, the manifest, and the ingestion transaction.

May import retrieval and core; never serving, its sibling.
"""
