"""The table that training reads: every question and passage once, as tokens, and rows that join them.

Written as one safetensors file, so that the machine that trains needs neither the texts nor a tokenizer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

# A sequence's tokens, its three special ones included: chunks have 200, headings included.
SEQUENCE_TOKENS = 256
QUESTION_TOKENS = 48
PASSAGE_TOKENS = 240
# The token of a passage that stands in no sentence: its heading's.
NO_SENTENCE = 255
# One bit each in a row's `gold`.
MOST_SENTENCES = 32

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class ReaderTable:
    """Ragged arrays lie in one piece; those named `_starts` have one entry more than there are items.

    `passage_sentences` has the number of each token's sentence, or NO_SENTENCE. `row_gold` has a bit for each sentence
    that answers, `row_span` the first and last token of the answer in the passage, -1 where none is known.
    """

    question_tokens: Array  # uint16
    question_starts: Array  # int32
    question_source: Array  # uint8, a number in `rows.SOURCES`
    question_split: Array  # uint8, a Split
    question_group: Array  # int32
    passage_tokens: Array  # uint16
    passage_starts: Array  # int32
    passage_sentences: Array  # uint8
    passage_split: Array  # uint8
    row_question: Array  # int32
    row_passage: Array  # int32
    row_label: Array  # uint8, a RowLabel
    row_gold: Array  # uint32
    row_span: Array  # int16, (rows, 2)

    def save(self, path: Path) -> None:
        """Write it as one file."""
        save_file({field.name: np.ascontiguousarray(getattr(self, field.name)) for field in fields(self)}, path)

    @classmethod
    def load(cls, path: Path) -> ReaderTable:
        """Read what `save` wrote."""
        return cls(**load_file(path))


def ragged(items: Sequence[Sequence[int]], kind: type[np.unsignedinteger]) -> tuple[Array, Array]:
    """The items in one piece, and where each begins."""
    starts = np.zeros(len(items) + 1, np.int32)
    np.cumsum([len(item) for item in items], out=starts[1:])
    return np.fromiter((value for item in items for value in item), kind, int(starts[-1])), starts


def narrowed(table: ReaderTable, questions: int) -> ReaderTable:
    """The rows of the first questions of every split: what a trial on a small machine needs."""
    kept = np.zeros(len(table.question_split), bool)
    for split in np.unique(table.question_split):
        kept[np.flatnonzero(table.question_split == split)[:questions]] = True
    rows = kept[table.row_question]
    changed: Mapping[str, Array] = {
        name: getattr(table, name)[rows]
        for name in ("row_question", "row_passage", "row_label", "row_gold", "row_span")
    }
    unchanged = {field.name: getattr(table, field.name) for field in fields(table) if field.name not in changed}
    return ReaderTable(**unchanged, **changed)
