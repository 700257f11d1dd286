"""Finding passages: embedders, sparse vectors, vector indexes, fusion, and the Retriever that joins them.

May import core. The only package that knows Qdrant.
"""
