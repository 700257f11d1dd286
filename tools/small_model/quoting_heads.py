"""Attention heads that find and copy, laid into a small Llama before it is trained.

Training from chance finds these heads too, but last: of thousands of steps most go by before the first of them
helps (Olsson et al. 2022, "In-context learning and induction heads"). Laid in, they are a start that training has
only to sharpen. The vector of each position is divided into parts, and seven heads pass them on:

    layer 0   heads 0, 1   what stands one and two places back               token → before, two_before
    layer 1   head 1       what the sentence began with: the nearest token
                           two places behind what ends one                    token → beginning
    layer 2   head 0       where this token stood earlier, what that
                           sentence began with                               beginning → found
              head 1       where this token stood earlier, what came next    token → token
              head 2       where the one before stood, what came next but
                           one: the two agree where both tokens stood        token → token
    layer 3   head 0       what the last few tokens, the question's, found   found → token

Heads tell places apart by rotary position: biases alone make a kernel over distance. Content is compared in the slow
half of the rotary dimensions, which hardly turn within a context.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

HEAD = 64
HIDDEN = 192
THETA = 1_000_000.0

_TOKEN, _BEFORE, _TWO_BEFORE = slice(0, 64), slice(64, 96), slice(96, 128)
_FOUND, _BEGINNING = slice(64, 128), slice(128, 192)
_CODE = 32  # dimensions in which tokens are compared

_HALF = HEAD // 2
_FREQUENCIES = THETA ** (-torch.arange(_HALF) / _HALF)
_ALL, _FAST = torch.arange(_HALF), torch.arange(_HALF // 2)
_SLOW = torch.cat([torch.arange(_HALF // 2, _HALF), torch.arange(_HALF + _HALF // 2, HEAD)])

# How sharp a head looks: each about as low as made it pick one place in contexts of a few hundred tokens.
_SHARP_STEP, _SHARP_MATCH = 8.0, 2.5
_NEAREST, _BEGINS = 4.4, 48.0
_LAST_FEW, _FEW = 2.0, 6
_SCALE = 0.1  # of what stands in the vector before training


def lay_heads(model: Any, sentence_ends: Sequence[int], seed: int) -> None:
    """Lay the heads into a fresh LlamaForCausalLM with attention biases and at least four layers of three heads.

    `sentence_ends` are the tokens two places before a sentence's first: the end of a marker, and of a tag.
    """
    random = torch.Generator().manual_seed(seed)
    code = torch.linalg.qr(torch.randn(HEAD, HEAD, generator=random))[0][:_CODE]
    with torch.no_grad():
        tokens = torch.randn(model.config.vocab_size, HEAD, generator=random)
        tokens = torch.nn.functional.normalize(tokens, dim=1) * HEAD**0.5 * _SCALE
        model.model.embed_tokens.weight.zero_()[:, _TOKEN] = tokens
        model.model.norm.weight.fill_(2.0)
        ends = torch.nn.functional.normalize(tokens[list(sentence_ends)] @ code.T, dim=1).sum(0)
        _lay(model, code, ends)


def _lay(model: Any, code: torch.Tensor, ends: torch.Tensor) -> None:
    layers = [layer.self_attn for layer in model.model.layers]
    for back, target in enumerate((_BEFORE, _TWO_BEFORE), start=1):
        head = _Head(layers[0], back - 1)
        head.look_back(_SHARP_STEP, back, _ALL)
        head.pass_on(_TOKEN, target, 0.7, code)
    head = _Head(layers[1], 1)
    head.look_back(_NEAREST, 0, _FAST)
    head.look_for(_TWO_BEFORE, ends)
    head.pass_on(_TOKEN, _BEGINNING, 1.0)
    head = _Head(layers[2], 0)
    head.match(_TOKEN, code, _BEFORE)
    head.pass_on(_BEGINNING, _FOUND, 2.0)
    head = _Head(layers[2], 1)
    head.match(_TOKEN, code, _BEFORE)
    head.pass_on(_TOKEN, _TOKEN, 3.0)
    head = _Head(layers[2], 2)
    head.match(_BEFORE, torch.eye(_CODE), _TWO_BEFORE)
    head.pass_on(_TOKEN, _TOKEN, 2.0)
    head = _Head(layers[3], 0)
    head.look_back(_LAST_FEW, _FEW, _FAST)
    head.pass_on(_FOUND, _TOKEN, 1.0)


class _Head:
    """One attention head of a layer, emptied, its weights open to be laid."""

    def __init__(self, attention: Any, number: int) -> None:
        rows = slice(number * HEAD, (number + 1) * HEAD)
        self._query, self._key = attention.q_proj.weight[rows], attention.k_proj.weight[rows]
        self._query_bias, self._key_bias = attention.q_proj.bias[rows], attention.k_proj.bias[rows]
        self._value, self._out = attention.v_proj.weight[rows], attention.o_proj.weight[:, rows]
        for weights in (self._query, self._key, self._value, self._out):
            weights.zero_()

    def look_back(self, strength: float, places: int, dimensions: torch.Tensor) -> None:
        """Attend to the token so many places back, more sharply the stronger."""
        turn = _FREQUENCIES[dimensions] * places
        self._key_bias[dimensions] = strength
        self._query_bias[dimensions] = strength * torch.cos(turn)
        self._query_bias[_HALF + dimensions] = -strength * torch.sin(turn)

    def look_for(self, part: slice, wanted: torch.Tensor) -> None:
        """Attend to tokens in whose `part` the wanted vector is."""
        direction = torch.ones(len(_SLOW)) / len(_SLOW) ** 0.5
        self._query_bias[_SLOW] = direction * _BEGINS**0.5
        self._key[_SLOW, part] = torch.outer(direction, wanted) * _BEGINS**0.5

    def match(self, mine: slice, code: torch.Tensor, theirs: slice) -> None:
        """Attend to tokens whose part `theirs` is the code of this token's part `mine`."""
        self._query[_SLOW, mine] = code * _SHARP_MATCH
        self._key[_SLOW, theirs] = torch.eye(len(code)) * _SHARP_MATCH

    def pass_on(self, source: slice, target: slice, gain: float, code: torch.Tensor | None = None) -> None:
        """Add the attended tokens' `source`, or the code of it, to this token's `target`."""
        taken = torch.eye(HEAD) if code is None else code
        self._value[: len(taken), source] = taken
        self._out[target, : len(taken)] = torch.eye(len(taken)) * gain * _SCALE
