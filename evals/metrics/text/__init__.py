"""Metrics of what an answer says: right or not, near the gold answer or not, safe or not."""
