"""Fits the threshold of the grounding metric on WiCE claims, and measures it on those it was not fitted on.

    python -m evals.fit_grounding path/to/wice/data/entailment_retrieval/claim/dev.jsonl

Half of the claims, by a hash of their ids, choose the threshold: the one with the best balanced accuracy at telling
fully supported claims from the others. A claim is checked against the three stretches of eight sentences of its
article that share the most words with it, as an answer is against the passages it cites.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.metrics.grounding import THRESHOLD, Grounding

_STRETCH, _STEP, _CITED = 8, 4, 3


@dataclass(frozen=True, slots=True)
class _Claim:
    support: float
    label: str
    held_out: bool


def main(path: Path) -> None:
    """Print the threshold that the fitting half chooses, and what both halves say of it."""
    grounding = Grounding("english")
    claims = [_claim(json.loads(line), grounding) for line in path.read_text(encoding="utf-8").splitlines()]
    fitting = [claim for claim in claims if not claim.held_out]
    candidates = [step / 100 for step in range(20, 100)]
    best = max(candidates, key=lambda threshold: _balanced_accuracy(fitting, threshold))
    print(f"threshold {best} on {len(fitting)} claims; the metric has {THRESHOLD}")
    for name, half in (("fitting", fitting), ("held out", [claim for claim in claims if claim.held_out])):
        clear = [claim for claim in half if claim.label != "partially_supported"]
        for kind, part in (("supported against the others", half), ("supported against not at all", clear)):
            accuracy = _balanced_accuracy(part, best)
            print(f"{name}, {kind}: {len(part)} claims, AUC {_auc(part):.3f}, balanced accuracy {accuracy:.3f}")
        for label in ("supported", "partially_supported", "not_supported"):
            of_label = [claim for claim in half if claim.label == label]
            passed = sum(claim.support >= best for claim in of_label)
            print(f"  {label}: {passed} of {len(of_label)} pass")


def _claim(row: Mapping[str, Any], grounding: Grounding) -> _Claim:
    text, sentences = row["claim"], row["evidence"]
    starts = range(0, max(1, len(sentences) - _STEP), _STEP)
    stretches = [" ".join(sentences[start : start + _STRETCH]) for start in starts]
    nearest = sorted(stretches, key=lambda stretch: -grounding.support(text, grounding.words([stretch])))[:_CITED]
    held_out = hashlib.sha256(json.dumps(row["meta"], sort_keys=True).encode()).digest()[0] % 2 == 1
    return _Claim(grounding.support(text, grounding.words(nearest)), row["label"], held_out)


def _balanced_accuracy(claims: Sequence[_Claim], threshold: float) -> float:
    """The mean of the shares of supported claims that pass and of other claims that do not."""
    supported = [claim.support >= threshold for claim in claims if claim.label == "supported"]
    others = [claim.support < threshold for claim in claims if claim.label != "supported"]
    return (sum(supported) / len(supported) + sum(others) / len(others)) / 2


def _auc(claims: Sequence[_Claim]) -> float:
    """The chance that a supported claim has more support than another, equal counting half (Mann and Whitney 1947)."""
    supported = [claim.support for claim in claims if claim.label == "supported"]
    others = [claim.support for claim in claims if claim.label != "supported"]
    wins = sum((a > b) + 0.5 * (a == b) for a in supported for b in others)
    return wins / (len(supported) * len(others))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
