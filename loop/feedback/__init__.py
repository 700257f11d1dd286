"""Votes, and what a person makes of them: cases to measure with or rows to train on, never both."""
