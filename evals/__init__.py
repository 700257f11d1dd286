"""Measuring: datasets, metrics and fits that compare what the system answers with what it should.

May import serving, ingestion, retrieval and core.
"""
