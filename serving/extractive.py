"""The extractive generator: quotes the sentences that answer, each with its citation. No model server at all."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence

from core.ports import Embedder, Generated, GenerationRequest, TextDelta
from core.text.citation_marker import written
from core.text.markdown_lines import is_item, without_item_mark
from core.text.passage_parts import cells
from core.types import Citation, Usage
from serving.grounding.quotes import Quote, select_quotes

_ROW = re.compile(r"^[ \t]*\|.*\|[ \t]*$", re.MULTILINE)


class ExtractiveGenerator:
    """Answers with the best sentences of the evidence, word for word."""

    name = "extractive"

    def __init__(self, embedder: Embedder, language: str = "english", *, whole: bool = False) -> None:
        self._embedder = embedder
        self._language = language
        self._whole = whole

    async def stream(self, request: GenerationRequest) -> AsyncIterator[TextDelta | Generated]:
        """One TextDelta for each quoted stretch, then Generated."""
        budget = request.max_tokens
        citations: list[Citation] = []
        used, reason = 0, "stop"
        for quote in select_quotes(request.evidence, self._language, whole=self._whole):
            marker = request.first_marker + len(citations)
            between = (" " if quote.goes_on else "\n\n") if citations else ""
            text = between + render_quote(quote, marker)
            tokens = self._embedder.count_tokens([text])[0]
            if budget is not None and used + tokens > budget:
                reason = "length"
                break
            used += tokens
            citations.append(Citation(marker, quote.chunk, quote.start, quote.end, quote.text, round(quote.score, 6)))
            yield TextDelta(text)
        prompt = [request.question, *(passage.chunk.text for passage in request.passages)]
        usage = Usage(sum(self._embedder.count_tokens(prompt)), used)
        yield Generated(tuple(citations), usage, reason)


def render_quote(quote: Quote, marker: int) -> str:
    """The quote as markdown with its marker: a lone list item loses its bullet, a table row its bars, a list keeps
    its own. Cells have their columns' names where these are known."""
    text = _ROW.sub(lambda row: f"- {_row(row[0], quote.columns)}", quote.text)
    if not any(is_item(line) for line in text.splitlines()[1:]):
        text = without_item_mark(text)
    return f"{text} {written(marker)}"


def _row(row: str, columns: Sequence[str]) -> str:
    found = cells(row)
    if len(columns) == len(found):
        return "; ".join(_named(columns, found))
    return ": ".join(cell for cell in found if cell)


def _named(columns: Sequence[str], row: Sequence[str]) -> Iterator[str]:
    for column, cell in zip(columns, row, strict=True):
        if cell:
            yield f"{column}: {cell}" if column else cell
