"""Rows of questions and passages: read, freed of what is measured on, and split by title. Pure but for `read_rows`."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Literal

from core.errors import InputError
from core.types import digest


class RowLabel(IntEnum):
    """What is known of a row. People judged an UNANSWERED one; a PRESUMED negative was picked by a rule. An UNKNOWN one
    is only scored."""

    POSITIVE = 0
    PRESUMED = 1
    UNANSWERED = 2
    UNKNOWN = 3


class Split(IntEnum):
    """Which part of the rows a question is in. MEASURED ones are of the sets that the reader is judged on."""

    TRAIN = 0
    DEV = 1
    HELD_OUT = 2
    MEASURED = 3


@dataclass(frozen=True, slots=True)
class SourceTraits:
    """How a source is used.

    `mined`: other passages are fair negatives, its questions saying what they are about. `split_by`: its page, where
    titles are many and true. `per_title`: the same few questions are asked of every title, so that a question's
    candidates end there. `relevance_only`: a passage may be evidence and still not answer.
    """

    mined: bool = True
    split_by: Literal["page", "passage", "question"] = "page"
    per_title: bool = False
    relevance_only: bool = False


# Left out: the rows made for checking claims against evidence (grounding-begin, -fever-symmetric), and scifact-train,
# whose claims are measured on.
SOURCES: Mapping[str, SourceTraits] = {
    "anthropic-docs": SourceTraits(),
    "boolq": SourceTraits(),
    "contractnli": SourceTraits(mined=False, per_title=True),
    "covid-qa": SourceTraits(),
    "cpgqa": SourceTraits(split_by="passage"),
    "cuad-clauses": SourceTraits(mined=False, per_title=True),
    "feedbackqa-australia": SourceTraits(),
    "feedbackqa-cdc": SourceTraits(),
    "feedbackqa-uk": SourceTraits(),
    "grounding-fm2": SourceTraits(relevance_only=True),
    "lfrqa": SourceTraits(split_by="passage"),
    "medquad": SourceTraits(),
    "medquad-graded": SourceTraits(mined=False, split_by="question"),
    "multihop-samples": SourceTraits(relevance_only=True, split_by="question"),
    "nq-open-oracle": SourceTraits(),
    "pubmedqa-l": SourceTraits(),
    "qasper": SourceTraits(mined=False),
    "qed-dev": SourceTraits(),
    "selqa": SourceTraits(),
    "squad2-dev-no-xquad": SourceTraits(),
    "squadshifts-new-wiki": SourceTraits(),
    "tatqa": SourceTraits(mined=False, split_by="question"),
}

# Of a hundred titles so many are for choosing the checkpoint, and as many are looked at once, at the end.
_DEV_TITLES, _HELD_OUT_TITLES = 4, 4
_JUDGED = frozenset({"human-unanswerable", "graded-negative", "composed-negative"})
_WORD = re.compile(r"\w+")
# As many words in a row shared with a measured passage make a row the same text.
SHINGLE_WORDS = 13


@dataclass(frozen=True, slots=True)
class ReaderRow:
    """A question, a passage under its heading, and what is known of the two. `spans` are characters of the passage that
    answer."""

    source: str
    question: str
    heading: str
    passage: str
    spans: tuple[tuple[int, int], ...]
    label: RowLabel
    group: str
    """Rows of one group are candidates for the same question."""
    split: Split


def read_rows(folder: Path) -> Iterator[ReaderRow]:
    """The rows of every source in SOURCES that lies in the folder. Raises InputError if none does."""
    files = [(name, folder / f"{name}.jsonl.gz") for name in SOURCES]
    if not any(file.is_file() for _, file in files):
        raise InputError(f"There are no question and passage rows in {folder}.", hint="Name the data set's folder.")
    for name, file in files:
        if file.is_file():
            with gzip.open(file, "rt", encoding="utf-8") as lines:
                yield from (_row(name, json.loads(line)) for line in lines)


def _row(name: str, raw: Mapping[str, Any]) -> ReaderRow:
    traits = SOURCES[name]
    question, passage, title = raw["question"], raw["passage"], raw["title"].replace("_", " ")
    if raw["answerable"] or raw["kind"] == "claim":
        label = RowLabel.POSITIVE
    else:
        label = RowLabel.UNANSWERED if raw["kind"] in _JUDGED else RowLabel.PRESUMED
    return ReaderRow(
        source=name,
        question=question,
        heading=title.rsplit(" > ", 1)[-1],
        passage=passage,
        spans=tuple((start, end) for start, end in raw["spans"]),
        label=label,
        group="\n".join((name, question, title if traits.per_title else "")),
        split=split_of({"page": title.split(" > ", 1)[0], "passage": passage, "question": question}[traits.split_by]),
    )


def split_of(unit: str) -> Split:
    """The part that a title, or a passage, is in: the same on every machine, whatever its case and spacing."""
    place = int(digest(" ".join(words(unit)))[:8], 16) % 100
    if place < _DEV_TITLES:
        return Split.DEV
    return Split.HELD_OUT if place < _DEV_TITLES + _HELD_OUT_TITLES else Split.TRAIN


def words(text: str) -> list[str]:
    """The text's words in lower case."""
    return _WORD.findall(text.lower())


class MeasuredText:
    """The questions and passages that a reader will be measured on, and whether a row overlaps them."""

    def __init__(self, questions: Iterable[str], passages: Iterable[str]) -> None:
        self._questions = {" ".join(words(question)) for question in questions}
        self._shingles = {shingle for passage in passages for shingle in _shingles(passage)}

    def overlaps(self, row: ReaderRow) -> bool:
        """Whether the row asks a measured question, or shares SHINGLE_WORDS words in a row with a measured passage."""
        if " ".join(words(row.question)) in self._questions:
            return True
        return not self._shingles.isdisjoint(_shingles(row.passage))


def _shingles(text: str) -> set[int]:
    found = words(text)
    return {hash(tuple(found[at : at + SHINGLE_WORDS])) for at in range(len(found) - SHINGLE_WORDS + 1)}


def consistent(rows: Iterable[ReaderRow]) -> list[ReaderRow]:
    """The rows, each once, every group and every passage in one split only: the strictest of those it came with."""
    unique = list(dict.fromkeys(rows))
    strictest: dict[str, Split] = {}
    for row in unique:
        for key in (row.group, row.passage):
            strictest[key] = max(strictest.get(key, Split.TRAIN), row.split)
    return [row for row in unique if strictest[row.group] == strictest[row.passage] == row.split]
