"""Hybrid search over the table's passages, much as the product does it: negatives to train on, candidates to rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional

from tools.reader.batches import Sequences
from tools.reader.table import ReaderTable

_AT_ONCE = 512
_K1, _B = 1.2, 0.75
_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Neighbours:
    """For each question, best first: passages (questions, found) with fused score and cosine."""

    passages: Any
    fused: Any
    cosine: Any


class HybridSearch:
    """The base model's cosine and a BM25 over its tokens, each stretched to [0, 1] over its best, half and half."""

    def __init__(self, table: ReaderTable, sequences: Sequences, encoder: Any) -> None:
        self._sequences = sequences
        self._encoder = encoder
        self._starts, self._tokens = table.passage_starts, table.passage_tokens
        self._vocabulary = int(encoder.config.vocab_size)
        self._vectors: dict[int, Any] = {}

    def embed(self, starts: Any, places: Any) -> Any:
        """Unit vectors of questions or passages."""
        order = torch.argsort(self._sequences.lengths(starts, places))
        vectors = torch.empty(len(places), self._encoder.config.hidden_size, device=places.device)
        for part in order.split(_AT_ONCE):
            ids, mask = self._sequences.alone(starts, places[part])
            with torch.no_grad(), torch.autocast(ids.device.type, torch.bfloat16):
                hidden = self._encoder(input_ids=ids, attention_mask=mask).last_hidden_state
            vectors[part] = functional.normalize((hidden.float() * mask[..., None]).sum(1), dim=-1)
        return vectors

    def find(self, questions: Any, pool: Any, best: int) -> Neighbours:
        """The best passages of the pool for each question. Both are places in the table."""
        asked = self.embed(self._sequences.question_starts, questions)
        told = self.embed(self._sequences.passage_starts, pool)
        weights = self._term_weights(pool.cpu().numpy()).to(pool.device).coalesce()
        lines = []
        for start in range(0, len(questions), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            cosine = asked[part] @ told.T
            terms = self._question_terms(questions[part])
            fused = (_stretched(cosine) + _stretched((weights @ terms.T).T)) / 2
            top = fused.topk(min(best, len(pool)), dim=1)
            lines.append((pool[top.indices], top.values, cosine.gather(1, top.indices)))
        return Neighbours(*(torch.cat(column) for column in zip(*lines, strict=True)))

    def _term_weights(self, pool: Any) -> Any:
        """BM25 weights as a sparse matrix (passages, vocabulary)."""
        lengths = (self._starts[pool + 1] - self._starts[pool]).astype(np.int64)
        flat = np.concatenate([self._tokens[self._starts[one] : self._starts[one + 1]] for one in pool]).astype(
            np.int64
        )
        keys, counts = np.unique(np.repeat(np.arange(len(pool)), lengths) * self._vocabulary + flat, return_counts=True)
        row, term = keys // self._vocabulary, keys % self._vocabulary
        held = np.bincount(term, minlength=self._vocabulary)
        rarity = np.log1p((len(pool) - held + 0.5) / (held + 0.5))
        longness = _K1 * (1 - _B + _B * lengths / lengths.mean())
        weight = rarity[term] * counts * (_K1 + 1) / (counts + longness[row])
        places_held, size = torch.from_numpy(np.stack([row, term])), (len(pool), self._vocabulary)
        return torch.sparse_coo_tensor(places_held, torch.from_numpy(weight).float(), size, check_invariants=False)

    def _question_terms(self, questions: Any) -> Any:
        ids, _ = self._sequences.alone(self._sequences.question_starts, questions)
        terms = torch.zeros(len(questions), self._vocabulary, device=ids.device)
        terms.scatter_(1, ids, 1.0)
        terms[:, [0, 101, 102]] = 0
        return terms


def _stretched(scores: Any) -> Any:
    """Each line on [0, 1] over its best _DEPTH; what is below has 0."""
    top = scores.topk(min(_DEPTH, scores.shape[1]), dim=1).values
    low, high = top[:, -1:], top[:, :1]
    return ((scores - low) / (high - low).clamp(min=1e-6)).clamp(min=0)
