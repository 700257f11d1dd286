"""Presentations: a heading for every slide, its texts, tables and notes below."""
