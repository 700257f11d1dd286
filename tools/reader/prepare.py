"""Make the table that a reader is trained with: `python -m tools.reader.prepare ROWS OUT [MEASURED...]`.

ROWS is a folder of question and passage rows. Each MEASURED file holds lines of JSON, `{"question", "passages":
[{"heading", "text"}]}`: a set that the reader will be judged on. Its pairs go into the table to be scored, in the order
of the lines, and no row that overlaps them is kept.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from core.settings import load_settings
from core.text.sentences import sentence_spans
from retrieval.embedders.model import locate_model
from tools.reader.rows import SOURCES, MeasuredText, ReaderRow, RowLabel, Split, consistent, read_rows
from tools.reader.table import (
    MOST_SENTENCES,
    NO_SENTENCE,
    PASSAGE_TOKENS,
    QUESTION_TOKENS,
    ReaderTable,
    ragged,
)


def main(arguments: Sequence[str]) -> int:
    """Write the table, and print what is in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("measured", type=Path, nargs="*")
    chosen = parser.parse_args(arguments)
    settings = load_settings()
    model = locate_model(settings.embedder, settings.home / "models")
    measured = [row for file in chosen.measured for row in measured_rows(file)]
    text = MeasuredText((row.question for row in measured), (row.passage for row in measured))
    read = list(read_rows(chosen.rows))
    free = [row for row in read if not text.overlaps(row)]
    kept = consistent(free)
    print(f"{len(read)} rows, {len(read) - len(free)} of them measured on, {len(free) - len(kept)} twice or astride")
    make_table([*kept, *measured], model.tokenizer_file).save(chosen.out)
    for (split, label), count in sorted(Counter((row.split, row.label) for row in [*kept, *measured]).items()):
        print(f"{split.name.lower()} {label.name.lower()}: {count}")
    return 0


def measured_rows(file: Path) -> Iterator[ReaderRow]:
    """The pairs of a measured set, one row each."""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines()):
        item = json.loads(line)
        for passage in item["passages"]:
            group = f"{file.name}\n{number}"
            yield ReaderRow(
                "", item["question"], passage["heading"], passage["text"], (), RowLabel.UNKNOWN, group, Split.MEASURED
            )


def make_table(rows: Sequence[ReaderRow], tokenizer_file: Path) -> ReaderTable:
    """The rows as a table."""
    coder = SequenceCoder(tokenizer_file)
    sources = list(SOURCES)
    groups: dict[str, int] = {}
    questions: dict[tuple[str, str], int] = {}
    passages: dict[tuple[str, str, Split], CodedPassage] = {}
    asked: list[ReaderRow] = []
    columns = _Columns()
    for row in rows:
        key = (row.group, row.question)
        if key not in questions:
            questions[key] = len(questions)
            asked.append(row)
        place = (row.heading, row.passage, row.split)
        if place not in passages:
            passages[place] = coder.passage(row.heading, row.passage, len(passages))
        columns.add(questions[key], passages[place], row)
    question_tokens, question_starts = ragged([coder.question(row.question) for row in asked], np.uint16)
    coded = list(passages.values())
    passage_tokens, passage_starts = ragged([one.tokens for one in coded], np.uint16)
    return ReaderTable(
        question_tokens=question_tokens,
        question_starts=question_starts,
        question_source=np.array([sources.index(row.source) if row.source else 255 for row in asked], np.uint8),
        question_split=np.array([row.split for row in asked], np.uint8),
        question_group=np.array([groups.setdefault(row.group, len(groups)) for row in asked], np.int32),
        passage_tokens=passage_tokens,
        passage_starts=passage_starts,
        passage_sentences=ragged([one.sentences for one in coded], np.uint8)[0],
        passage_split=np.array([split for _, _, split in passages], np.uint8),
        row_question=np.array(columns.question, np.int32),
        row_passage=np.array(columns.passage, np.int32),
        row_label=np.array(columns.label, np.uint8),
        row_gold=np.array(columns.gold, np.uint32),
        row_span=np.array(columns.span, np.int16).reshape(-1, 2),
    )


@dataclass(frozen=True, slots=True)
class CodedPassage:
    """A passage's tokens under its heading; where each stands in the passage's text, and in which sentence."""

    number: int
    tokens: list[int]
    offsets: list[tuple[int, int]]
    sentences: list[int]

    def gold(self, spans: Iterable[tuple[int, int]]) -> tuple[int, tuple[int, int]]:
        """A bit for each sentence that the spans touch, and the first span's first and last token, or -1, -1."""
        bits, first = 0, (-1, -1)
        for start, end in spans:
            touched = [at for at, (left, right) in enumerate(self.offsets) if left < end and start < right]
            touched = [at for at in touched if self.sentences[at] != NO_SENTENCE]
            for at in touched:
                bits |= 1 << self.sentences[at]
            if touched and first == (-1, -1):
                first = (touched[0], touched[-1])
        return bits, first


@dataclass(slots=True)
class _Columns:
    question: list[int] = field(default_factory=list)
    passage: list[int] = field(default_factory=list)
    label: list[int] = field(default_factory=list)
    gold: list[int] = field(default_factory=list)
    span: list[tuple[int, int]] = field(default_factory=list)

    def add(self, question: int, passage: CodedPassage, row: ReaderRow) -> None:
        bits, span = passage.gold(row.spans) if row.label == RowLabel.POSITIVE else (0, (-1, -1))
        self.question.append(question)
        self.passage.append(passage.number)
        self.label.append(row.label)
        self.gold.append(bits)
        self.span.append(span)


class SequenceCoder:
    """Questions and passages as the reader sees them, without the special tokens."""

    def __init__(self, tokenizer_file: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(tokenizer_file))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def question(self, text: str) -> list[int]:
        """The question's first QUESTION_TOKENS tokens."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids[:QUESTION_TOKENS])

    def passage(self, heading: str, text: str, number: int = 0) -> CodedPassage:
        """The heading's tokens, then the passage's, cut to PASSAGE_TOKENS."""
        above = self._tokenizer.encode(f"{heading}:", add_special_tokens=False).ids[:QUESTION_TOKENS] if heading else []
        body = self._tokenizer.encode(text, add_special_tokens=False)
        room = PASSAGE_TOKENS - len(above)
        offsets = list(body.offsets[:room])
        return CodedPassage(
            number,
            [*above, *body.ids[:room]],
            [(-1, -1)] * len(above) + offsets,
            [NO_SENTENCE] * len(above) + _sentences(offsets, sentence_spans(text)),
        )


def _sentences(offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]]) -> list[int]:
    """The number of each token's sentence. What stands between two belongs to none."""
    numbers, at = [], 0
    for start, _ in offsets:
        while at < len(spans) and spans[at][1] <= start:
            at += 1
        inside = at < min(len(spans), MOST_SENTENCES) and spans[at][0] <= start
        numbers.append(at if inside else NO_SENTENCE)
    return numbers


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
