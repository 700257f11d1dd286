"""The extractive generator: quotes the sentences that answer, each with its citation. No model server at all."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from itertools import accumulate

from core.ports import Embedder, Generated, GenerationRequest, TextDelta
from core.text.citation_marker import written
from core.text.markdown_lines import is_item, without_item_mark
from core.text.passage_parts import as_record
from core.types import Citation, Usage
from serving.differences import differences, differences_note
from serving.grounding.contradictions import ContradictionFinder, with_others
from serving.grounding.quotes import Quote, select_quotes
from serving.wording.catalogue import wording

_ROW = re.compile(r"^[ \t]*\|.*\|[ \t]*$", re.MULTILINE)


class ExtractiveGenerator:
    """Answers with the best sentences of the evidence, word for word. Where another document contradicts one of them,
    that one is quoted as well, and the answer begins by saying so."""

    name = "extractive"

    def __init__(self, embedder: Embedder, language: str = "english", *, whole: bool = False) -> None:
        self._embedder = embedder
        self._language = language
        self._whole = whole
        self._contradictions = ContradictionFinder(language)

    async def stream(self, request: GenerationRequest) -> AsyncIterator[TextDelta | Generated]:
        """One TextDelta for each quoted stretch, then Generated."""
        quotes = select_quotes(request.evidence, self._language, whole=self._whole)
        found = self._contradictions.among(request.question, quotes, request.evidence.sentences)
        quotes = with_others(quotes, found)
        citations = [
            Citation(
                number, quote.chunk, quote.start, quote.end, quote.text, round(quote.score, 6), marked=quote.marked
            )
            for number, quote in enumerate(quotes, start=request.first_marker)
        ]
        differing = differences(found, citations, request.passages)
        pieces = [
            _between(quote, place) + render_quote(quote, citations[place].marker) for place, quote in enumerate(quotes)
        ]
        costs = [self._embedder.count_tokens([text])[0] for text in pieces]
        budget = sum(costs) if request.max_tokens is None else request.max_tokens
        shown = sum(total <= budget for total in accumulate(costs))
        note = f"{differences_note(differing, wording(request.language))}\n\n" if differing else ""
        extra = self._embedder.count_tokens([note])[0] if note else 0
        if shown < len(pieces) or (request.max_tokens is not None and sum(costs) + extra > budget):
            differing = ()
        elif note:
            pieces[0], costs[0] = note + pieces[0], costs[0] + extra
        for text in pieces[:shown]:
            yield TextDelta(text)
        prompt = [request.question, *(passage.chunk.text for passage in request.passages)]
        usage = Usage(sum(self._embedder.count_tokens(prompt)), sum(costs[:shown]))
        reason = "stop" if shown == len(pieces) else "length"
        yield Generated(tuple(citations[:shown]), usage, reason, differences=differing)


def _between(quote: Quote, place: int) -> str:
    if place == 0:
        return ""
    return " " if quote.goes_on else "\n\n"


def render_quote(quote: Quote, marker: int) -> str:
    """The quote as markdown with its marker: a lone list item loses its bullet, a table row its bars, a list keeps
    its own. Cells have their columns' names where these are known."""
    text = _ROW.sub(lambda row: f"- {as_record(row[0], quote.columns)}", quote.text)
    if not any(is_item(line) for line in text.splitlines()[1:]):
        text = without_item_mark(text)
    return f"{text} {written(marker)}"
