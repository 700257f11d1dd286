"""What the reader is trained to say of a batch of candidates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as functional

from tools.reader.batches import Candidates
from tools.reader.model import ReaderOutput, SequenceBatch
from tools.reader.rows import SOURCES, RowLabel
from tools.reader.table import ReaderTable

# Each loss's share beside the ranking's, and how much a negative counts that nobody has judged.
_RELEVANCE, _ANSWERABLE, _SENTENCE, _SPAN = 0.5, 0.7, 0.7, 0.3
_PRESUMED = 0.3
_FAR = -1e4


@dataclass(frozen=True, slots=True)
class KnownRows:
    """What is known of the table's rows, on the device, with a last line for a pair that is in no row."""

    label: Any
    gold: Any
    span: Any
    relevance_only: Any

    @classmethod
    def of(cls, table: ReaderTable, device: str) -> KnownRows:
        """Take them to the device."""
        source = table.question_source[table.row_question]
        relevance_only = [number for number, traits in enumerate(SOURCES.values()) if traits.relevance_only]

        def held(array: Any, last: Any) -> Any:
            known = torch.from_numpy(array.astype("int64"))
            return torch.cat([known, torch.tensor([last])]).to(device)

        claims = torch.isin(torch.from_numpy(source.astype("int64")), torch.tensor(relevance_only))
        return cls(
            label=held(table.row_label, int(RowLabel.PRESUMED)),
            gold=held(table.row_gold, 0),
            span=held(table.row_span, [-1, -1]),
            relevance_only=torch.cat([claims, torch.tensor([False])]).to(device),
        )


def losses(reading: ReaderOutput, batch: SequenceBatch, candidates: Candidates, known: KnownRows) -> dict[str, Any]:
    """Each loss with its share; without those that nothing in the batch says anything of."""
    label = known.label[candidates.row]
    positive = label == RowLabel.POSITIVE
    presumed = label == RowLabel.PRESUMED
    # A passage that people found no answer in may well be about the question.
    relevance_weight = torch.where(presumed, _PRESUMED, torch.where(positive, 1.0, _PRESUMED))
    answer_weight = torch.where(presumed, _PRESUMED, 1.0) * ~known.relevance_only[candidates.row]
    target = positive.float()
    found = {
        "ranking": (1.0, _ranking(reading.relevance, candidates.group, positive)),
        "relevance": (_RELEVANCE, _judgement(reading.relevance, target, relevance_weight)),
        "answerable": (_ANSWERABLE, _judgement(reading.answerable, target, answer_weight)),
        "sentence": (_SENTENCE, _sentence(reading.sentence, known.gold[candidates.row])),
        "span": (_SPAN, _span(reading.span, batch, known.span[candidates.row])),
    }
    return {name: share * value for name, (share, value) in found.items() if value is not None}


def _ranking(relevance: Any, group: Any, positive: Any) -> Any:
    """InfoNCE: the candidate that answers against the others of its question."""
    if not positive.any():
        return None
    same = group[positive][:, None] == group[None]
    scores = relevance[None].masked_fill(~same, _FAR)
    return functional.cross_entropy(scores, torch.nonzero(positive)[:, 0])


def _judgement(logits: Any, target: Any, weight: Any) -> Any:
    each = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (each * weight).sum() / weight.sum().clamp(min=1)


def _sentence(logits: Any, gold: Any) -> Any:
    """The share of a softmax over a passage's sentences that the answering ones have."""
    bits = (gold[:, None] >> torch.arange(logits.shape[1], device=gold.device)) & 1
    chosen = logits.masked_fill(bits == 0, _FAR)
    usable = chosen.amax(1) > _FAR / 2  # a long question can cut the answering sentence off
    if not usable.any():
        return None
    return (logits[usable].logsumexp(1) - chosen[usable].logsumexp(1)).mean()


def _span(logits: Any, batch: SequenceBatch, span: Any) -> Any:
    first = batch.in_passage.int().argmax(1)
    places = first[:, None] + span
    usable = (span[:, 0] >= 0) & (places[:, 1] < batch.in_passage.shape[1])
    usable &= batch.in_passage.gather(1, places[:, 1:].clamp(0, batch.in_passage.shape[1] - 1))[:, 0]
    if not usable.any():
        return None
    # (batch, tokens, 2) as two choices of one token each
    return functional.cross_entropy(logits[usable].transpose(1, 2).flatten(0, 1), places[usable].flatten())
