"""What a person makes of feedback becomes a locked case or a training row, once, and only if something supports it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import ConflictError, InputError, NotFoundError, PermissionDeniedError
from core.loop.diagnosis import Cause, Diagnosis, DiagnosisSubject
from core.loop.enums import DecisionKind, FeedbackSide, Vote, VoteStanding
from core.loop.feedback import Feedback
from core.storage.loop.diagnoses import DiagnosisRepository
from core.storage.loop.feedback import FeedbackRepository
from core.types import AccessScope, Actor, Role, Turn
from evals.cases.cases import Case, GoldEvidence
from evals.cases.dataset_store import FEEDBACK, DatasetStore
from evals.cases.training_leakage import refuse_leaks
from loop.feedback.acceptance import Acceptance, training_rows
from loop.feedback.sides import hashed_side
from serving.finetune.dataset import read_rows
from tests.support.accepted_feedback import ANN, ASKED, EVIDENCE, HELD, WORDINGS, accept, asked, edited
from tests.support.app_world import World
from tests.support.given_feedback import ask, vote
from tests.support.loop_rows import a_place, evidence


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path).ingest()
    yield world
    world.database.close()


@pytest.fixture
def given(world: World) -> Feedback:
    return vote(world, ask(world, ASKED))


def cases(world: World) -> tuple[Case, ...]:
    return DatasetStore(world.database).get(FEEDBACK).cases


def test_accepted_feedback_becomes_a_locked_case_with_its_answer_and_evidence(world: World, given: Feedback) -> None:
    decision = Acceptance(world.database).accept(given.id, edited(FeedbackSide.CASE), ANN)
    assert (decision.kind, decision.side, decision.actor) == (DecisionKind.ACCEPTED, FeedbackSide.CASE, "ann")
    (case,) = cases(world)
    assert case.locked
    assert (case.id, case.origin, case.tags) == (f"feedback-{given.id[:8]}", "feedback", ("wrong",))
    assert (case.question, case.answer, case.evidence) == (asked(FeedbackSide.CASE), "Thirty days.", EVIDENCE)
    assert decision.content is not None
    assert decision.content.model_dump(mode="json") == case.model_dump(mode="json")


def test_the_other_half_becomes_training_rows_over_the_passages_of_the_answer(world: World, given: Feedback) -> None:
    accept(world, given, edited(FeedbackSide.TRAINING))
    (row,) = training_rows(world.database)
    assert [passage.text for passage in row.passages] == [each.text for each in given.interaction.passages]
    right = next(n for n, passage in enumerate(row.passages, start=1) if HELD in passage.text)
    assert row.answer == f"Thirty days. [{right}]"
    assert row.question == asked(FeedbackSide.TRAINING)


def test_a_training_row_has_the_bad_answer_as_what_not_to_say_with_markers_of_its_own_passages(world: World) -> None:
    given = vote(world, ask(world, "Who are holidays approved by?"))
    (cited,) = {each.chunk_id for each in given.interaction.citations}
    accept(world, given, edited(FeedbackSide.TRAINING))
    (row,) = training_rows(world.database)
    place = [each.chunk_id for each in given.interaction.passages].index(cited)
    assert row.rejected is not None
    assert row.rejected.endswith(f"[{place + 1}]")


def test_a_passage_that_was_not_found_takes_the_place_of_the_last_wrong_one(world: World) -> None:
    given = vote(world, ask(world, ASKED))
    shown = [each.text for each in given.interaction.passages]
    quote = "A lamp that is broken is changed on the same day."
    world.add("handbook/desks.md", "# Lamps\n\nA lamp that is broken is changed on the same day.\n", title="Lamps")
    evidence = (GoldEvidence(uri="handbook/desks.md", quote=quote),)
    accept(world, given, edited(FeedbackSide.TRAINING, correction="On the same day.", evidence=evidence))
    (row,) = training_rows(world.database)
    assert [passage.text for passage in row.passages] == [*shown[:-1], quote]
    assert row.answer == f"On the same day. [{len(shown)}]"


def test_without_evidence_the_passage_that_supports_the_correction_is_found(world: World, given: Feedback) -> None:
    accept(
        world,
        given,
        edited(FeedbackSide.TRAINING, correction="Every employee has thirty days of holiday.", evidence=()),
    )
    (row,) = training_rows(world.database)
    assert row.answer.startswith("Every employee has thirty days of holiday. [")


def test_a_correction_that_no_passage_supports_teaches_nothing(world: World, given: Feedback) -> None:
    edit = edited(FeedbackSide.TRAINING, correction="Ninety-five weeks in the Bahamas.", evidence=())
    with pytest.raises(InputError, match="No passage says") as caught:
        Acceptance(world.database).accept(given.id, edit, ANN)
    assert "unanswerable" in caught.value.hint
    assert FeedbackRepository(world.database).decision(given.id) is None


def test_evidence_that_no_document_holds_is_refused(world: World, given: Feedback) -> None:
    for uri, quote in (("handbook/holidays.md", "Forty days."), ("handbook/gone.md", HELD)):
        with pytest.raises(InputError, match=f"{uri} does not hold"):
            accept(world, given, edited(FeedbackSide.CASE, evidence=(GoldEvidence(uri=uri, quote=quote),)))


def test_what_the_diagnosis_found_is_the_evidence_where_the_person_names_none(world: World, given: Feedback) -> None:
    start = 12
    places = [a_place("handbook/holidays.md", HELD, start), a_place("handbook/gone.md", "Not there")]
    diagnosis = Diagnosis(
        "d", DiagnosisSubject.of_vote(given.id), given.at, given.release_id, "c", 1, ASKED, Cause.RANKING_MISS, 0.9, "",
        evidence(*places), "1",
    )  # fmt: skip
    DiagnosisRepository(world.database).add(diagnosis)
    accept(world, given, edited(FeedbackSide.CASE, evidence=()))
    assert [(each.uri, each.quote) for each in cases(world)[0].evidence] == [("handbook/holidays.md", HELD)]


def test_a_question_that_the_documents_do_not_answer_becomes_an_unanswerable_case(world: World) -> None:
    for side in FeedbackSide:
        given = vote(world, ask(world, ASKED))
        accept(world, given, edited(side, unanswerable=True))
    assert [(case.unanswerable, case.answer, case.evidence) for case in cases(world)] == [(True, "", ())] * 2
    assert training_rows(world.database) == []


def test_an_answer_that_was_voted_up_is_its_own_correction(world: World) -> None:
    given = vote(world, ask(world, ASKED), vote=Vote.UP, reason=None)
    assert HELD in given.answer
    accept(world, given, edited(FeedbackSide.CASE, correction=""))
    (case,) = cases(world)
    assert HELD in case.answer
    assert "[1]" not in case.answer


def test_feedback_without_a_correction_makes_nothing(world: World, given: Feedback) -> None:
    with pytest.raises(InputError, match="no corrected answer"):
        accept(world, given, edited(FeedbackSide.CASE, correction="  "))


def test_the_conversation_before_the_question_is_kept(world: World) -> None:
    turns = (Turn("user", "Do you know the rules?"), Turn("assistant", "I do."))
    for side in FeedbackSide:
        accept(world, vote(world, ask(world, ASKED, history=turns)), edited(side))
    assert [turn.content for turn in cases(world)[0].history] == ["Do you know the rules?", "I do."]


def test_feedback_is_decided_once(world: World, given: Feedback) -> None:
    acceptance = Acceptance(world.database)
    acceptance.accept(given.id, edited(FeedbackSide.CASE), ANN)
    for again in (lambda: acceptance.accept(given.id, edited(FeedbackSide.CASE), ANN), lambda: acceptance.dismiss(given.id, "no", ANN)):  # fmt: skip
        with pytest.raises(ConflictError, match="decided before"):
            again()
    assert len(cases(world)) == 1


@pytest.mark.parametrize("later", [{"vote": Vote.UP, "reason": None}, {"correction": "Thirty days, I think."}])
def test_what_its_author_took_back_or_corrected_makes_nothing(
    world: World, given: Feedback, later: dict[str, object]
) -> None:
    last = vote(world, given.interaction_id, **later)
    with pytest.raises(ConflictError, match="last word"):
        accept(world, given, edited(FeedbackSide.CASE))
    accept(world, last, edited(FeedbackSide.CASE))
    assert [case.id for case in cases(world)] == [f"feedback-{last.id[:8]}"]


def test_dismissed_feedback_becomes_neither_and_its_reason_is_on_record(world: World, given: Feedback) -> None:
    with pytest.raises(InputError, match="Say why"):
        Acceptance(world.database).dismiss(given.id, " ", ANN)
    Acceptance(world.database).dismiss(given.id, "The answer was right.", ANN)
    decision = FeedbackRepository(world.database).decision(given.id)
    assert decision is not None
    assert (decision.kind, decision.side, decision.reason) == (DecisionKind.DISMISSED, None, "The answer was right.")
    assert training_rows(world.database) == []


def test_what_not_everybody_may_see_is_never_taught(world: World) -> None:
    """A model tells whoever asks it."""
    context = vote(world, ask(world, ASKED, access=("public", "board")))
    assert "handbook/salaries.md" in {passage.uri for passage in context.interaction.passages}
    named = vote(world, ask(world, ASKED))
    salaries = (GoldEvidence(uri="handbook/salaries.md", quote="decided by the shareholders each spring"),)
    acceptance = Acceptance(world.database)
    assert acceptance.accept(context.id, edited(FeedbackSide.TRAINING), ANN).side is FeedbackSide.CASE
    edit = edited(FeedbackSide.TRAINING, question=f"{asked(FeedbackSide.TRAINING)} And salaries?", evidence=salaries)
    assert acceptance.accept(named.id, edit, ANN).side is FeedbackSide.CASE
    assert training_rows(world.database) == []


def test_labels_that_everybody_has_can_be_taught_where_a_person_says_so(world: World) -> None:
    given = vote(world, ask(world, ASKED, access=("public", "board")))
    acceptance = Acceptance(world.database, teachable=("public", "board"))
    assert acceptance.accept(given.id, edited(FeedbackSide.TRAINING), ANN).side is FeedbackSide.TRAINING


def test_a_reviewer_finds_no_evidence_in_documents_they_may_not_see(world: World, given: Feedback) -> None:
    acceptance = Acceptance(world.database, scope=AccessScope.of("public"))
    refusals = []
    for uri, quote in (("handbook/salaries.md", "Salaries"), ("handbook/nowhere.md", "Salaries")):
        with pytest.raises(InputError) as refused:
            acceptance.accept(given.id, edited(FeedbackSide.CASE, evidence=(GoldEvidence(uri=uri, quote=quote),)), ANN)
        refusals.append(refused.value.message.replace(uri, "it"))
    assert refusals[0] == refusals[1]


def test_only_reviewers_decide_and_only_on_what_is_there(world: World, given: Feedback) -> None:
    with pytest.raises(PermissionDeniedError):
        Acceptance(world.database).dismiss(given.id, "no", Actor("eve", frozenset({Role.CHAT})))
    with pytest.raises(NotFoundError):
        Acceptance(world.database).dismiss("nothing", "no", ANN)


def test_feedback_of_programs_that_try_the_system_out_makes_nothing(world: World) -> None:
    given = vote(world, ask(world, ASKED), standing=VoteStanding.SYNTHETIC)
    with pytest.raises(InputError, match="tries the system out"):
        accept(world, given, edited(FeedbackSide.CASE))


def test_what_is_near_a_shipped_or_imported_case_is_a_case(world: World, given: Feedback) -> None:
    question = asked(FeedbackSide.TRAINING)
    near = Case(id="near", question=f"{question} Exactly?", answer="Thirty.")
    DatasetStore(world.database).save("imported", [near], actor="ann", reason="a test")
    assert Acceptance(world.database).accept(given.id, edited(FeedbackSide.TRAINING), ANN).side is FeedbackSide.CASE


@pytest.mark.parametrize("side", FeedbackSide)
def test_near_duplicates_go_to_the_side_of_the_first(world: World, side: FeedbackSide) -> None:
    accept(world, vote(world, ask(world, ASKED)), edited(side))
    second = vote(world, ask(world, ASKED))
    again = edited(side, question=f"Hello! {asked(side)}")
    assert Acceptance(world.database).accept(second.id, again, ANN).side is side


@pytest.mark.parametrize("side", FeedbackSide)
def test_the_same_short_answer_out_of_the_same_place_goes_to_one_side_in_whatever_words_it_was_asked(
    world: World, side: FeedbackSide
) -> None:
    wordings = WORDINGS[1:]  # the first is near a case that is shipped
    for question in sorted(wordings, key=lambda question: hashed_side(question) is not side):
        given = vote(world, ask(world, ASKED))
        decision = Acceptance(world.database).accept(given.id, replace(edited(side), question=question), ANN)
        assert decision.side is side
    assert len(training_rows(world.database)) == (len(wordings) if side is FeedbackSide.TRAINING else 0)


def test_rows_that_a_later_dataset_asks_are_taught_no_more(world: World, given: Feedback) -> None:
    accept(world, given, edited(FeedbackSide.TRAINING))
    assert len(training_rows(world.database)) == 1
    asks_it = Case(id="same", question=asked(FeedbackSide.TRAINING), answer="Thirty.")
    DatasetStore(world.database).save("later", [asks_it], actor="ann", reason="a test")
    assert training_rows(world.database) == []


def test_a_training_file_that_asks_a_locked_case_is_refused(world: World, given: Feedback, tmp_path: Path) -> None:
    accept(world, given, edited(FeedbackSide.CASE))
    row = {"question": asked(FeedbackSide.CASE), "passages": [{"title": "", "text": HELD}], "answer": "Thirty. [1]"}
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(InputError, match=f"the question of locked case feedback-{given.id[:8]} of feedback"):
        refuse_leaks(world.database, read_rows(file))


def test_nobody_else_writes_into_the_dataset_of_accepted_feedback(world: World, given: Feedback) -> None:
    accept(world, given, edited(FeedbackSide.CASE))
    with pytest.raises(InputError, match="accepted feedback"):
        DatasetStore(world.database).save(FEEDBACK, cases(world)[:0], actor="eve", reason="mine")
    assert len(cases(world)) == 1
