"""What the triggers are decided on, gathered from the records: complaints, measures, and firings there have been.

Whatever cannot be read is an error: an outage must never look like "nothing to be done".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from core.loop.enums import DecisionKind, Vote
from core.loop.feedback import SeenAnswers, SeenSources
from core.storage.corpus_health import CorpusHealthRepository
from core.storage.database import Database
from core.storage.loop.answer_samples import AnswerSampleRepository, SampledAnswer
from core.storage.loop.diagnoses import DiagnosisRepository
from core.storage.loop.feedback import FeedbackRepository
from core.storage.releases import ReleaseRepository
from loop.feedback.votes import FeedbackService
from loop.remedies.registry import open_firings
from loop.triggers import drift
from loop.triggers.decision import Complaint, Measured, TriggerFacts
from loop.triggers.drift import Difference
from loop.triggers.rules import ComparisonRules, TriggerRules
from serving.factory import Services

# What a ratio to nothing at all is shown as: JSON has no word for infinity.
_MOST_TIMES = 1000.0
Value = TypeVar("Value")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Compared:
    """Samples of the answers in a trigger's window (`now`) and in the time before it."""

    before: Sequence[SampledAnswer]
    now: Sequence[SampledAnswer]


class FactGatherer:
    """Gathers the facts of one moment."""

    def __init__(self, services: Services, rules: TriggerRules) -> None:
        self._services = services
        self._database = services.database
        self._rules = rules

    def gather(self, now: datetime) -> TriggerFacts:
        """Everything that the rules ask about. Raises UnavailableError for what cannot be read."""
        return TriggerFacts(
            complaints=complaints(self._database, now - self._longest_window()),
            measures={name: self._measured(name, now) for name in self._rules.measures},
            firings=open_firings(self._database).all(),
        )

    def _longest_window(self) -> timedelta:
        return max((self._rules.window(name) for name in self._rules.causes), default=_DAY)

    def _measured(self, name: str, now: datetime) -> Measured:
        if name == "staleness_days":
            return self._staleness(now, self._rules.measures[name].threshold)
        compared = self._compared(name, now)
        if name == "drift_scores":
            compared = self._of_one_index(compared)
        if name == "drift_questions":
            return self._question_drift(compared)
        return _MEASURING[name](compared, self._rules.comparison)

    def _compared(self, name: str, now: datetime) -> Compared:
        rules = self._rules.comparison
        samples = AnswerSampleRepository(self._database)
        start = now - self._rules.window(name)
        limits = {"most": rules.most, "per_asker": rules.per_asker}
        return Compared(
            samples.between(start - self._rules.reference, start, **limits), samples.between(start, now, **limits)
        )

    def _of_one_index(self, compared: Compared) -> Compared:
        """Only what was found in the collection that answers now: scores of another one are not comparable."""
        champion = ReleaseRepository(self._database).champion()
        if champion is None:
            return compared
        name = champion.manifest.collection.name
        return Compared(
            *([each for each in side if each.collection == name] for side in (compared.before, compared.now))
        )

    def _question_drift(self, compared: Compared) -> Measured:
        def measure(before: Sequence[str], now: Sequence[str]) -> Difference:
            vectors = self._services.answering_embedder().embed([*before, *now])
            return drift.question_drift(vectors[: len(before)], vectors[len(before) :])

        return _compare(
            [each.query for each in compared.before],
            [each.query for each in compared.now],
            self._rules.comparison,
            measure,
            lambda value: f"The mean question has moved by {value:.2f} standard deviations.",
        )

    def _staleness(self, now: datetime, threshold: float) -> Measured:
        champion = ReleaseRepository(self._database).champion()
        collection = champion.manifest.collection.name if champion else None
        ages = {
            source.source: max(0.0, (now - source.ingested_at) / _DAY)
            for source in CorpusHealthRepository(self._database).sources(collection)
            if source.indexed and source.ingested_at is not None
        }
        if not ages:
            return Measured(None, "No source that is in the index was read to its end.", seen=SeenSources())
        oldest = max(ages, key=lambda source: (ages[source], source))
        stale = tuple(sorted(source for source, age in ages.items() if age >= threshold))
        words = f"{oldest} was last read to its end {ages[oldest]:.1f} days ago."
        rounded = {source: round(age, 3) for source, age in ages.items()}
        return Measured(ages[oldest], words, seen=SeenSources(sources=stale, ages_days=rounded))


def complaints(database: Database, since: datetime) -> list[Complaint]:
    """The negative votes since then that count and whose answers were diagnosed."""
    votes = [line for line in FeedbackService(database).counted_lines(since) if line.vote is Vote.DOWN]
    diagnosed = DiagnosisRepository(database).of_votes(vote.id for vote in votes)
    decided = FeedbackRepository(database).decided()
    return [
        Complaint(
            diagnosed[vote.id].subject,
            diagnosed[vote.id].cause,
            vote.at,
            vote.author,
            decided.get(vote.id) is DecisionKind.ACCEPTED,
        )
        for vote in votes
        if vote.id in diagnosed
    ]


def _score_drift(compared: Compared, rules: ComparisonRules) -> Measured:
    return _compare(
        [each.score for each in compared.before if each.score is not None],
        [each.score for each in compared.now if each.score is not None],
        rules,
        drift.score_drift,
        lambda value: f"{value:.0%} of the best scores lie on another side of some score than before.",
    )


def _refusals(compared: Compared, rules: ComparisonRules) -> Measured:
    return _compare(
        [float(each.abstained) for each in compared.before],
        [float(each.abstained) for each in compared.now],
        rules,
        drift.rise,
        lambda value: f"{value * 100:+.0f} in 100 questions.",
    )


def _latency(compared: Compared, rules: ComparisonRules) -> Measured:
    return _compare(
        [each.seconds for each in compared.before if each.seconds is not None],
        [each.seconds for each in compared.now if each.seconds is not None],
        rules,
        drift.slowest_ratio,
        lambda value: f"The slowest one in twenty takes {value:.2f} times as long.",
    )


def _cost(compared: Compared, rules: ComparisonRules) -> Measured:
    return _compare(
        [each.cost for each in compared.before if each.cost is not None],
        [each.cost for each in compared.now if each.cost is not None],
        rules,
        drift.mean_ratio,
        lambda value: f"An answer costs {value:.2f} times as much.",
    )


_MEASURING: Mapping[str, Callable[[Compared, ComparisonRules], Measured]] = {
    "drift_scores": _score_drift,
    "refusal_rate": _refusals,
    "latency_p95": _latency,
    "cost_per_answer": _cost,
}


def _compare(
    before: Sequence[Value],
    now: Sequence[Value],
    rules: ComparisonRules,
    measure: Callable[[Sequence[Value], Sequence[Value]], Difference],
    words: Callable[[float], str],
) -> Measured:
    """What `measure` makes of both sides; nothing where one of them is too small."""
    seen = SeenAnswers(answers=len(now), answers_before=len(before), reference_days=rules.reference_days)
    counted = f"Compared were {len(now)} answers with {len(before)} of the {rules.reference_days:g} days before."
    if min(len(now), len(before)) < rules.least:
        return Measured(None, f"{counted} {rules.least} of each are needed.", certain=False, seen=seen)
    found = measure(before, now)
    certain = found.p_value <= rules.level
    chance = f"Chance alone would do that in {found.p_value:.2%} of all cases." if not certain else ""
    return Measured(
        min(found.value, _MOST_TIMES),
        " ".join(part for part in (words(found.value), counted, chance) if part),
        certain,
        seen.model_copy(update={"p_value": found.p_value}),
    )
