"""An answer's sources as text, for clients that show nothing but text. Pure."""

from __future__ import annotations

from app.answers.citations import WEAK
from core.text.citation_marker import written
from core.types import Answer, Citation
from serving.filters.outgoing import harmless, visible


def citations_footer(answer: Answer) -> str:
    """The list that follows the answer's text, as markdown that also reads well as it is; empty without citations."""
    if not answer.citations:
        return ""
    lines = (f"- {written(citation.marker)} {_place(citation)}" for citation in answer.citations)
    return "\n\nSources:\n\n" + "\n".join(lines)


def _place(citation: Citation) -> str:
    chunk = citation.chunk
    title = harmless(" ".join(chunk.title.split()))
    uri = visible("".join(chunk.uri.split())).replace("`", "")
    page = f", page {chunk.page}" if chunk.page else ""
    weak = "" if citation.supported else f" ({WEAK})"
    return f"{title}{page} (`{uri}`){weak}"
