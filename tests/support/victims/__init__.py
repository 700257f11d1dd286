"""Programs that tests kill in the middle of their work."""
