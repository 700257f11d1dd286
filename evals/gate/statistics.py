"""Paired comparison: how large a difference is, how sure one can be of it, and whether chance alone would make it.

Every function is deterministic: the random numbers come from a fixed seed, so a report can be made again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
_SEED = 20_261_123
# Up to this many differing pairs every assignment of signs is tried (2^12 = 4,096); beyond, RESAMPLES random ones.
_EXACT_PAIRS = 12
# Random numbers held at a time, so that memory does not grow with the number of pairs.
_BLOCK_VALUES = 500_000

Floats = NDArray[np.float64]


def bootstrap_interval(differences: Sequence[float], level: float) -> tuple[float, float]:
    """The percentile bootstrap interval of the mean of `differences` (Efron 1979), from RESAMPLES resamples.

    Raises ValueError without differences.
    """
    from scipy import stats

    values = np.asarray(differences, dtype=np.float64)
    if values.size == 0:
        raise ValueError("no differences")
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    found = stats.bootstrap(
        (values,),
        np.mean,
        confidence_level=level,
        n_resamples=RESAMPLES,
        batch=max(1, _BLOCK_VALUES // values.size),
        method="percentile",
        rng=np.random.default_rng(_SEED),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def sign_flip_p(differences: Sequence[float]) -> float:
    """Two-sided p-value of the paired permutation test: how often the mean would be as far from 0 as it is, were each
    pair's sign a coin toss (Fisher 1935). Pairs without a difference change nothing. 1 when none differs.

    A bootstrap alone is too sure of itself when few pairs differ: four wins and no loss give an interval that leaves
    out 0, and a p-value of 0.125.
    """
    from scipy import stats

    values = np.asarray(differences, dtype=np.float64)
    values = values[values != 0]
    if values.size <= 1:
        return 1.0
    if values.size <= _EXACT_PAIRS:
        exact = stats.permutation_test((values,), _far, permutation_type="samples", alternative="greater")
        return float(exact.pvalue)
    generator = np.random.default_rng(_SEED)

    def flipped(size: tuple[int, ...]) -> Floats:
        signed: Floats = (generator.integers(0, 2, size=size) * 2 - 1) * values
        return signed

    # scipy's permutation_test flips the signs of 5,000 pairs ten times slower than this.
    found = stats.monte_carlo_test(
        values,
        flipped,
        _far,
        alternative="greater",
        n_resamples=RESAMPLES,
        batch=max(1, _BLOCK_VALUES // values.size),
    )
    return float(found.pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for being several (Holm 1979): the chance of any false alarm among them stays what it was."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = largest
    return adjusted


def _far(values: Floats, axis: int = -1) -> Floats:
    """How far from 0 the values sum to."""
    found: Floats = np.abs(np.sum(values, axis=axis))
    return found
