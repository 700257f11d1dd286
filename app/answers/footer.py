"""An answer's sources as text, for clients that show nothing but text. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from app.answers.places_to_look import places_to_look
from core.text.citation_marker import written
from core.types import Answer, Chunk, Citation
from serving.filters.outgoing import harmless, visible
from serving.wording.catalogue import wording
from serving.wording.wording import Wording


def citations_footer(answer: Answer) -> str:
    """The list that follows the answer's text, as markdown that also reads well as it is: its sources, or where to look
    when there is no answer. Empty without either."""
    words = wording(answer.language)
    if answer.citations:
        lines = [f"{written(each.marker)} {_source(each, words)}" for each in answer.citations]
        return _listed(words.sources, lines, words)
    return _listed(words.places, [_place(chunk, words) for chunk in places_to_look(answer)], words)


def _listed(heading: str, lines: Sequence[str], words: Wording) -> str:
    return f"\n\n{heading}{words.colon}\n\n" + "\n".join(f"- {line}" for line in lines) if lines else ""


def _source(citation: Citation, words: Wording) -> str:
    return _place(citation.chunk, words) + ("" if citation.supported else f" ({words.weak})")


def _place(chunk: Chunk, words: Wording) -> str:
    title = harmless(" ".join(chunk.title.split()))
    uri = visible("".join(chunk.uri.split())).replace("`", "")
    page = f", {words.page.format(number=chunk.pages)}" if chunk.page else ""
    return f"{title}{page} (`{uri}`)"
