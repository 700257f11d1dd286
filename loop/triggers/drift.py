"""Whether answers of now are otherwise than those before: how large the difference is, and if chance makes it. Pure.

Every function is deterministic: random assignments come from a fixed seed. None raises for data that are all the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.types import Vector

# Random assignments of the answers to now and before. The smallest p-value that so many can tell is 1 in 2,000, half of
# the smallest level that the rules may ask for.
RESAMPLES = 1999
_SEED = 20_261_123
# Questions that are all nearly the same: any other one would be endlessly far away by their own measure.
_LEAST_SPREAD = 0.01

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    """How large a difference is, in its function's own measure, and how often chance alone makes one as large."""

    value: float
    p_value: float


def question_drift(before: Vector, now: Vector) -> Difference:
    """How far the mean question has moved, in standard deviations of the questions before: 0 where nothing changed.
    Unit vectors, shape (questions, dimensions), at least two on each side.

    The root of the unbiased estimate of the squared maximum mean discrepancy with a linear kernel (Gretton 2012), which
    is taken for 0 where it is below, with a permutation test.
    """
    vectors = np.concatenate([now, before]).astype(np.float64)
    total = vectors.sum(axis=0)
    size = len(now)
    observed = _discrepancy(vectors[:size].sum(axis=0)[None], total, size, len(before))[0]
    drawn = _assignments(len(vectors), size).astype(np.float32) @ vectors.astype(np.float32)
    reached = int(np.count_nonzero(_discrepancy(drawn.astype(np.float64), total, size, len(before)) >= observed))
    spread = 1 - _mean_product(vectors[size:].sum(axis=0)[None], len(before))[0]
    value = math.sqrt(max(observed, 0.0) / max(spread, _LEAST_SPREAD))
    return Difference(value, (reached + 1) / (RESAMPLES + 1))


def score_drift(before: Sequence[float], now: Sequence[float]) -> Difference:
    """The Kolmogorov-Smirnov distance: the largest difference between the shares of scores below some value."""
    from scipy.stats import ks_2samp

    found = ks_2samp(before, now, method="asymp")  # the samples are large, and the exact way may fail
    return Difference(float(found.statistic), float(found.pvalue))


def rise(before: Sequence[float], now: Sequence[float]) -> Difference:
    """By how much the mean has risen."""
    return Difference(_mean(now) - _mean(before), _greater(before, now, _mean_of))


def mean_ratio(before: Sequence[float], now: Sequence[float]) -> Difference:
    """How many times as large the mean is; 1 where both are 0."""
    return Difference(_times(_mean(before), _mean(now)), _greater(before, now, _mean_of))


def slowest_ratio(before: Sequence[float], now: Sequence[float]) -> Difference:
    """How many times as large the 95th percentile is; 1 where both are 0."""
    slow_before, slow_now = float(_slowest_of(before, -1)), float(_slowest_of(now, -1))
    return Difference(_times(slow_before, slow_now), _greater(before, now, _slowest_of))


def _assignments(total: int, size: int) -> NDArray[np.bool_]:
    """Which of `total` answers belong to now, by chance: shape (RESAMPLES, total), `size` of them in each row."""
    generator = np.random.default_rng(_SEED)
    order = generator.random((RESAMPLES, total), dtype=np.float32).argsort(axis=1, kind="stable")
    chosen = np.zeros((RESAMPLES, total), dtype=np.bool_)
    np.put_along_axis(chosen, order[:, :size], True, axis=1)
    return chosen


def _discrepancy(sums: Floats, total: Floats, size: int, others: int) -> Floats:
    """The squared discrepancy between the vectors that add up to each row of `sums` and the others."""
    rest = total - sums
    between = np.einsum("ij,ij->i", sums, rest) / (size * others)
    found: Floats = _mean_product(sums, size) + _mean_product(rest, others) - 2 * between
    return found


def _mean_product(sums: Floats, size: int) -> Floats:
    """The mean inner product of two different ones among `size` unit vectors with these sums."""
    found: Floats = (np.einsum("ij,ij->i", sums, sums) - size) / (size * (size - 1))
    return found


def _greater(before: Sequence[float], now: Sequence[float], statistic: Any) -> float:
    """How often chance makes the statistic of now exceed that of before by as much as it does."""
    from scipy.stats import permutation_test

    def difference(first: Floats, second: Floats, axis: int) -> Floats:
        found: Floats = statistic(first, axis) - statistic(second, axis)
        return found

    found = permutation_test(
        (np.asarray(now, dtype=np.float64), np.asarray(before, dtype=np.float64)),
        difference,
        permutation_type="independent",
        vectorized=True,
        n_resamples=RESAMPLES,
        alternative="greater",
        rng=np.random.default_rng(_SEED),
    )
    return float(found.pvalue)


def _mean_of(values: Any, axis: int) -> Any:
    return np.mean(values, axis=axis)


def _slowest_of(values: Any, axis: int) -> Any:
    return np.quantile(values, 0.95, axis=axis)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _times(before: float, now: float) -> float:
    if now == before:
        return 1.0
    return now / before if before > 0 else float("inf")
