"""Asks every case, scores every answer, and loses no row: each ends as scored, skipped or failed with its reason.

What was answered or scored before is read from the ledger, so a run that was killed goes on where it was, and an
unchanged one costs next to nothing. Memory holds a few portions of answers at a time, however many cases there are.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from core.errors import RagloopError
from core.storage.evals.evaluations import AnswerEntry, EvaluationLedger, ScoreEntry
from core.types import AccessScope, Answer, Turn, digest
from evals.cases.answers import AnswerRecord
from evals.cases.cases import Case
from evals.cases.gold_span import GoldSpan
from evals.gate.comparison import Side, UnscoredRow
from evals.metrics.metric import (
    Failed,
    Metric,
    Outcome,
    Row,
    Scored,
    Skipped,
)
from evals.run.differences import AnswerFacts
from serving.answerer import Question

logger = logging.getLogger(__name__)

# Cases whose answers are in memory together: enough to embed in one batch.
PORTION = 16
# Questions asked at the same time. More would wait for the same cores, and their latency would tell of nothing else.
_ASKED_AT_ONCE = 2
# Portions under way together: while one is scored, the next is asked. A judge that takes many rows at once needs more
# of them, so that it is never left waiting.
_PORTIONS_AT_ONCE = 3

_SETTLED = ("scored", "skipped")

GoldFinder = Callable[[Case], tuple[GoldSpan, ...]]
"""Where a case's evidence stands. Raises RagloopError when a document or a quote is not there."""


class Answering(Protocol):
    """Whoever answers: serving.answerer.Answerer."""

    async def ask(self, question: Question) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Respondent:
    """One side of an evaluation: a release over its collection as it stands at `revision`.

    `sample` tells apart answers of the same release to the same case that are wanted twice; usually empty.
    """

    side: Side
    answerer: Answering
    release: str
    collection: str
    revision: int
    software: str
    sample: str = ""

    def answer_id(self, case: Case) -> str:
        """The ledger's key: everything that an answer depends on."""
        parts = [self.release, self.collection, self.revision, self.software, case.sha256, self.sample]
        return digest(parts)


@dataclass(slots=True)
class SideResults:
    """One side's outcome, a place for each case: answers' ids and facts, and each metric's scores."""

    answer_ids: list[str]
    facts: list[AnswerFacts]
    scores: dict[str, list[float | None]]
    failed: dict[str, int]
    reused: int = 0


@dataclass(slots=True)
class Results:
    """What a run found out. Nothing is averaged yet."""

    sides: dict[Side, SideResults]
    unscored: list[UnscoredRow] = field(default_factory=list)

    def missing(self, side: Side, case: Case, reason: str, metric: str | None = None) -> None:
        """Note a row that should have an answer, or a score of `metric`, and has none."""
        self.unscored.append(UnscoredRow(side=side, case_id=case.id, metric=metric, reason=reason))

    def note(self, side: Side, ordinal: int, case: Case, entry: ScoreEntry) -> None:
        """Put a ledger entry in its place."""
        found = self.sides[side]
        found.scores[entry.metric][ordinal] = entry.score
        if entry.state == "failed":
            found.failed[entry.metric] += 1
            self.missing(side, case, entry.reason, entry.metric)


class Runner:
    """Runs cases against one or two releases. `progress` is told the number of cases finished since its last call."""

    def __init__(
        self,
        ledger: EvaluationLedger,
        metrics: Sequence[Metric],
        find_gold: GoldFinder,
        progress: Callable[[int], None] = lambda _finished: None,
        rows_judged_at_once: int = 1,
    ) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self._find_gold = find_gold
        self._progress = progress
        self._portions = _PORTIONS_AT_ONCE + math.ceil(rows_judged_at_once / PORTION)

    async def run(self, respondents: Sequence[Respondent], cases: Sequence[Case]) -> Results:
        """Every case on every side. Raises only what keeps the ledger from being read or written."""
        results = Results({each.side: self._empty(each, cases) for each in respondents})
        asking, portions = asyncio.Semaphore(_ASKED_AT_ONCE), asyncio.Semaphore(self._portions)

        async def portion(start: int) -> None:
            async with portions:
                part = range(start, min(start + PORTION, len(cases)))
                await self._ask(respondents, cases, part, results, asking)
                for respondent in respondents:
                    rows = await self._rows(respondent.side, cases, part, results)
                    await self._score(respondent.side, rows, results)
                self._progress(len(part))

        try:
            async with asyncio.TaskGroup() as tasks:
                for start in range(0, len(cases), PORTION):
                    tasks.create_task(portion(start))
        except ExceptionGroup as group:
            raise group.exceptions[0] from group
        for respondent in respondents:
            await self._score_groups(respondent, cases, results)
        return results

    def _empty(self, respondent: Respondent, cases: Sequence[Case]) -> SideResults:
        names = [metric.name for metric in self._metrics]
        return SideResults(
            answer_ids=[respondent.answer_id(case) for case in cases],
            facts=[AnswerFacts.missing("not asked yet")] * len(cases),
            scores={name: [None] * len(cases) for name in names},
            failed=dict.fromkeys(names, 0),
        )

    # -- answers

    async def _ask(
        self,
        respondents: Sequence[Respondent],
        cases: Sequence[Case],
        part: range,
        results: Results,
        asking: asyncio.Semaphore,
    ) -> None:
        """Bring the portion's answers into the ledger, as far as they are not there."""
        ids = [results.sides[each.side].answer_ids[ordinal] for each in respondents for ordinal in part]
        known = await asyncio.to_thread(self._ledger.answers, ids)
        answered = {key for key, entry in known.items() if entry.state == "answered"}

        async def both(ordinal: int) -> list[AnswerEntry]:
            # A case is asked on both sides one right after the other, and each side goes first every other time, so
            # that whatever else the machine does slows both alike.
            turns = respondents if ordinal % 2 else respondents[::-1]
            missing = [each for each in turns if results.sides[each.side].answer_ids[ordinal] not in answered]
            for each in turns:
                results.sides[each.side].reused += each not in missing
            async with asking:
                return [await _asked(each, cases[ordinal]) for each in missing]

        fresh = await asyncio.gather(*map(both, part))
        await asyncio.to_thread(self._ledger.save_answers, [entry for entries in fresh for entry in entries])

    async def _rows(self, side: Side, cases: Sequence[Case], part: range, results: Results) -> dict[int, Row]:
        """The rows of a portion by ordinal; a case without an answer is noted as unscored and has no row."""
        found = results.sides[side]
        entries = await asyncio.to_thread(self._ledger.answers, [found.answer_ids[ordinal] for ordinal in part])
        rows: dict[int, Row] = {}
        for ordinal in part:
            row = self._row(cases[ordinal], entries[found.answer_ids[ordinal]])
            if isinstance(row, Row):
                found.facts[ordinal] = AnswerFacts.of(row)
                rows[ordinal] = row
            else:
                found.facts[ordinal] = AnswerFacts.missing(row)
                results.missing(side, cases[ordinal], row)
        return rows

    def _row(self, case: Case, entry: AnswerEntry) -> Row | str:
        """The row, or why there is none."""
        if entry.answer is None:
            return entry.reason
        try:
            return Row(case, AnswerRecord.model_validate(entry.answer), self._find_gold(case))
        except RagloopError as error:
            return error.message

    # -- scores

    async def _score(self, side: Side, rows: Mapping[int, Row], results: Results) -> None:
        """Score a portion by every metric that looks at one row at a time."""
        ids = results.sides[side].answer_ids
        known = {
            (entry.answer_id, entry.metric, entry.version): entry
            for entry in await asyncio.to_thread(self._ledger.scores, [ids[ordinal] for ordinal in rows])
            if entry.state in _SETTLED
        }

        async def by(metric: Metric) -> list[ScoreEntry]:
            keys = {ordinal: (ids[ordinal], metric.name, metric.version) for ordinal in rows}
            todo = [ordinal for ordinal, key in keys.items() if key not in known]
            fresh = await _entries(metric, {ids[ordinal]: rows[ordinal] for ordinal in todo})
            by_key = {(entry.answer_id, entry.metric, entry.version): entry for entry in fresh}
            for ordinal, key in keys.items():
                results.note(side, ordinal, rows[ordinal].case, known.get(key) or by_key[key])
            return fresh

        scored = await asyncio.gather(*(by(metric) for metric in self._metrics if not metric.across_rows))
        await asyncio.to_thread(self._ledger.save_scores, [entry for entries in scored for entry in entries])

    async def _score_groups(self, respondent: Respondent, cases: Sequence[Case], results: Results) -> None:
        """Score what depends on several answers, over the cases that belong to a group."""
        metrics = [metric for metric in self._metrics if metric.across_rows]
        side = results.sides[respondent.side]
        grouped = [ordinal for ordinal, case in enumerate(cases) if case.group and not side.facts[ordinal].reason]
        if not metrics or not grouped:
            return
        known = await asyncio.to_thread(self._ledger.answers, [side.answer_ids[ordinal] for ordinal in grouped])
        found = {ordinal: self._row(cases[ordinal], known[side.answer_ids[ordinal]]) for ordinal in grouped}
        rows = {ordinal: row for ordinal, row in found.items() if isinstance(row, Row)}
        for metric in metrics:
            entries = await _entries(metric, {side.answer_ids[ordinal]: row for ordinal, row in rows.items()})
            await asyncio.to_thread(self._ledger.save_scores, entries)
            for (ordinal, row), entry in zip(rows.items(), entries, strict=True):
                results.note(respondent.side, ordinal, row.case, entry)


async def _asked(respondent: Respondent, case: Case) -> AnswerEntry:
    history = tuple(Turn(turn.role, turn.content) for turn in case.history)
    question = Question(case.question, AccessScope.everything(), origin="evaluation", history=history)
    key = (respondent.answer_id(case), respondent.release, case.sha256)
    try:
        answer = await respondent.answerer.ask(question)
    except RagloopError as error:
        return AnswerEntry(*key, "failed", None, error.message)
    except Exception as error:  # one case that breaks the answerer is a finding, not the end of the run
        logger.exception("case %s", case.id)
        return AnswerEntry(*key, "failed", None, f"The answerer broke: {type(error).__name__}: {error}")
    if answer.release != respondent.release or answer.retrieval.revision != respondent.revision:
        changed = "The documents changed while the evaluation ran: run it again."
        return AnswerEntry(*key, "failed", None, changed)
    return AnswerEntry(*key, "answered", AnswerRecord.of(answer).model_dump(mode="json"), "")


async def _entries(metric: Metric, rows: Mapping[str, Row]) -> list[ScoreEntry]:
    """The ledger's entries for these rows, by answer id."""
    outcomes = await _outcomes(metric, list(rows.values())) if rows else []
    return [_entry(answer_id, metric, outcome) for answer_id, outcome in zip(rows, outcomes, strict=True)]


async def _outcomes(metric: Metric, rows: Sequence[Row]) -> Sequence[Outcome]:
    """The metric's outcomes, one for each row whatever it does."""
    try:
        outcomes = await metric.score(rows)
    except Exception as error:  # a metric that breaks leaves its rows failed, never unscored unseen
        logger.exception("metric %s", metric.name)
        return [Failed(f"The metric broke: {type(error).__name__}: {error}")] * len(rows)
    if len(outcomes) != len(rows):
        return [Failed(f"The metric gave {len(outcomes)} scores for {len(rows)} rows.")] * len(rows)
    return [_finite(outcome) for outcome in outcomes]


def _finite(outcome: Outcome) -> Outcome:
    if isinstance(outcome, Scored) and not math.isfinite(outcome.value):
        return Failed(f"The metric gave {outcome.value}, which is not a number.")
    return outcome


def _entry(answer_id: str, metric: Metric, outcome: Outcome) -> ScoreEntry:
    key = (answer_id, metric.name, metric.version)
    match outcome:
        case Scored(value, detail):
            return ScoreEntry(*key, "scored", float(value), "", dict(detail))
        case Skipped(reason):
            return ScoreEntry(*key, "skipped", None, reason, {})
        case Failed(reason):
            return ScoreEntry(*key, "failed", None, reason, {})
