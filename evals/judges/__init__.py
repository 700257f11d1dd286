"""Judges: models that weigh answers, how they are asked, and how far they may be trusted."""
