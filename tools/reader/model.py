"""The reader: the embedder reading question and passage together, and what it says of the two.

Plain heads on top of a small encoder stay near chance for long. These begin as what the encoder is good at already: how
near each of the question's tokens comes to one of the passage (MaxSim) and the cosine of the two means, both taken from
the joint encoding; a small network that begins at zero then learns what to add.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as functional
from torch import nn

WIDTH = 96
# Cosines times this are logits, so that at first a softmax over candidates prefers what is nearer.
_SCALE = 10.0
_LOW = -1e4


@dataclass(frozen=True, slots=True)
class SequenceBatch:
    """Sequences `[CLS] question [SEP] heading: passage [SEP]`. All tensors have the shape (batch, tokens) and, but for
    `ids` and `sentence`, are masks."""

    ids: Any
    attended: Any
    in_question: Any
    in_passage: Any
    sentence: Any
    """The number of each token's sentence; `sentences` where it stands in none."""
    sentences: int
    """Sentences of the passage that has most."""
    question_end: int
    """No token from here on is a question's."""


@dataclass(frozen=True, slots=True)
class ReaderOutput:
    """Logits: relevance and answerable (batch,), sentence (batch, sentences), span (batch, tokens, 2). What a sequence
    does not have is far below all else."""

    relevance: Any
    answerable: Any
    sentence: Any
    span: Any


class Reader(nn.Module):  # type: ignore[misc]
    """An encoder and its heads."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder
        size = encoder.config.hidden_size
        self.relevance_scale = nn.Parameter(torch.tensor([_SCALE, _SCALE, -_SCALE]))
        self.sentence_scale = nn.Parameter(torch.tensor([_SCALE, _SCALE]))
        self.answerable_scale = nn.Parameter(torch.tensor([0.3, 0.3, -3.0]))
        self.relevance_addend = _from_zero(4 * size)
        self.sentence_addend = _from_zero(3 * size)
        self.answerable_addend = _from_zero(4 * size)
        self.span = _zero(nn.Linear(2 * size, 2))

    def forward(self, batch: SequenceBatch) -> ReaderOutput:
        with torch.autocast(batch.ids.device.type, torch.bfloat16):
            hidden = self.encoder(input_ids=batch.ids, attention_mask=batch.attended).last_hidden_state
        hidden = hidden.float()
        unit = functional.normalize(hidden, dim=-1)
        near = unit[:, : batch.question_end] @ unit.transpose(1, 2)  # (batch, tokens up to the question's last, tokens)
        asked, told = _mean(hidden, batch.in_question), _mean(hidden, batch.in_passage)
        nearest = near.masked_fill(~batch.in_passage[:, None], -1).amax(2)
        reached = (nearest * _shares(batch.in_question, batch.question_end)).sum(1)
        cosine = functional.cosine_similarity(asked, told, dim=-1)
        relevance = torch.stack([reached, cosine, torch.ones_like(cosine)], -1) @ self.relevance_scale
        relevance = relevance + self.relevance_addend(torch.cat([hidden[:, 0], asked, told, asked * told], -1))
        means, sentence = self._sentences(hidden, near, asked, batch)
        best = (sentence.softmax(1)[:, None] @ means)[:, 0]
        found = torch.stack([sentence.amax(1).clamp(min=-20), relevance, torch.ones_like(relevance)], -1)
        answerable = found @ self.answerable_scale + self.answerable_addend(
            torch.cat([hidden[:, 0], asked, best, asked * best], -1)
        )
        span = self.span(torch.cat([hidden, hidden * asked[:, None]], -1)).masked_fill(
            ~batch.in_passage[..., None], _LOW
        )
        return ReaderOutput(relevance, answerable, sentence, span)

    def _sentences(self, hidden: Any, near: Any, asked: Any, batch: SequenceBatch) -> tuple[Any, Any]:
        """Each sentence's mean vector and its logit."""
        members = functional.one_hot(batch.sentence, batch.sentences + 1)[
            ..., :-1
        ].float()  # (batch, tokens, sentences)
        sizes = members.sum(1)
        means = members.transpose(1, 2) @ hidden / sizes.clamp(min=1)[..., None]
        nearest = near.new_full((*near.shape[:2], batch.sentences + 1), -1.0)
        places = batch.sentence[:, None].expand_as(near)
        nearest = nearest.scatter_reduce(2, places, near, "amax")[
            ..., :-1
        ]  # (batch, tokens of the question, sentences)
        reached = (nearest * _shares(batch.in_question, batch.question_end)[..., None]).sum(1)
        cosine = functional.cosine_similarity(means, asked[:, None], dim=-1)
        logits = reached * self.sentence_scale[0] + cosine * self.sentence_scale[1]
        about = asked[:, None].expand_as(means)
        logits = logits + self.sentence_addend(torch.cat([means, about * means, about], -1))
        return means, logits.masked_fill(sizes == 0, _LOW)

    def heads(self) -> dict[str, Any]:
        """The parameters that the encoder does not have."""
        return {name: value for name, value in self.named_parameters() if not name.startswith("encoder.")}


def _shares(in_question: Any, end: int) -> Any:
    """Each of a question's tokens has the same share."""
    return in_question[:, :end] / in_question.sum(1, keepdim=True).clamp(min=1)


def _mean(hidden: Any, mask: Any) -> Any:
    return (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)


def _from_zero(size: int) -> Any:
    return nn.Sequential(nn.Linear(size, WIDTH), nn.GELU(), _zero(nn.Linear(WIDTH, 1)), nn.Flatten(-2))


def _zero(layer: Any) -> Any:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
