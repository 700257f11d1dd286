"""Which stretches of the passages are quoted as the answer. Pure.

With `whole`, what belongs together is quoted together: a list with the line that announces it, a row with its column
names, a paragraph of which several sentences answer, a sentence that the next passage ends. The best sentences come
first, and as many more as a person reads at a glance.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from core.text.markdown_lines import is_heading, is_item, without_item_mark
from core.text.passage_parts import body, column_names, list_around, row_around
from core.text.sentences import sentence_spans
from core.types import Chunk, Evidence, ScoredSentence

# Without `whole`: at most this many sentences are quoted, and only those nearly as good as the best.
MOST_QUOTES = 4
NEAR_BEST = 0.85
# A sentence that announces a list is quoted with the list, up to this many characters.
LONGEST_QUOTE = 1200

# With `whole`: so many words are quoted, of sentences with this share of the best one's score. See
# docs/explanation/citations.md for what other numbers gave.
MOST_WORDS = 120
WORTH_QUOTING = 0.6
# A longer section is quoted in the sentences that answer, the best of them first.
MOST_SECTION_WORDS = 60
# A sentence beside one that is quoted is worth so much more than one elsewhere: it is read in one go.
BESIDE = 0.05
# Characters of white space between passages of which one goes on with the other's sentence.
_WIDEST_BREAK = 4
# Sentences that share so much of their words say the same.
SAME = 0.8

_WORD = re.compile(r"\w+")
# A line in bold or italics, or a question: it says what stands below it, and nothing by itself.
_LABEL = re.compile(r"\s*(?:[-*+]\s+)?(?:(\*\*|__|\*|_)(?=\S)(?:(?!\1).)+\1[.:]?|.*[?？؟][*_\"”]*)\s*", re.DOTALL)
_ENDS = re.compile(r"[.!?:;…。！？؟।]['\"”’»)\]*_]*\s*$")


@dataclass(frozen=True, slots=True)
class Quote:
    """A stretch of one chunk worth quoting; offsets are the document's. `columns` names the columns of a table's row;
    a quote that `goes_on` ends the sentence that the quote before it begins. `marked` are the sentences that answer, as
    (start, end), where the quote holds others beside them."""

    chunk: Chunk
    start: int
    end: int
    score: float
    columns: tuple[str, ...] = ()
    goes_on: bool = False
    marked: tuple[tuple[int, int], ...] = ()

    @property
    def text(self) -> str:
        return self.chunk.text[self.start - self.chunk.start : self.end - self.chunk.start]

    @property
    def words(self) -> int:
        return len(_WORD.findall(self.text))

    def holds(self, sentence: ScoredSentence) -> bool:
        return self.chunk.id == sentence.chunk.id and self.start <= sentence.start and sentence.end <= self.end


def select_quotes(evidence: Evidence, language: str, *, whole: bool = False) -> list[Quote]:
    """The stretches to quote, best chunk first. Neighbours become one quote."""
    if not evidence.sentences:
        return []
    if whole:
        read = {(each.chunk.document_id, each.chunk.start): each.chunk for each in evidence.sentences}
        chosen, answering = _chosen(evidence.sentences, language)
        quotes = [_marked(quote, answering) for quote in _best_first(chosen)]
        return list(_with_what_goes_on(quotes, read, language))
    best = evidence.sentences[0].score
    near = [sentence for sentence in evidence.sentences if sentence.score >= best * NEAR_BEST][:MOST_QUOTES]
    return _in_order([_with_its_list(sentence, language) for sentence in near])


def _chosen(sentences: Sequence[ScoredSentence], language: str) -> tuple[list[Quote], list[ScoredSentence]]:
    """As many as there are words for, best first; and the sentences for which they were chosen, with those that are
    nearly as good as the best."""
    left, floor = MOST_WORDS, sentences[0].score * WORTH_QUOTING
    waiting = {(sentence.chunk.id, sentence.start): sentence for sentence in sentences}
    scores = {key: sentence.score for key, sentence in waiting.items()}
    near = {key for key, score in scores.items() if score >= sentences[0].score * NEAR_BEST}
    chosen: list[Quote] = []
    answering = [sentence for sentence in sentences if (sentence.chunk.id, sentence.start) in near]
    said: list[frozenset[str]] = []
    while waiting:
        key = max(waiting, key=lambda each: scores[each])
        sentence = waiting.pop(key)
        words = words_of(sentence.text)
        if chosen and scores[key] < floor:
            break
        if any(quote.holds(sentence) for quote in chosen) or any(_same(words, other) for other in said):
            continue
        quote = next((each for each in _widest_first(sentence, near, language) if each.words <= left), None)
        if quote is None and not chosen and not _is_label(sentence.text):
            quote = _of(sentence)
        if quote is None:
            continue
        chosen.append(quote)
        answering.append(sentence)
        said.append(words)
        left -= quote.words
        for other in _beside(quote, waiting.values()):
            scores[other.chunk.id, other.start] += BESIDE
    return chosen or [_of(sentences[0])], answering


def _marked(quote: Quote, answering: Iterable[ScoredSentence]) -> Quote:
    """The quote with the sentences marked that answer, unless nothing else stands in it. What only announces a list or
    heads a paragraph is not the answer."""
    held = (each for each in answering if quote.holds(each) and not (_announces(each.text) or _is_label(each.text)))
    spans = sorted({(each.start, each.end) for each in held})
    rest, at = [], quote.start
    for start, end in spans:
        rest.append(quote.chunk.text[at - quote.chunk.start : start - quote.chunk.start])
        at = end
    rest.append(quote.chunk.text[at - quote.chunk.start : quote.end - quote.chunk.start])
    if not spans or not _WORD.search("".join(rest)):
        return quote
    return replace(quote, marked=tuple((end - _letters(quote.chunk, start, end), end) for start, end in spans))


def _letters(chunk: Chunk, start: int, end: int) -> int:
    """How long the sentence is without its bullet or number."""
    return len(without_item_mark(chunk.text[start - chunk.start : end - chunk.start]))


def _announces(text: str) -> bool:
    return text.rstrip("*_ ").endswith(":")


def _is_label(text: str) -> bool:
    return _LABEL.fullmatch(text) is not None


def _widest_first(sentence: ScoredSentence, near: set[tuple[str, int]], language: str) -> Iterator[Quote]:
    """The stretches that the sentence could be quoted in."""
    chunk, at = sentence.chunk, sentence.start - sentence.chunk.start
    if row_around(chunk.text, at):
        yield replace(_of(sentence), columns=column_names(chunk.text, at, chunk.heading_path))
        return
    around = list_around(chunk.text, at)
    if around is not None and _several(chunk, around, near):
        start, end = around
        yield Quote(
            chunk, chunk.start + _announced_from(chunk.text, start, language), chunk.start + end, sentence.score
        )
    if around is None and _several(chunk, section := body(chunk.text, at), near):
        quote = Quote(chunk, chunk.start + section[0], chunk.start + section[1], sentence.score)
        if quote.words <= MOST_SECTION_WORDS:
            yield quote
    if _is_label(sentence.text):
        headed = _with_what_it_heads(sentence, language)
        yield from () if headed is None else (headed,)
        return
    yield _with_its_list(sentence, language)
    yield _of(sentence)


def _several(chunk: Chunk, stretch: tuple[int, int], near: set[tuple[str, int]]) -> bool:
    """Whether at least two of the best sentences stand in the stretch."""
    start, end = chunk.start + stretch[0], chunk.start + stretch[1]
    return sum(chunk_id == chunk.id and start <= at < end for chunk_id, at in near) > 1


def _announced_from(text: str, at: int, language: str) -> int:
    """Where the sentence begins that announces the list at `at`; the list's own beginning if none does."""
    before = [span for span in sentence_spans(text[:at], language) if _announces(text[span[0] : span[1]])]
    return before[-1][0] if before and not text[before[-1][1] : at].strip() else at


def _beside(quote: Quote, sentences: Iterable[ScoredSentence]) -> list[ScoredSentence]:
    """The sentences with nothing between them and the quote."""
    text, start = quote.chunk.text, quote.chunk.start
    return [
        sentence
        for sentence in sentences
        if sentence.chunk.id == quote.chunk.id
        and not text[min(sentence.end, quote.end) - start : max(sentence.start, quote.start) - start].strip()
    ]


def _in_order(quotes: Sequence[Quote]) -> list[Quote]:
    """Chunk by chunk in the order in which they first appear, in reading order within each."""
    return [quote for group in _by_chunk(quotes) for quote in _joined(group)]


def _best_first(quotes: Sequence[Quote]) -> list[Quote]:
    """The same, each chunk's best quote and what follows it before what stands above it: whoever reads on less than a
    screen shall have read the best."""
    ordered = []
    for group in _by_chunk(quotes):
        ordered += _joined([quote for quote in group if quote.start >= group[0].start])
        ordered += _joined([quote for quote in group if quote.start < group[0].start])
    return ordered


def _by_chunk(quotes: Sequence[Quote]) -> list[list[Quote]]:
    groups: dict[str, list[Quote]] = {}
    for quote in quotes:
        groups.setdefault(quote.chunk.id, []).append(quote)
    return list(groups.values())


def _joined(quotes: Sequence[Quote]) -> list[Quote]:
    """Quotes of one chunk in reading order, those that touch or overlap made one."""
    joined: list[Quote] = []
    for quote in sorted(quotes, key=lambda quote: quote.start):
        last = joined[-1] if joined else None
        between = last.chunk.text[last.end - last.chunk.start : quote.start - last.chunk.start] if last else ""
        if last is not None and not between.strip():
            joined[-1] = replace(last, end=max(last.end, quote.end), score=max(last.score, quote.score))
        else:
            joined.append(quote)
    return joined


def _with_its_list(sentence: ScoredSentence, language: str) -> Quote:
    """The sentence, and the list it announces if it ends with a colon."""
    chunk, end = sentence.chunk, sentence.end
    if _announces(sentence.text):
        for start, stop in sentence_spans(chunk.text, language):
            if chunk.start + start < end:
                continue
            piece = chunk.text[start:stop]
            continues = is_item(piece) or not re.search(r"\n\s*\n", chunk.text[end - chunk.start : start])
            if not continues or chunk.start + stop - sentence.start > LONGEST_QUOTE:
                break
            end = chunk.start + stop
    return Quote(chunk, sentence.start, end, sentence.score)


def _with_what_it_heads(sentence: ScoredSentence, language: str) -> Quote | None:
    """The label and the sentences behind it, up to the next heading or label; None where nothing follows."""
    chunk, end, words = sentence.chunk, sentence.end, len(_WORD.findall(sentence.text))
    for start, stop in sentence_spans(chunk.text, language):
        if chunk.start + start < end:
            continue
        piece = chunk.text[start:stop]
        words += len(_WORD.findall(piece))
        if is_heading(piece) or _is_label(piece) or words > MOST_SECTION_WORDS:
            break
        end = chunk.start + stop
    return Quote(chunk, sentence.start, end, sentence.score) if end > sentence.end else None


def _with_what_goes_on(
    quotes: Iterable[Quote], read: Mapping[tuple[str, int], Chunk], language: str
) -> Iterator[Quote]:
    """The quotes, each that breaks off where its passage ends followed by the rest of its sentence, if the passage that
    goes on there is among those that were read, by document and start."""
    for quote in quotes:
        yield quote
        chunk = quote.chunk
        if quote.end < chunk.end or _ENDS.search(quote.text):
            continue
        places = ((chunk.document_id, chunk.end + gap) for gap in range(_WIDEST_BREAK))
        rest = next((read[place] for place in places if place in read), None)
        if rest is not None and rest.text[:1].islower():
            start, end = sentence_spans(rest.text, language)[0]
            yield Quote(rest, rest.start + start, rest.start + end, quote.score, goes_on=True)


def _of(sentence: ScoredSentence) -> Quote:
    return Quote(sentence.chunk, sentence.start, sentence.end, sentence.score)


def words_of(text: str) -> frozenset[str]:
    """What sentences are compared by to see whether they say the same."""
    return frozenset(_WORD.findall(text.casefold()))


def _same(one: frozenset[str], other: frozenset[str]) -> bool:
    return bool(one) and len(one & other) >= SAME * len(one | other)
