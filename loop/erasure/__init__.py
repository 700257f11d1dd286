"""Erasing what a person or a document left: in every table, file and copy."""
