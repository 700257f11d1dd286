"""Fits the threshold of the citation check on WiCE claims, and measures it on those it was not fitted on.

    python -m tools.fits.grounding path/to/wice/data/entailment_retrieval/claim/dev.jsonl

Half of the claims, by a hash of their ids, choose the threshold: the one with the best balanced accuracy at telling
fully supported claims from the others. A claim is checked against the three stretches of eight sentences of its
article that share the most words with it, as an answer is against the passages it cites. As a test of the test, the
claims are also checked against the articles of other claims, which support none of them.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.grounding.support import THRESHOLD, SentenceContent, SentenceReader, support

_STRETCH, _STEP, _CITED = 8, 4, 3
_SUPPORTED, _PARTIALLY, _NOT = "supported", "partially_supported", "not_supported"


@dataclass(frozen=True, slots=True)
class _Claim:
    support: float
    label: str
    held_out: bool


def main(path: Path) -> None:
    """Print the threshold that the fitting half chooses, and what both halves say of it."""
    reader = SentenceReader("english")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    claims = [_claim(row, row["evidence"], reader) for row in rows]
    fitting = [claim for claim in claims if not claim.held_out]
    best = max((step / 100 for step in range(20, 100)), key=lambda threshold: _balanced_accuracy(fitting, threshold))
    print(f"threshold {best} on {len(fitting)} claims; serving.grounding.support has {THRESHOLD}")
    for name, half in (("fitting", fitting), ("held out", [claim for claim in claims if claim.held_out])):
        for others in ((_PARTIALLY, _NOT), (_PARTIALLY,), (_NOT,)):
            print(f"{name}: {_figures([claim for claim in half if claim.label in (_SUPPORTED, *others)], others)}")
        for label in (_SUPPORTED, _PARTIALLY, _NOT):
            of_label = [claim for claim in half if claim.label == label]
            print(f"  {label}: {sum(claim.support >= THRESHOLD for claim in of_label)} of {len(of_label)} pass")
    shuffled = [_claim(row, other["evidence"], reader) for row, other in zip(rows, rows[1:] + rows[:1], strict=True)]
    elsewhere = [
        claim for claim, row, other in zip(shuffled, rows, rows[1:] + rows[:1], strict=True) if _apart(row, other)
    ]
    print(f"another article: {sum(claim.support >= THRESHOLD for claim in elsewhere)} of {len(elsewhere)} pass")


def _claim(row: Mapping[str, Any], evidence: Sequence[str], reader: SentenceReader) -> _Claim:
    claim = reader.sentence(row["claim"])
    said = [reader.sentence(sentence) for sentence in evidence]
    stretches = [said[start : start + _STRETCH] for start in range(0, max(1, len(said) - _STEP), _STEP)]
    nearest = sorted(stretches, key=lambda stretch: -_shared(claim, stretch))[:_CITED]
    held_out = hashlib.sha256(json.dumps(row["meta"], sort_keys=True).encode()).digest()[0] % 2 == 1
    return _Claim(support(claim, [one for stretch in nearest for one in stretch]), row["label"], held_out)


def _shared(claim: SentenceContent, stretch: Sequence[SentenceContent]) -> int:
    return len(claim.words & frozenset[str | int]().union(*(said.words for said in stretch)))


def _apart(row: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether the rows are about different articles: of those about one the claims stand side by side."""
    return bool(row["meta"]["claim_title"] != other["meta"]["claim_title"]) and row["evidence"] != other["evidence"]


def _figures(claims: Sequence[_Claim], others: Sequence[str]) -> str:
    passed = [claim for claim in claims if claim.support >= THRESHOLD]
    right = sum(claim.label == _SUPPORTED for claim in passed)
    precision, recall = right / len(passed), right / sum(claim.label == _SUPPORTED for claim in claims)
    accuracy = _balanced_accuracy(claims, THRESHOLD)
    return (
        f"supported against {' and '.join(others)}: {len(claims)} claims, AUC {_auc(claims):.3f},"
        f" precision {precision:.3f}, recall {recall:.3f}, balanced accuracy {accuracy:.3f}"
    )


def _balanced_accuracy(claims: Sequence[_Claim], threshold: float) -> float:
    """The mean of the shares of supported claims that pass and of other claims that do not."""
    supported = [claim.support >= threshold for claim in claims if claim.label == _SUPPORTED]
    others = [claim.support < threshold for claim in claims if claim.label != _SUPPORTED]
    return (sum(supported) / len(supported) + sum(others) / len(others)) / 2


def _auc(claims: Sequence[_Claim]) -> float:
    """The chance that a supported claim has more support than another, equal counting half (Mann and Whitney 1947)."""
    supported = [claim.support for claim in claims if claim.label == _SUPPORTED]
    others = [claim.support for claim in claims if claim.label != _SUPPORTED]
    wins = sum((a > b) + 0.5 * (a == b) for a in supported for b in others)
    return wins / (len(supported) * len(others))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
