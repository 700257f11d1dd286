"""Releases: made, checked, approved, promoted, rolled back, and the one that answers now."""
