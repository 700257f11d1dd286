"""The table on the machine that trains: each question's candidates, and sequences put together where they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from tools.reader.model import SequenceBatch
from tools.reader.rows import RowLabel, Split
from tools.reader.table import NO_SENTENCE, SEQUENCE_TOKENS, ReaderTable

_PAD, _CLS, _SEP = 0, 101, 102


def places(array: Any, device: str) -> Any:
    """Places in the table, on the device."""
    return torch.from_numpy(array.astype(np.int64)).to(device)


class Sequences:
    """Every question and passage on the device. A batch is gathered there, so that nothing waits for a data loader."""

    def __init__(self, table: ReaderTable, device: str) -> None:
        def held(array: Any, kind: Any = np.int32) -> Any:
            return torch.from_numpy(array.astype(kind)).to(device)

        self.device = device
        self.question_starts, self.passage_starts = held(table.question_starts, int), held(table.passage_starts, int)
        self._question_tokens, self._passage_tokens = held(table.question_tokens), held(table.passage_tokens)
        self._sentences = held(table.passage_sentences)

    def lengths(self, starts: Any, places: Any) -> Any:
        """How many tokens each has."""
        return starts[places + 1] - starts[places]

    def batch(self, questions: Any, passages: Any) -> SequenceBatch:
        """The sequences of these pairs; both of shape (batch,). Passages are cut so that SEQUENCE_TOKENS hold."""
        asked = self.lengths(self.question_starts, questions)[:, None]
        told = self.lengths(self.passage_starts, passages)[:, None]
        told = torch.minimum(told, SEQUENCE_TOKENS - 3 - asked)
        place = torch.arange(int((asked + told).max()) + 3, device=self.device)[None]
        in_question = (place >= 1) & (place <= asked)
        in_passage = (place >= asked + 2) & (place < asked + 2 + told)
        at_question = (self.question_starts[questions][:, None] + place - 1) * in_question
        at_passage = (self.passage_starts[passages][:, None] + place - asked - 2) * in_passage
        ids = torch.where(in_question, self._question_tokens[at_question], _PAD)
        ids = torch.where(in_passage, self._passage_tokens[at_passage], ids)
        ids = torch.where((place == asked + 1) | (place == asked + 2 + told), _SEP, ids)
        ids[:, 0] = _CLS
        sentence = torch.where(in_passage, self._sentences[at_passage], NO_SENTENCE)
        known = sentence != NO_SENTENCE
        sentences = max(1, int(torch.where(known, sentence, -1).max()) + 1)
        return SequenceBatch(
            ids=ids.long(),
            attended=place < asked + told + 3,
            in_question=in_question,
            in_passage=in_passage,
            sentence=torch.where(known, sentence, sentences).long(),
            sentences=sentences,
            question_end=int(asked.max()) + 1,
        )

    def alone(self, starts: Any, places: Any) -> tuple[Any, Any]:
        """Token ids and mask of questions or passages by themselves, as the embedder sees them."""
        tokens = self._question_tokens if starts is self.question_starts else self._passage_tokens
        lengths = self.lengths(starts, places)[:, None]
        place = torch.arange(int(lengths.max()) + 2, device=self.device)[None]
        inside = (place >= 1) & (place <= lengths)
        ids = torch.where(inside, tokens[(starts[places][:, None] + place - 1) * inside], _PAD)
        ids = torch.where(place == lengths + 1, _SEP, ids)
        ids[:, 0] = _CLS
        return ids.long(), place < lengths + 2


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs of several questions, on the device. `group` numbers the questions from 0; `row` is a pair's row in the
    table, -1 for a negative that was found elsewhere."""

    question: Any
    passage: Any
    group: Any
    row: Any


# Of a question's own negatives at most so many, then others until there are CANDIDATES.
OWN_NEGATIVES = 4
CANDIDATES = 10
# Where other passages are no fair negatives, a few that have nothing to do with the question.
_STRANGERS = 2
# Passages that differ by about so many tokens may share a batch; a question has about so many.
_LIKE_TOKENS = 8
_USUAL_QUESTION = 24


class CandidateMaker:
    """Draws each question's candidates anew in every epoch: one that answers, its own negatives, found ones."""

    def __init__(self, table: ReaderTable, mined: Any, seed: int) -> None:
        """`mined` has a line of passages for every question, -1 where there is none left."""
        self._table = table
        self._mined = mined
        self._random = np.random.default_rng(seed)
        self._rows: dict[int, list[int]] = {}
        training = table.question_split[table.row_question] == Split.TRAIN
        for row in np.flatnonzero(training):
            self._rows.setdefault(int(table.question_group[table.row_question[row]]), []).append(int(row))
        self._pool = np.unique(table.row_passage[training])
        self._lengths = np.diff(table.passage_starts)

    def epoch(self, tokens: int, device: str) -> Iterator[Candidates]:
        """Batches of about so many tokens, in random order, questions with passages of like length together."""
        drawn = self._drawn()
        longest = np.array([max(self._lengths[passage] for _, passage, _ in pairs) for pairs in drawn])
        order = np.argsort(longest + self._random.normal(0, _LIKE_TOKENS, len(drawn)))
        batches: list[list[int]] = [[]]
        width = sequences = 0
        for number in order:
            width, sequences = max(width, int(longest[number]) + _USUAL_QUESTION), sequences + len(drawn[number])
            if batches[-1] and sequences * width > tokens:
                batches.append([])
                width, sequences = int(longest[number]) + _USUAL_QUESTION, len(drawn[number])
            batches[-1].append(int(number))
        for place in self._random.permutation(len(batches)):
            yield _joined([drawn[number] for number in batches[place]], device)

    def _drawn(self) -> list[list[tuple[int, int, int]]]:
        """Each question's candidates as (question, passage, row)."""
        # A draw without replacement, the nearer the likelier: the largest of log share and Gumbel noise.
        shares = -np.log(10 + np.arange(self._mined.shape[1]))
        noisy = np.where(self._mined >= 0, self._random.gumbel(size=self._mined.shape) + shares, -np.inf)
        found = np.take_along_axis(self._mined, np.argsort(-noisy, axis=1), axis=1)[:, :CANDIDATES]
        strangers = self._random.choice(self._pool, (len(found), _STRANGERS))
        return [self._candidates(rows, found, strangers) for rows in self._rows.values()]

    def _candidates(self, rows: Sequence[int], found: Any, strangers: Any) -> list[tuple[int, int, int]]:
        table, random = self._table, self._random
        answers = [row for row in rows if table.row_label[row] == RowLabel.POSITIVE]
        others = [row for row in rows if table.row_label[row] != RowLabel.POSITIVE]
        kept = [answers[random.integers(len(answers))]] if answers else []
        kept += (
            others
            if len(others) <= OWN_NEGATIVES
            else [others[at] for at in random.permutation(len(others))[:OWN_NEGATIVES]]
        )
        pairs = [(int(table.row_question[row]), int(table.row_passage[row]), row) for row in kept]
        if not answers:
            return pairs
        question = pairs[0][0]
        near = [int(one) for one in found[question] if one >= 0][: CANDIDATES - 1 - len(pairs)]
        far = strangers[question][: 1 if near else _STRANGERS].tolist()
        return pairs + [(question, passage, -1) for passage in [*near, *far]]


def _joined(drawn: Sequence[Sequence[tuple[int, int, int]]], device: str) -> Candidates:
    flat = np.array([(*pair, number) for number, pairs in enumerate(drawn) for pair in pairs])
    held = torch.from_numpy(flat).to(device)
    return Candidates(question=held[:, 0], passage=held[:, 1], group=held[:, 3], row=held[:, 2])
