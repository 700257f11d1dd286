"""/documents: the list, and a document opened at the place that an answer cites."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from markupsafe import Markup

from app.answers.citations import document_url
from app.auth import ChatDep, ServicesDep
from app.fields import Text
from app.library import DocumentLibrary, page_of
from app.pages.chat.answers import AnswerRecords
from app.pages.documents.citation_check import Located, locate, recorded_quote
from app.pages.highlight import TextSpan, document_html
from app.pages.markdown import Links
from app.pages.views import render
from core.types import Document

router = APIRouter(include_in_schema=False)

# Longer documents are shown in parts of this many characters: what renders in a fraction of a second.
LONGEST_PART = 100_000
LIST_LENGTH = 200

Offset = Annotated[int | None, Query(ge=0, le=10**9)]


@dataclass(frozen=True, slots=True)
class Link:
    """Where another document is, and what it is called."""

    url: str
    title: str


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A document, or the part of a long one, as the template shows it. `titled` says that its text begins with its
    title; `earlier` and `later` lead to the neighbouring parts, `parent` to the message that it came with."""

    document: Document
    titled: bool
    html: Markup
    located: Located | None
    page: int | None
    pages: int
    earlier: str | None
    later: str | None
    parent: Link | None


@router.get("/documents")
def list_page(caller: ChatDep, services: ServicesDep, after: Annotated[Text, Query(max_length=4000)] = "") -> Response:
    """The documents that the caller may see."""
    listing = DocumentLibrary(services.database).listing(caller.scope, after, LIST_LENGTH)
    return render("documents/documents.html", caller=caller, listing=listing, after=after)


@router.get("/documents/{document_id}")
def document_page(
    document_id: str,
    caller: ChatDep,
    services: ServicesDep,
    start: Offset = None,
    end: Offset = None,
    at: Offset = None,
    answer: Annotated[str | None, Query(max_length=36)] = None,
    view: Literal["page", "panel"] = "page",
) -> Response:
    """The document, its cited span marked; `view=panel` is the same without the page around it."""
    library = DocumentLibrary(services.database)
    document = library.open(document_id, caller.scope)
    located = None
    if start is not None and end is not None:
        interaction = AnswerRecords(services.database).find(answer, caller) if answer else None
        recorded = recorded_quote(interaction, document_id, start, end) if interaction else None
        located = locate(document, start, end, recorded)
    template = "documents/document_panel.html" if view == "panel" else "documents/document.html"
    links = partial(library.links, document, caller.scope)
    parent = library.parent(document, caller.scope)
    return render(template, caller=caller, view=document_view(document, located, at or 0, links, parent))


def document_view(
    document: Document, located: Located | None, at: int, links: Links, parent: Document | None
) -> DocumentView:
    """The document around the located quote, or from `at` on."""
    quote = located.span if located else None
    part = visible_part(document.text, quote or TextSpan(at, at))
    inside = TextSpan(quote.start - part.start, quote.end - part.start) if quote else None
    return DocumentView(
        document=document,
        titled=not part.start and document.text.lstrip().startswith(f"# {document.title}\n"),
        html=document_html(document.text[part.start : part.end], document.format, inside, links),
        located=located,
        page=page_of(document, quote.start) if quote else None,
        pages=len(document.page_starts),
        earlier=f"{document_url(document.id)}?at={max(0, part.start - LONGEST_PART)}" if part.start else None,
        later=f"{document_url(document.id)}?at={part.end}" if part.end < len(document.text) else None,
        parent=Link(document_url(parent.id), parent.title) if parent else None,
    )


def visible_part(text: str, focus: TextSpan) -> TextSpan:
    """The part of a long text to show: all of it where it is short enough, else whole lines with `focus` in them."""
    if len(text) <= LONGEST_PART:
        return TextSpan(0, len(text))
    margin = LONGEST_PART // 2 if focus.end > focus.start else 0
    start = min(max(0, focus.start - margin), len(text) - 1)
    start = text.rfind("\n", 0, start) + 1
    end = max(start + LONGEST_PART, focus.end)
    line_end = text.find("\n", end)
    return TextSpan(start, len(text) if line_end < 0 else line_end + 1)
