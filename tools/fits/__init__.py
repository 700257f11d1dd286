"""Fits of the numbers that ship with RAGLoop, on public data sets."""
