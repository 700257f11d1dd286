"""The extractive generator: quotes the sentences that answer, each with its citation. No model server at all."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from core.ports import Embedder, Generated, GenerationRequest, TextDelta
from core.text.citation_marker import written
from core.text.markdown_lines import is_item, without_item_mark
from core.text.sentences import sentence_spans
from core.types import Chunk, Citation, Evidence, ScoredSentence, Usage

# At most this many sentences are quoted, and only those nearly as good as the best: an answer, not a digest.
MOST_QUOTES = 4
NEAR_BEST = 0.85
# A sentence that announces a list is quoted with the list, up to this many characters.
LONGEST_QUOTE = 1200

_ROW = re.compile(r"^[ \t]*\|(.*)\|[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Quote:
    """A stretch of one chunk worth quoting; offsets are the document's."""

    chunk: Chunk
    start: int
    end: int
    score: float

    @property
    def text(self) -> str:
        return self.chunk.text[self.start - self.chunk.start : self.end - self.chunk.start]


class ExtractiveGenerator:
    """Answers with the best sentences of the evidence, word for word."""

    name = "extractive"

    def __init__(self, embedder: Embedder, language: str = "english") -> None:
        self._embedder = embedder
        self._language = language

    async def stream(self, request: GenerationRequest) -> AsyncIterator[TextDelta | Generated]:
        """One TextDelta for each quoted stretch, then Generated."""
        budget = request.max_tokens
        citations: list[Citation] = []
        used, reason = 0, "stop"
        for quote in select_quotes(request.evidence, self._language):
            marker = request.first_marker + len(citations)
            text = ("\n\n" if citations else "") + render_quote(quote, marker)
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


def select_quotes(evidence: Evidence, language: str) -> list[Quote]:
    """The stretches to quote, best chunk first and in reading order inside a chunk. Neighbours become one quote."""
    if not evidence.sentences:
        return []
    best = evidence.sentences[0].score
    chosen = [s for s in evidence.sentences if s.score >= best * NEAR_BEST][:MOST_QUOTES]
    quotes: list[Quote] = []
    for chunk_sentences in _by_chunk(chosen):
        quotes.extend(_joined([_with_its_list(sentence, language) for sentence in chunk_sentences]))
    return quotes


def render_quote(quote: Quote, marker: int) -> str:
    """The quote as markdown with its marker: a lone list item loses its bullet, a table row its bars, a list keeps
    its own."""
    text = _ROW.sub(_cells, quote.text)
    if not any(is_item(line) for line in text.splitlines()[1:]):
        text = without_item_mark(text)
    return f"{text} {written(marker)}"


def _cells(row: re.Match[str]) -> str:
    return "- " + ": ".join(cell.strip() for cell in row[1].split("|") if cell.strip())


def _by_chunk(sentences: Sequence[ScoredSentence]) -> list[list[ScoredSentence]]:
    groups: dict[str, list[ScoredSentence]] = {}
    for sentence in sentences:
        groups.setdefault(sentence.chunk.id, []).append(sentence)
    return [sorted(group, key=lambda sentence: sentence.start) for group in groups.values()]


def _with_its_list(sentence: ScoredSentence, language: str) -> Quote:
    """The sentence, and the list it announces if it ends with a colon."""
    chunk, end = sentence.chunk, sentence.end
    if sentence.text.rstrip("*_ ").endswith(":"):
        for start, stop in sentence_spans(chunk.text, language):
            if chunk.start + start < end:
                continue
            piece = chunk.text[start:stop]
            continues = is_item(piece) or not re.search(r"\n\s*\n", chunk.text[end - chunk.start : start])
            if not continues or chunk.start + stop - sentence.start > LONGEST_QUOTE:
                break
            end = chunk.start + stop
    return Quote(chunk, sentence.start, end, sentence.score)


def _joined(quotes: Sequence[Quote]) -> list[Quote]:
    """Quotes of one chunk in reading order, those that touch or overlap made one."""
    joined: list[Quote] = []
    for quote in quotes:
        last = joined[-1] if joined else None
        between = last.chunk.text[last.end - last.chunk.start : quote.start - last.chunk.start] if last else ""
        if last is not None and not between.strip():
            joined[-1] = Quote(last.chunk, last.start, max(last.end, quote.end), max(last.score, quote.score))
        else:
            joined.append(quote)
    return joined
