"""A place in a document as the chat page shows it: a source of an answer, or a passage that is only offered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.answers.citations import document_url
from app.pages.markdown import words
from core.text.document_uri import ATTACHED, parent_uri
from core.text.languages import CODES

# How much is shown of a passage that is only offered.
EXCERPT = 240


@dataclass(frozen=True, slots=True)
class ShownPlace:
    """A cited or offered place in a document. `marker` is 0 for a passage that was only offered; `path` are the
    headings above it, behind the message that the document came with; `glimpse` is the quote, or its beginning, without
    markdown, `lang` the code of the language it is in, empty where that is not known. Unless `supported`, the passage
    may not say what it is cited for; `marked_texts` are the sentences of the quote that answer, where it has others."""

    marker: int
    title: str
    path: str
    page: str
    quote: str
    glimpse: str
    lang: str
    url: str
    supported: bool = True
    marked_texts: tuple[str, ...] = ()


def shown_place(place: Mapping[str, Any], marker: int, interaction_id: str) -> ShownPlace:
    """From a citation or a passage, as the record holds them."""
    quote = str(place.get("quote", place.get("text", "")))
    glimpse = words(quote)
    marked = place.get("marked", ())
    above = (name.rpartition("/")[2] for name in parent_uri(place["uri"]).split(ATTACHED) if name)
    path = [*above, *(heading for heading in place["heading_path"] if heading != place["title"])]
    return ShownPlace(
        marker=marker,
        title=place["title"],
        path=" › ".join(path),
        page=_pages(place),
        quote=quote,
        glimpse=glimpse if marker or len(glimpse) <= EXCERPT else f"{glimpse[:EXCERPT].rstrip()} …",
        lang=CODES.get(place.get("language", ""), ""),
        url=document_url(place["document_id"], place["start"], place["end"], interaction_id),
        supported=place.get("supported", True),
        marked_texts=tuple(quote[span["start"] - place["start"] : span["end"] - place["start"]] for span in marked),
    )


def _pages(place: Mapping[str, Any]) -> str:
    """ "3", or "3–4" where it ends on another page; empty where the format has none. Older records name one page."""
    first, last = place["page"], place.get("last_page")
    return f"{first}–{last}" if first and last else str(first or "")
