"""BLEU and ROUGE, for those who must report them: no threshold that ships asks for them, and they are computed where a
gate's file does. They need the extra `overlap`."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Collection
from dataclasses import dataclass

from core.errors import SettingsError
from evals.metrics.metric import Group, Outcome, Row, Scored
from evals.metrics.row_metric import RowMetric
from evals.metrics.text.gold_answer import compared, no_comparison


@dataclass(frozen=True, slots=True)
class _Overlap:
    """`package` is the distribution that computes it; `measure` takes the gold answer and the given one."""

    package: str
    description: str
    measure: Callable[[str, str], float]

    def __call__(self, row: Row) -> Outcome:
        return no_comparison(row) or Scored(self.measure(*compared(row)))


def overlap_metrics(asked: Collection[str]) -> list[RowMetric]:
    """Those of BLEU and ROUGE-L that are `asked` for by name. Raises SettingsError if their packages are missing."""
    return [
        RowMetric(
            name, Group.ANSWER, each.description, each, version=f"2-{each.package}-{_version(name, each.package)}"
        )
        for name, each in OVERLAPS.items()
        if name in asked
    ]


def _version(name: str, package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise SettingsError(
            f"The gate's file asks for {name}, which needs the package {package}.",
            hint="Install it with pip install 'ragloop[overlap]', or take the metric out of the file.",
        ) from error


def _bleu(gold: str, given: str) -> float:
    import sacrebleu

    # Effective order: an answer of fewer than four words can be right too.
    return float(sacrebleu.sentence_bleu(given, [gold], use_effective_order=True).score) / 100


def _rouge_l(gold: str, given: str) -> float:
    from rouge_score.rouge_scorer import RougeScorer

    return float(RougeScorer(["rougeL"], use_stemmer=True).score(gold, given)["rougeL"].fmeasure)


OVERLAPS = {
    "bleu": _Overlap("sacrebleu", "Word sequences shared with the gold answer: BLEU.", _bleu),
    "rouge_l": _Overlap(
        "rouge-score", "The longest word sequence shared with the gold answer: ROUGE-L's F1.", _rouge_l
    ),
}
