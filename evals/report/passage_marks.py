"""Which stretches of a text are marked: gold evidence and quotes in passages, what differs in answers. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

from evals.cases.answers import AnswerRecord, RecordedPassage
from evals.report.case_detail import CaseDetail

_WORD = re.compile(r"\s*\S+")
# Words compared, at most: the time it takes grows with their square.
_MOST_WORDS = 1_500
# Texts that are less alike than this have nothing to be told apart by.
_LEAST_ALIKE = 0.3


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of text. `gold` stands in the gold evidence, `quoted` in a citation's quote."""

    text: str
    gold: bool = False
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class PassageView:
    """A retrieved passage as it is shown; `markers` are those of the citations out of it."""

    rank: int
    passage: RecordedPassage
    gold: bool
    markers: tuple[int, ...]
    segments: tuple[Segment, ...]
    cut: bool


@dataclass(frozen=True, slots=True)
class ComparedWords:
    """A stretch of an answer; `own` if the other answer does not have it."""

    text: str
    own: bool


def passage_views(detail: CaseDetail, answer: AnswerRecord, most: int | None = None) -> list[PassageView]:
    """The answer's passages in their order. Of those that are neither gold nor cited, `most` characters are shown."""
    return [_view(rank, passage, detail, answer, most) for rank, passage in enumerate(answer.passages, start=1)]


def segments(text: str, gold: Sequence[tuple[int, int]], quoted: Sequence[tuple[int, int]]) -> tuple[Segment, ...]:
    """The text cut wherever a marked span begins or ends; spans beyond it are cut off."""
    edges = sorted({0, len(text), *(min(max(at, 0), len(text)) for span in (*gold, *quoted) for at in span)})
    return tuple(
        Segment(text[start:end], _inside(start, end, gold), _inside(start, end, quoted))
        for start, end in pairwise(edges)
    )


def wordings(text: str, other: str) -> tuple[ComparedWords, ...]:
    """The text with what the other one does not say set apart, word by word. Nothing is set apart in texts that are
    too long to compare, or that have next to nothing in common."""
    own, others = _WORD.findall(text), _WORD.findall(other)
    if len(own) + len(others) > _MOST_WORDS:
        return (ComparedWords(text, False),)
    matcher = SequenceMatcher(None, [word.strip() for word in own], [word.strip() for word in others], autojunk=False)
    if matcher.ratio() < _LEAST_ALIKE:
        return (ComparedWords(text, False),)
    found = []
    for operation, start, end, _, _ in matcher.get_opcodes():
        if start < end:
            found.append(ComparedWords("".join(own[start:end]), operation != "equal"))
    return tuple(found)


def _view(
    rank: int, passage: RecordedPassage, detail: CaseDetail, answer: AnswerRecord, most: int | None
) -> PassageView:
    cited = [
        citation
        for citation in answer.citations
        if citation.uri == passage.uri and citation.start < passage.end and passage.start < citation.end
    ]
    quoted = [(citation.start - passage.start, citation.end - passage.start) for citation in cited]
    gold = detail.is_gold(passage)
    cut = most is not None and len(passage.text) > most and not gold and not cited
    text = passage.text[:most] if cut else passage.text
    return PassageView(
        rank=rank,
        passage=passage,
        gold=gold,
        markers=tuple(citation.marker for citation in cited),
        segments=segments(text, detail.gold_in(passage), quoted),
        cut=cut,
    )


def _inside(start: int, end: int, spans: Sequence[tuple[int, int]]) -> bool:
    return any(first <= start and end <= last for first, last in spans)
