"""Paired comparison: how large a difference is, how sure one can be of it, and whether chance alone would make it.

Every function is deterministic: the random numbers come from a fixed seed, so a report can be made again.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
_SEED = 20_261_123
# Up to this many differing pairs every assignment of signs is tried (2^12 = 4,096); beyond, RESAMPLES random ones.
_EXACT_PAIRS = 12
# Random numbers held at a time, so that memory does not grow with the number of pairs.
_BLOCK_VALUES = 2_000_000

Floats = NDArray[np.float64]


def bootstrap_interval(differences: Sequence[float], level: float) -> tuple[float, float]:
    """The percentile bootstrap interval of the mean of `differences` (Efron 1979), from RESAMPLES resamples.

    Raises ValueError without differences.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.size == 0:
        raise ValueError("no differences")
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    means = _resampled_means(values)
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def sign_flip_p(differences: Sequence[float]) -> float:
    """Two-sided p-value of the paired permutation test: how often the mean would be as far from 0 as it is, were each
    pair's sign a coin toss (Fisher 1935). Pairs without a difference change nothing. 1 when none differs.

    A bootstrap alone is too sure of itself when few pairs differ: four wins and no loss give an interval that leaves
    out 0, and a p-value of 0.125.
    """
    values = np.asarray(differences, dtype=np.float64)
    values = values[values != 0]
    if values.size == 0:
        return 1.0
    observed = abs(values.sum())
    sums = _exact_sums(values) if values.size <= _EXACT_PAIRS else _random_sums(values)
    reached = int(np.count_nonzero(np.abs(sums) >= observed - 1e-12))
    if values.size <= _EXACT_PAIRS:
        return reached / sums.size
    return (reached + 1) / (sums.size + 1)  # the signs as observed are one of the assignments


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for being several (Holm 1979): the chance of any false alarm among them stays what it was."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = largest
    return adjusted


def _resampled_means(values: Floats) -> Floats:
    generator = np.random.default_rng(_SEED)
    rows = max(1, _BLOCK_VALUES // values.size)
    parts = []
    for start in range(0, RESAMPLES, rows):
        picks = generator.integers(0, values.size, size=(min(rows, RESAMPLES - start), values.size))
        parts.append(values[picks].mean(axis=1))
    return np.concatenate(parts)


def _exact_sums(values: Floats) -> Floats:
    signs = np.array(list(itertools.product((-1.0, 1.0), repeat=values.size)))
    sums: Floats = signs @ values
    return sums


def _random_sums(values: Floats) -> Floats:
    generator = np.random.default_rng(_SEED)
    rows = max(1, _BLOCK_VALUES // values.size)
    parts = []
    for start in range(0, RESAMPLES, rows):
        signs = generator.integers(0, 2, size=(min(rows, RESAMPLES - start), values.size)) * 2 - 1
        parts.append(signs @ values)
    return np.concatenate(parts)
