"""Whether a document still says what was cited from it. Pure, but for reading the record."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.pages.highlight import TextSpan
from core.storage.interactions import Interaction
from core.types import Document


class QuoteStanding(StrEnum):
    """How the cited quote stands in the document as it is now."""

    THERE = "there"
    MOVED = "moved"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Located:
    """Where the quote is now; `span` is None when it is gone. `quote` is what was recorded, if anything was."""

    span: TextSpan | None
    standing: QuoteStanding
    quote: str


def recorded_quote(interaction: Interaction, document_id: str, start: int, end: int) -> str | None:
    """What the interaction's citation or passage at this place said when it was recorded."""
    for place in (*interaction.citations, *interaction.passages):
        if (place["document_id"], place["start"], place["end"]) == (document_id, start, end):
            return str(place.get("quote", place.get("text", "")))
    return None


def locate(document: Document, start: int, end: int, recorded: str | None) -> Located:
    """The quote at `start`, or wherever it moved to: the occurrence nearest to `start`."""
    text = document.text
    if recorded is None:
        fits = 0 <= start < end <= len(text)
        return (
            Located(TextSpan(start, end), QuoteStanding.THERE, text[start:end])
            if fits
            else Located(None, QuoteStanding.GONE, "")
        )
    if text[start:end] == recorded:
        return Located(TextSpan(start, end), QuoteStanding.THERE, recorded)
    behind, before = text.find(recorded, start), text.rfind(recorded, 0, start + len(recorded))
    found = [place for place in (behind, before) if place >= 0]
    if not found or not recorded:
        return Located(None, QuoteStanding.GONE, recorded)
    nearest = min(found, key=lambda place: abs(place - start))
    return Located(TextSpan(nearest, nearest + len(recorded)), QuoteStanding.MOVED, recorded)
