"""Passages for tests of what is made of a model's text."""

from __future__ import annotations

from core.types import Chunk, Passage, document_id


def passage(text: str, uri: str = "handbook/tea.md", title: str = "Tea", start: int = 0) -> Passage:
    """A passage that is a whole chunk, at `start` of its document."""
    chunk = Chunk(document_id(uri), 0, uri, title, (), None, start, start + len(text), text)
    return Passage(chunk, "0" * 64, 1.0, {})
