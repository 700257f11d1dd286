"""How far a judge can be trusted: whether it agrees with people, and with itself.

The judge scores the faithfulness of answers that people have scored, several times over. Agreement is Spearman's rank
correlation of its first scores with people's (Spearman 1904), with a bootstrap interval; self-agreement the share of
repeated scores that came out the same as the first. Kept in a file for each judge, so that evaluations show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import ValidationError

from core.errors import InputError
from core.frozen import Frozen
from core.ports import Judge
from core.types import digest
from evals.calibration.rated_answers import RatedAnswer
from evals.gate.comparison import Interval, JudgeQuality
from evals.gate.thresholds import JudgeThresholds
from evals.judges.prompts import JudgePrompts
from evals.metrics.judged import faithfulness
from evals.metrics.metric import Outcome, Scored
from retrieval.durable import replace_file

LEVEL = 0.95
# With fewer answers the interval of a correlation of 0.4 reaches below 0.
FEWEST_ITEMS = 30
# A judge that leaves more than this share of the answers without a score is not fit to be used.
MOST_FAILURES = 0.05

_RESAMPLES = 2000
_SEED = 7
_SAME = 1e-6


class Calibration(Frozen):
    """What was measured of a judge. `failed` counts answers that it left without a score in the first round; `data` is
    the hash of the answers it was measured on."""

    schema_version: Literal[1] = 1
    model: str
    fingerprint: str
    metric_version: str
    data: str
    items: int
    failed: int
    failure: str
    repeats: int
    agreement: float | None
    interval: Interval | None
    self_agreement: float | None
    at: datetime


async def calibrate(
    judge: Judge, answers: Sequence[RatedAnswer], repeats: int = 2, prompts: JudgePrompts | None = None
) -> Calibration:
    """Measure the judge on `answers`, judging each `repeats` times."""
    metric = faithfulness(judge, prompts)
    arguments = [
        {"user_input": answer.question, "response": answer.answer, "retrieved_contexts": list(answer.contexts)}
        for answer in answers
    ]
    rounds = [[_score(outcome) for outcome in await metric.score_all(arguments)] for _ in range(repeats)]
    first = [score for score in rounds[0] if isinstance(score, float)]
    people = [answer.score for answer, score in zip(answers, rounds[0], strict=True) if isinstance(score, float)]
    agreement, interval = agreement_with(people, first)
    return Calibration(
        model=judge.name,
        fingerprint=judge.fingerprint,
        metric_version=metric.version,
        data=digest([answer.model_dump(mode="json") for answer in answers]),
        items=len(first),
        failed=len(answers) - len(first),
        failure=next((score for score in rounds[0] if isinstance(score, str)), ""),
        repeats=repeats,
        agreement=agreement,
        interval=interval,
        self_agreement=self_agreement(rounds),
        at=datetime.now(UTC),
    )


def agreement_with(people: Sequence[float], judge: Sequence[float]) -> tuple[float | None, Interval | None]:
    """Spearman's correlation and its percentile bootstrap interval over answers; None where either side gives every
    answer the same score."""
    x, y = np.asarray(people, dtype=float), np.asarray(judge, dtype=float)
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None, None
    value = float(_spearman(x[np.newaxis], y[np.newaxis])[0])
    generator = np.random.default_rng(_SEED)
    picks = generator.integers(0, len(x), (_RESAMPLES, len(x)))
    ours, theirs = x[picks], y[picks]
    differ = (np.ptp(ours, axis=1) > 0) & (np.ptp(theirs, axis=1) > 0)
    resampled = _spearman(ours[differ], theirs[differ])
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return value, Interval(low=float(low), high=float(high), level=LEVEL)


def _spearman(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Spearman's correlation of each row with the row beside it, in which not all values are alike."""
    from scipy.stats import rankdata

    first, second = rankdata(ours, axis=1), rankdata(theirs, axis=1)
    first -= first.mean(axis=1, keepdims=True)
    second -= second.mean(axis=1, keepdims=True)
    found: np.ndarray = (first * second).sum(axis=1) / np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    return found


def self_agreement(rounds: Sequence[Sequence[float | str]]) -> float | None:
    """The share of later scores that are the first round's; a score that one round has and another has not differs.
    None with a single round."""
    pairs = [(before, after) for later in rounds[1:] for before, after in zip(rounds[0], later, strict=True)]
    if not pairs:
        return None
    return sum(_same(before, after) for before, after in pairs) / len(pairs)


def quality(calibration: Calibration | None, judge: Judge, thresholds: JudgeThresholds) -> JudgeQuality:
    """What the report shows of the judge, trusted or not, and why."""
    if calibration is None:
        return JudgeQuality(
            model=judge.name,
            agreement=None,
            agreement_value=None,
            self_agreement=None,
            items=0,
            repeats=0,
            trusted=False,
            reason="It was never calibrated: run ragloop eval calibrate.",
        )
    doubt = _doubt(calibration, thresholds)
    return JudgeQuality(
        model=judge.name,
        agreement=calibration.interval,
        agreement_value=calibration.agreement,
        self_agreement=calibration.self_agreement,
        items=calibration.items,
        repeats=calibration.repeats,
        trusted=not doubt,
        reason=doubt or f"Calibrated on {calibration.items} answers that people scored.",
    )


def _doubt(found: Calibration, thresholds: JudgeThresholds) -> str:
    """Why the judge is not trusted; empty if it is."""
    if found.failed > MOST_FAILURES * (found.items + found.failed):
        return f"It left {found.failed} of {found.items + found.failed} answers without a score: {found.failure}."
    if found.items < FEWEST_ITEMS:
        return f"It was calibrated on {found.items} answers; at least {FEWEST_ITEMS} are needed."
    if found.agreement is None or found.interval is None:
        return "It gave every answer the same score, or people did."
    if found.agreement < thresholds.agreement or found.interval.low <= 0:
        low = f"{found.agreement:.2f}, from {found.interval.low:.2f} to {found.interval.high:.2f}"
        return f"People agree with it too little: {low}, where {thresholds.agreement:.2f} is needed."
    if found.self_agreement is None or found.self_agreement < thresholds.self_agreement:
        same = "unknown" if found.self_agreement is None else f"{found.self_agreement:.2f}"
        return f"It agrees with itself too little: {same}, where {thresholds.self_agreement:.2f} is needed."
    return ""


class CalibrationStore:
    """The calibrations of an installation: one file for each judge, in the home folder's `evaluations/judges`."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "evaluations" / "judges"

    def save(self, calibration: Calibration) -> Path:
        """Keep it in place of the judge's earlier one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(calibration.fingerprint)
        replace_file(path, calibration.model_dump_json(indent=2).encode())
        return path

    def get(self, judge: Judge, prompts: JudgePrompts | None = None) -> Calibration | None:
        """The judge's calibration; None if there is none, or if it was made by another version of the metric."""
        path = self._path(judge.fingerprint)
        try:
            found = Calibration.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise InputError(
                f"The judge's calibration {path} cannot be read.",
                hint="Delete it and run ragloop eval calibrate again.",
            ) from error
        return found if found.metric_version == faithfulness(judge, prompts).version else None

    def _path(self, fingerprint: str) -> Path:
        return self._folder / f"{fingerprint[:16]}.json"


def _score(outcome: Outcome) -> float | str:
    """The score, or why there is none."""
    return outcome.value if isinstance(outcome, Scored) else outcome.reason


def _same(before: float | str, after: float | str) -> bool:
    return isinstance(before, float) and isinstance(after, float) and abs(before - after) < _SAME
