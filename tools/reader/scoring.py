"""A reader's figures on questions of one split, and its scores of every pair of the measured sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from tools.reader.batches import Sequences, places
from tools.reader.mining import HybridSearch
from tools.reader.model import Reader
from tools.reader.rows import SOURCES, RowLabel, Split
from tools.reader.table import ReaderTable

_TOKENS = 65_536
_RERANKED = 16
# What the reader's probability of relevance is worth beside the fused score.
BLENDS = (0.25, 0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class PairScores:
    """Logits of pairs: relevance and answerable (pairs,), and those of the sentences in one piece, with the number of
    sentences of each pair."""

    relevance: Any
    answerable: Any
    sentence: Any
    sentences: Any


def score_pairs(reader: Reader, sequences: Sequences, questions: Any, passages: Any) -> PairScores:
    """Read every pair."""
    reader.eval()
    lengths = sequences.lengths(sequences.question_starts, questions) + sequences.lengths(
        sequences.passage_starts, passages
    )
    order = torch.argsort(lengths)
    relevance, answerable = torch.empty(len(order)), torch.empty(len(order))
    sentence: list[Any] = [None] * len(order)
    width = max(1, _TOKENS // (int(lengths.max()) + 3))
    for part in order.split(width):
        batch = sequences.batch(questions[part], passages[part])
        with torch.no_grad():
            reading = reader(batch)
        there = part.cpu()
        relevance[there], answerable[there] = reading.relevance.cpu(), reading.answerable.cpu()
        counts = torch.where(batch.sentence < batch.sentences, batch.sentence, -1).amax(1).cpu() + 1
        for place, logits, count in zip(there.tolist(), reading.sentence.cpu(), counts.tolist(), strict=True):
            sentence[place] = logits[:count]
    reader.train()
    return PairScores(relevance, answerable, torch.cat(sentence), torch.tensor([len(one) for one in sentence]))


class SplitFigures:
    """Ranking of the hybrid search's best, the sentence that answers, and telling answers from none, on one split."""

    def __init__(self, table: ReaderTable, sequences: Sequences, search: HybridSearch, split: Split, most: int) -> None:
        self._sequences = sequences
        device = sequences.device
        row_split, source = table.question_split[table.row_question], table.question_source[table.row_question]
        mined = np.isin(source, [at for at, traits in enumerate(SOURCES.values()) if traits.mined])
        random = np.random.default_rng(7)
        positive = (table.row_label == RowLabel.POSITIVE) & (row_split == split)
        ranked = random.permutation(np.unique(table.row_question[positive & mined]))[:most]
        pool = np.unique(table.row_passage[row_split == split])
        self._questions = places(ranked, device)
        self._found = search.find(self._questions, places(pool, device), _RERANKED)
        answers = {(int(table.row_question[row]), int(table.row_passage[row])) for row in np.flatnonzero(positive)}
        self._right = torch.tensor(
            [
                [(question, one) in answers for one in line]
                for question, line in zip(ranked.tolist(), self._found.passages.tolist(), strict=True)
            ]
        )
        marked = np.flatnonzero(positive & (table.row_gold > 0))
        judged = np.flatnonzero((table.row_label == RowLabel.UNANSWERED) & (row_split == split))
        told = np.flatnonzero(positive & np.isin(source, np.unique(source[judged])))
        self._marked = random.permutation(marked)[:most]
        self._judged = np.concatenate([random.permutation(judged)[:most], random.permutation(told)[:most]])
        self._answered = np.isin(self._judged, told)
        self._table = table

    def of(self, reader: Reader) -> dict[str, float]:
        """The figures; `score` is what checkpoints are chosen by."""
        flat = self._questions[:, None].expand_as(self._found.passages).flatten()
        read = score_pairs(reader, self._sequences, flat, self._found.passages.flatten())
        relevance = read.relevance.view(self._right.shape)
        fused = self._found.fused.cpu()
        figures = {"fused": _ndcg(fused, self._right), "alone": _ndcg(relevance, self._right)}
        figures |= {f"blend {blend}": _ndcg(fused + blend * relevance.sigmoid(), self._right) for blend in BLENDS}
        figures["sentence"] = self._best_sentence(reader)
        answerable = self._rows(reader, self._judged).answerable.numpy()
        figures["answerable"] = _area(answerable[self._answered], answerable[~self._answered])
        best = max(figures[f"blend {blend}"] for blend in BLENDS)
        figures["score"] = (best + figures["sentence"] + figures["answerable"]) / 3
        return {name: round(float(value), 4) for name, value in figures.items()}

    def _best_sentence(self, reader: Reader) -> float:
        """How often the best sentence is one that answers."""
        read = self._rows(reader, self._marked)
        lines = read.sentence.split(read.sentences.tolist())
        gold = self._table.row_gold[self._marked].tolist()
        hits = [bool(bits >> int(line.argmax()) & 1) for line, bits in zip(lines, gold, strict=True) if len(line)]
        return float(np.mean(hits)) if hits else 0.0

    def _rows(self, reader: Reader, rows: Any) -> PairScores:
        questions, passages = self._table.row_question[rows], self._table.row_passage[rows]
        device = self._sequences.device
        return score_pairs(reader, self._sequences, places(questions, device), places(passages, device))


def _ndcg(scores: Any, right: Any) -> float:
    """nDCG@10 over each line's candidates, those lines that hold an answer."""
    kept = right.any(1)
    ranked = right[kept].gather(1, scores[kept].argsort(dim=1, descending=True))[:, :10].float()
    discount = 1 / torch.log2(torch.arange(ranked.shape[1]) + 2.0)
    ideal = torch.stack([discount[: int(count)].sum() for count in right[kept].sum(1).clamp(max=10)])
    return float(((ranked * discount).sum(1) / ideal).mean())


def _area(higher: Any, lower: Any) -> float:
    """The chance that one of the first is above one of the second: the area under the ROC curve."""
    if not len(higher) or not len(lower):
        return 0.5
    return float((higher[:, None] > lower[None]).mean())
