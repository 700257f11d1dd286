"""One case out of the ledger: both answers or why there is none, all scores, the gold evidence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.storage.evals.evaluations import EvaluationLedger, EvaluationRepository, ScoreEntry
from core.types import digest
from evals.cases.answers import RecordedPassage
from evals.cases.cases import Case, GoldEvidence
from evals.cases.dataset_store import DatasetStore
from evals.gate.comparison import Side
from evals.report.case_detail import CaseDetail, CaseDetails
from evals.report.passage_marks import segments, wordings
from tests.support.app_world import HOLIDAYS, World
from tests.support.reports import Evaluated, Plan, evaluate

QUOTE = "Up to five days are carried over to the next year."
CASES = [
    Case(id=f"holidays-{number}", question=f"What is carried over, {number}?", answer=QUOTE,
         evidence=(GoldEvidence(uri="handbook/holidays.md", quote=QUOTE),))
    for number in range(3)
]  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path).ingest()


@pytest.fixture
def evaluated(world: World) -> Evaluated:
    return evaluate(world, Plan(baseline_right=0, candidate_right=1, judge_fails=3), CASES)


def details_of(world: World, evaluated: Evaluated) -> CaseDetails:
    return CaseDetails(world.database, DatasetStore(world.database), evaluated.record)


def detail_of(world: World, evaluated: Evaluated, ordinal: int = 0) -> CaseDetail:
    found = details_of(world, evaluated).get(ordinal)
    assert found is not None
    return found


def test_both_answers_come_with_the_release_that_gave_them(world: World, evaluated: Evaluated) -> None:
    detail = detail_of(world, evaluated)
    assert detail.case == CASES[0]
    assert [side for side, _ in detail.sides] == [Side.BASELINE, Side.CANDIDATE]
    assert detail.candidate.release_id == evaluated.candidate.id
    assert detail.candidate.answer is not None
    assert QUOTE in detail.candidate.answer.text


def test_an_answer_that_failed_comes_with_its_reason(world: World, evaluated: Evaluated) -> None:
    detail = detail_of(world, evaluated, 2)
    assert detail.candidate.answer is None
    assert detail.candidate.reason == "The model server did not answer within 60 seconds."
    assert detail.baseline is not None
    assert detail.baseline.answer is not None


def test_scores_keep_their_state_reason_and_detail(world: World, evaluated: Evaluated) -> None:
    side = detail_of(world, evaluated).candidate
    correct, judged = side.outcome("correct"), side.outcome("faithfulness")
    assert correct is not None
    assert judged is not None
    assert (correct.state, correct.score, dict(correct.detail)) == ("scored", 1.0, {"expected": QUOTE})
    assert (judged.state, judged.score) == ("failed", None)
    assert "prose" in judged.reason


def test_scores_of_another_version_of_a_metric_belong_to_other_evaluations(world: World, evaluated: Evaluated) -> None:
    row = EvaluationRepository(world.database).rows(evaluated.id)[0]
    EvaluationLedger(world.database).save_scores([ScoreEntry(row.answer_id, "correct", "2", "scored", 0.5, "", {})])
    sides = dict(detail_of(world, evaluated).sides)
    outcome = sides[Side(row.side)].outcome("correct")
    assert outcome is not None
    assert outcome.score != 0.5


def test_passages_that_overlap_the_evidence_are_gold(world: World, evaluated: Evaluated) -> None:
    detail = detail_of(world, evaluated)
    assert detail.candidate.answer is not None
    golden = [passage for passage in detail.candidate.answer.passages if detail.is_gold(passage)]
    assert golden
    for passage in golden:
        assert [passage.text[start:end] for start, end in detail.gold_in(passage)] == [QUOTE]


def test_a_passage_from_before_the_document_changed_is_not_marked_at_the_wrong_place(
    world: World, evaluated: Evaluated
) -> None:
    world.add("handbook/holidays.md", f"Something else was put before it.\n\n{HOLIDAYS}", title="Holidays")
    detail = detail_of(world, evaluated)
    assert detail.candidate.answer is not None
    held = [passage for passage in detail.candidate.answer.passages if QUOTE in passage.text]
    assert held
    assert not any(detail.gold_in(passage) for passage in held)


def test_a_case_whose_evidence_names_no_quote_takes_the_whole_document_for_gold(
    world: World, evaluated: Evaluated
) -> None:
    case = CASES[0].model_copy(update={"evidence": (GoldEvidence(uri="handbook/holidays.md"),)})

    class OneCase:
        def cases(self, sha256s: object) -> dict[str, Case]:
            return {CASES[0].sha256: case}

    detail = CaseDetails(world.database, OneCase(), evaluated.record).get(0)
    assert detail is not None
    passage = RecordedPassage(
        chunk_id="c", uri="handbook/holidays.md", title="", heading_path=(), page=None, start=0, end=3, text="# H",
        score=1, scores={}, content_sha256=digest(HOLIDAYS),
    )  # fmt: skip
    assert detail.is_gold(passage)
    assert detail.gold_in(passage) == []


def test_evidence_that_is_gone_leaves_the_case_readable(world: World, evaluated: Evaluated) -> None:
    world.add("handbook/holidays.md", "All of it was rewritten.", title="Holidays")
    assert detail_of(world, evaluated).gold == ()


def test_a_place_that_the_evaluation_does_not_have_is_none(world: World, evaluated: Evaluated) -> None:
    assert details_of(world, evaluated).get(99) is None
    assert [detail.ordinal for detail in details_of(world, evaluated).each([2, 99, 0])] == [2, 0]


def test_an_evaluation_without_a_baseline_has_one_side(world: World, evaluated: Evaluated) -> None:
    alone = replace(evaluated.record, baseline_id=None)
    detail = CaseDetails(world.database, DatasetStore(world.database), alone).get(0)
    assert detail is not None
    assert [side for side, _ in detail.sides] == [Side.CANDIDATE]


def test_segments_cut_a_text_at_the_marks_and_lose_nothing() -> None:
    found = segments("abcdef", [(1, 3)], [(2, 99)])
    assert [(part.text, part.gold, part.quoted) for part in found] == [
        ("a", False, False), ("b", True, False), ("c", True, True), ("def", False, True),
    ]  # fmt: skip
    assert segments("", [(0, 3)], []) == ()


def test_what_two_answers_do_not_share_is_set_apart() -> None:
    found = wordings("It takes five working days.", "It takes ten working days.")
    assert "".join(part.text for part in found) == "It takes five working days."
    assert [part.text.strip() for part in found if part.own] == ["five"]
    assert not any(part.own for part in wordings("All of this is new.", "Nothing alike."))
