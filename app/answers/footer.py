"""An answer's sources as text, for clients that show nothing but text. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from app.answers.citations import WEAK
from app.answers.places_to_look import places_to_look
from core.text.citation_marker import written
from core.types import Answer, Chunk, Citation
from serving.filters.outgoing import harmless, visible


def citations_footer(answer: Answer) -> str:
    """The list that follows the answer's text, as markdown that also reads well as it is: its sources, or where to look
    when there is no answer. Empty without either."""
    if answer.citations:
        return _listed("Sources", [f"{written(each.marker)} {_source(each)}" for each in answer.citations])
    return _listed("Places to look", [_place(chunk) for chunk in places_to_look(answer)])


def _listed(heading: str, lines: Sequence[str]) -> str:
    return f"\n\n{heading}:\n\n" + "\n".join(f"- {line}" for line in lines) if lines else ""


def _source(citation: Citation) -> str:
    return _place(citation.chunk) + ("" if citation.supported else f" ({WEAK})")


def _place(chunk: Chunk) -> str:
    title = harmless(" ".join(chunk.title.split()))
    uri = visible("".join(chunk.uri.split())).replace("`", "")
    page = f", page {chunk.page}" if chunk.page else ""
    return f"{title}{page} (`{uri}`)"
