"""Every case ends as scored, skipped or failed with its reason; what was done before is not done again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from core.errors import IndexUnavailableError, NotFoundError, StoreUnavailableError
from core.storage.database import Database
from core.storage.evals.evaluations import EvaluationLedger
from core.types import Answer, Retrieval, Usage
from evals.cases.cases import Case
from evals.cases.gold_span import GoldSpan
from evals.gate.comparison import Side
from evals.metrics.metric import Outcome, Row, Scored
from evals.run.runner import Respondent, Results, Runner
from serving.answerer import Question
from tests.support.scores import TellingMetric

RELEASE = "r" * 64


@dataclass
class Teller:
    """Answers each question with the question, and breaks as it is told to."""

    errors: dict[str, Exception] = field(default_factory=dict)
    revision: int = 1
    asked: list[str] = field(default_factory=list)

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question.text)
        await asyncio.sleep(0)
        if question.text in self.errors:
            raise self.errors[question.text]
        retrieval = Retrieval(question.text, (), "documents", self.revision)
        text = question.text.replace("empty", "")
        return Answer(text, False, False, (), retrieval, 1.0, RELEASE, "id", Usage(1, 1), {"total": 0.1})


def cases(*questions: str) -> list[Case]:
    return [Case(id=f"case-{number}", question=text, answer="gold") for number, text in enumerate(questions)]


def no_gold(_case: Case) -> tuple[GoldSpan, ...]:
    return ()


def respondent(answerer: Teller, **changes: object) -> Respondent:
    made = Respondent(Side.CANDIDATE, answerer, RELEASE, "documents", 1, "0.1.0")
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
def ledger(database: Database) -> EvaluationLedger:
    return EvaluationLedger(database)


def run(ledger: EvaluationLedger, who: Respondent, what: Sequence[Case], *metrics: TellingMetric) -> Results:
    return asyncio.run(Runner(ledger, metrics, no_gold).run([who], what))


def test_every_case_is_asked_and_scored_in_its_place(ledger: EvaluationLedger) -> None:
    questions = [f"{'right' if number % 3 else 'wrong'} {number}" for number in range(50)]
    results = run(ledger, respondent(Teller()), cases(*questions), TellingMetric())
    assert results.sides[Side.CANDIDATE].scores["correct"] == [float(number % 3 > 0) for number in range(50)]
    assert results.unscored == []


def test_an_unchanged_run_asks_and_scores_nothing_again(ledger: EvaluationLedger) -> None:
    first, teller, metric = cases("right 1", "empty", "wrong"), Teller(), TellingMetric()
    before = run(ledger, respondent(Teller()), first, TellingMetric())
    after = run(ledger, respondent(teller), first, metric)
    assert (teller.asked, metric.scored) == ([], [])
    assert after.sides[Side.CANDIDATE].reused == 3
    assert after.sides[Side.CANDIDATE].scores == before.sides[Side.CANDIDATE].scores


@pytest.mark.parametrize(
    "change", [{"release": "s" * 64}, {"revision": 2}, {"collection": "other"}, {"software": "0.2.0"}, {"sample": "a"}]
)
def test_whatever_an_answer_depends_on_makes_it_be_asked_again(
    ledger: EvaluationLedger, change: dict[str, object]
) -> None:
    run(ledger, respondent(Teller()), cases("right"), TellingMetric())
    teller = Teller()
    run(ledger, respondent(teller, **change), cases("right"), TellingMetric())
    assert teller.asked == ["right"]


def test_a_new_version_of_a_metric_scores_again_without_asking_again(ledger: EvaluationLedger) -> None:
    run(ledger, respondent(Teller()), cases("right"), TellingMetric())
    teller, metric = Teller(), TellingMetric(version="2", word="other")
    results = run(ledger, respondent(teller), cases("right"), metric)
    assert teller.asked == []
    assert results.sides[Side.CANDIDATE].scores["correct"] == [0.0]


def test_a_case_that_cannot_be_answered_is_unscored_with_its_reason_and_the_others_are_scored(
    ledger: EvaluationLedger,
) -> None:
    teller = Teller({"down": IndexUnavailableError("The index is down."), "broken": ValueError("a bug")})
    results = run(ledger, respondent(teller), cases("right", "down", "broken"), TellingMetric())
    reasons = {row.case_id: row.reason for row in results.unscored}
    assert reasons == {"case-1": "The index is down.", "case-2": "The answerer broke: ValueError: a bug"}
    assert results.sides[Side.CANDIDATE].scores["correct"] == [1.0, None, None]


def test_what_failed_is_tried_again_by_the_next_run(ledger: EvaluationLedger) -> None:
    run(ledger, respondent(Teller({"right": IndexUnavailableError("down")})), cases("right"), TellingMetric())
    results = run(ledger, respondent(Teller()), cases("right"), TellingMetric())
    assert results.unscored == []
    assert results.sides[Side.CANDIDATE].scores["correct"] == [1.0]


def test_a_metric_that_fails_or_gives_no_number_leaves_a_reason_and_no_score(ledger: EvaluationLedger) -> None:
    results = run(ledger, respondent(Teller()), cases("fail", "nan", "right"), TellingMetric())
    assert results.sides[Side.CANDIDATE].scores["correct"] == [None, None, 1.0]
    assert results.sides[Side.CANDIDATE].failed["correct"] == 2
    assert [row.reason for row in results.unscored] == [
        "the answer says so",
        "The metric gave nan, which is not a number.",
    ]


def test_a_metric_that_breaks_or_loses_rows_leaves_every_row_failed(ledger: EvaluationLedger) -> None:
    @dataclass
    class Breaking(TellingMetric):
        async def score(self, rows: Sequence[Row]) -> Sequence[Outcome]:
            raise RuntimeError("a bug")

    @dataclass
    class Losing(TellingMetric):
        async def score(self, rows: Sequence[Row]) -> Sequence[Outcome]:
            return [Scored(1.0)]

    results = run(ledger, respondent(Teller()), cases("a", "b"), Breaking(name="broken"), Losing(name="losing"))
    assert {(row.metric, row.reason) for row in results.unscored} == {
        ("broken", "The metric broke: RuntimeError: a bug"),
        ("losing", "The metric gave 1 scores for 2 rows."),
    }
    assert len(results.unscored) == 4


def test_evidence_that_is_not_in_the_documents_any_more_fails_the_case(ledger: EvaluationLedger) -> None:
    def gone(_case: Case) -> tuple[GoldSpan, ...]:
        raise NotFoundError("The document is gone.")

    results = asyncio.run(Runner(ledger, [TellingMetric()], gone).run([respondent(Teller())], cases("right")))
    assert [row.reason for row in results.unscored] == ["The document is gone."]


def test_documents_that_change_under_a_run_fail_its_rows(ledger: EvaluationLedger) -> None:
    results = run(ledger, respondent(Teller(revision=2)), cases("right"), TellingMetric())
    assert "changed while the evaluation ran" in results.unscored[0].reason


def test_a_metric_across_rows_sees_all_rows_of_the_groups_and_no_other(ledger: EvaluationLedger) -> None:
    grouped = [
        Case(id=f"g{number}", question=f"right {number}", answer="x", group="names" if number % 2 else "")
        for number in range(40)
    ]
    metric = TellingMetric(name="consistency", across_rows=True)
    results = run(ledger, respondent(Teller()), grouped, TellingMetric(), metric)
    assert metric.scored == [f"g{number}" for number in range(1, 40, 2)]
    assert results.sides[Side.CANDIDATE].scores["consistency"][:3] == [None, 1.0, None]


def test_a_ledger_that_cannot_be_written_ends_the_run(ledger: EvaluationLedger, database: Database) -> None:
    class Full(EvaluationLedger):
        def save_answers(self, entries: object) -> None:
            raise StoreUnavailableError("The disk is full.")

    with pytest.raises(StoreUnavailableError, match="full"):
        run(Full(database), respondent(Teller()), cases("right"), TellingMetric())


def test_a_run_that_was_cut_short_goes_on_where_it_was(ledger: EvaluationLedger) -> None:
    questions = cases(*(f"right {number}" for number in range(160)))

    class Killed(BaseException):
        pass

    def cut(_finished: int) -> None:
        raise Killed

    with pytest.raises(BaseException):  # noqa: B017, PT011 - whatever the kill is wrapped in
        asyncio.run(Runner(ledger, [TellingMetric()], no_gold, cut).run([respondent(Teller())], questions))
    teller = Teller()
    results = run(ledger, respondent(teller), questions, TellingMetric())
    assert 0 < len(teller.asked) < 160
    assert results.sides[Side.CANDIDATE].scores["correct"] == [1.0] * 160
