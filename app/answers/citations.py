"""Where citations stand in an answer and where they lead. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol
from urllib.parse import urlencode

from core.text.citation_marker import MarkerSpan, marker_spans
from core.text.markdown_lines import without_item_mark


class Cited(Protocol):
    """What a citation has, be it fresh or from a record."""

    @property
    def marker(self) -> int: ...

    @property
    def quote(self) -> str: ...


class MarkedCitation(Cited, Protocol):
    """A citation with the sentences of its quote that answer, in order; none where all of it does."""

    @property
    def marked_texts(self) -> Sequence[str]: ...


def cited_spans(text: str, citations: Iterable[Cited]) -> list[MarkerSpan]:
    """The markers in an answer that stand for one of its citations, in order.

    A `[2]` that a document itself holds, as footnotes do, is part of a quote and no marker.
    """
    citations = list(citations)
    known = {citation.marker for citation in citations}
    quoted = _quoted(text, citations)
    return [
        span
        for span in marker_spans(text)
        if span.marker in known and not any(start <= span.start < end for start, end in quoted)
    ]


def marked_spans(text: str, citations: Iterable[MarkedCitation]) -> list[tuple[int, int]]:
    """Where in an answer the sentences stand that its quotations mark, in order, neighbours as one. Each stands before
    its citation's marker; one that left otherwise than it was written is not found."""
    citations = list(citations)
    sentences = {citation.marker: citation.marked_texts for citation in citations}
    spans: list[tuple[int, int]] = []
    at = 0
    for place in cited_spans(text, citations):
        for sentence in sentences[place.marker]:
            found = text.find(sentence, at, place.start)
            if found < 0:
                continue
            goes_on = bool(spans) and not text[spans[-1][1] : found].strip()
            at = found + len(sentence)
            spans[-1:] = [(spans[-1][0], at)] if goes_on else [*spans[-1:], (found, at)]
        at = place.end
    return spans


def document_url(
    document_id: str, start: int | None = None, end: int | None = None, interaction_id: str | None = None
) -> str:
    """The path of a document's page, opened at a span of its text.

    With the interaction that cited it, the page can tell whether the document changed since.
    """
    if start is None or end is None:
        return f"/documents/{document_id}"
    query: dict[str, str | int] = {"start": start, "end": end}
    if interaction_id is not None:
        query["answer"] = interaction_id
    return f"/documents/{document_id}?{urlencode(query)}#quote"


def _quoted(text: str, citations: Sequence[Cited]) -> list[tuple[int, int]]:
    """The spans of the answer that repeat a citation's quote, with or without its list marker."""
    spans = []
    for citation in citations:
        quote = without_item_mark(citation.quote)
        at = text.find(quote) if quote else -1
        while at >= 0:
            spans.append((at, at + len(quote)))
            at = text.find(quote, at + len(quote))
    return spans
