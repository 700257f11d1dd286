"""A citation is compared with what the document says now."""

from __future__ import annotations

from app.pages.documents.citation_check import QuoteStanding, locate
from app.pages.highlight import TextSpan
from core.types import Document, TextFormat


def document(text: str) -> Document:
    return Document("a/b.md", "b", text, TextFormat.PLAIN, "text/plain", "0")


def test_a_quote_that_stands_where_it_stood_is_there() -> None:
    located = locate(document("one two three"), 4, 7, "two")
    assert (located.standing, located.span) == (QuoteStanding.THERE, TextSpan(4, 7))


def test_a_quote_that_moved_is_found_at_its_nearest_place() -> None:
    located = locate(document("two. Something new. two. And two."), 16, 19, "two")
    assert (located.standing, located.span) == (QuoteStanding.MOVED, TextSpan(20, 23))


def test_a_quote_that_is_gone_is_shown_as_it_was_recorded() -> None:
    located = locate(document("all new"), 4, 7, "two")
    assert (located.standing, located.span, located.quote) == (QuoteStanding.GONE, None, "two")


def test_without_a_record_the_span_itself_is_shown_if_it_fits() -> None:
    assert locate(document("one two"), 4, 7, None).span == TextSpan(4, 7)
    assert locate(document("one two"), 4, 99, None).standing is QuoteStanding.GONE
    assert locate(document("one two"), 7, 4, None).standing is QuoteStanding.GONE
