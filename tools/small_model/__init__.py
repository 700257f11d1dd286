"""A small model that quotes: its recipe, its rows, its score, and the folder it was made into."""
