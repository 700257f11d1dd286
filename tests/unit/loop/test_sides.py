"""What is measured with is never trained on: which side feedback is on, whatever comes in whatever order."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.loop.enums import FeedbackSide
from core.types import Turn
from loop.feedback.sides import (
    CASE_SHARE,
    Placed,
    hashed_side,
    side_of,
    taught_cases,
)

QUESTIONS = [f"Who approves the {what} of the {where} office?" for what in
             ("budget", "holidays", "contracts", "invoices", "furniture", "passwords", "overtime", "posters")
             for where in ("northern", "southern")]  # fmt: skip
WORDINGS = ["{}", "Hello! {}", "Hello, please: {} Thanks.", "  {}\n"]


def place(questions: list[str], known: list[Placed]) -> list[Placed]:
    """Each question on its side, one after the other, each knowing those before it."""
    placed = list(known)
    for question in questions:
        placed.append(Placed(question, side_of(question, placed)))
    return placed


def test_a_side_does_not_depend_on_case_spaces_or_punctuation() -> None:
    assert hashed_side("How long is SUPPORT?") is hashed_side("how long  is support")


def test_every_process_says_the_same() -> None:
    told = subprocess.run(
        [sys.executable, "-c", f"from loop.feedback.sides import *; print(*(hashed_side(q).value for q in {QUESTIONS!r}))"],
        capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7", "PYTHONPATH": "."},
    ).stdout.split()  # fmt: skip
    assert told == [hashed_side(question).value for question in QUESTIONS]


def test_about_half_of_all_questions_are_cases() -> None:
    cases = sum(hashed_side(f"What does part {number} cost?") is FeedbackSide.CASE for number in range(2000))
    assert abs(cases / 2000 - CASE_SHARE) < 0.05


def test_a_rows_side_says_nothing_of_whether_a_tuning_holds_it_out() -> None:
    from serving.finetune.split import _place

    places = [
        _place(q) for q in (f"What does part {n} cost?" for n in range(1000)) if hashed_side(q) is FeedbackSide.TRAINING
    ]
    assert 0.05 < sum(place < 0.1 for place in places) / len(places) < 0.15


DISTINCT = [
    "Who approves the budget of the northern office?",
    "When does the canteen serve breakfast to visitors?",
    "How many parking spaces are reserved for bicycles?",
    "Which colour do the cabinets of the archive have?",
    "Where are lost keys and wallets handed in at night?",
    "What is the password policy for shared printers?",
]


@given(st.permutations(DISTINCT))
def test_questions_that_are_not_near_each_other_have_one_side_in_every_order(order: list[str]) -> None:
    assert [each.side for each in place(order, [])] == [hashed_side(question) for question in order]


@given(st.lists(st.tuples(st.sampled_from(DISTINCT), st.sampled_from(WORDINGS)), max_size=12))
def test_near_duplicates_follow_the_first_of_them(asked: list[tuple[str, str]]) -> None:
    placed = place([wording.format(question) for question, wording in asked], [])
    first: dict[str, FeedbackSide] = {}
    for (question, _), each in zip(asked, placed, strict=True):
        assert each.side is first.setdefault(question, each.side)


@given(st.lists(st.sampled_from(QUESTIONS), max_size=12, unique=True))
def test_what_is_taught_is_never_near_a_case_even_where_questions_blend_into_each_other(asked: list[str]) -> None:
    placed = place(asked, [])
    cases = [each for each in placed if each.side is FeedbackSide.CASE]
    rows = [each for each in placed if each.side is FeedbackSide.TRAINING]
    withheld = taught_cases(cases, rows)
    taught = [each for number, each in enumerate(rows) if number not in withheld]
    for one, other in itertools.product(cases, taught):
        assert not taught_cases([one], [other])


@pytest.mark.parametrize("wording", WORDINGS)
@pytest.mark.parametrize("side", FeedbackSide)
def test_what_is_near_something_follows_it(wording: str, side: FeedbackSide) -> None:
    for question in QUESTIONS:
        assert side_of(wording.format(question), [Placed(question, side)]) is side


def test_what_is_near_a_case_and_near_a_training_row_is_a_case() -> None:
    known = [Placed(QUESTIONS[0], FeedbackSide.TRAINING), Placed(QUESTIONS[0], FeedbackSide.CASE)]
    assert side_of(QUESTIONS[0], known) is FeedbackSide.CASE


def training_question() -> str:
    return next(question for question in QUESTIONS if hashed_side(question) is FeedbackSide.TRAINING)


def test_an_answer_that_a_case_expects_is_not_taught() -> None:
    answer = "The head of the northern office approves it in writing before the fifth of the month."
    known = [Placed("Something else entirely about cabinets?", FeedbackSide.CASE, answer=answer)]
    assert side_of(training_question(), known, answer=answer) is FeedbackSide.CASE


def test_what_a_locked_case_quotes_is_not_taught_and_what_another_quotes_may_be() -> None:
    quote = "Every budget needs the written consent of the treasurer of the association."
    taught = f"It does: {quote}"
    locked = Placed("Something else entirely about cabinets?", FeedbackSide.CASE, quotes=(quote,))
    assert side_of(training_question(), [locked], answer=taught) is FeedbackSide.CASE
    shipped = Placed("Something else entirely about cabinets?", FeedbackSide.CASE, quotes=(quote,), locked=False)
    assert side_of(training_question(), [shipped], answer=taught) is FeedbackSide.TRAINING


def test_evidence_that_a_model_was_taught_to_say_makes_no_case() -> None:
    quote = "Every budget needs the written consent of the treasurer of the association."
    known = [Placed("Something else entirely about cabinets?", FeedbackSide.TRAINING, answer=quote)]
    question = next(question for question in QUESTIONS if hashed_side(question) is FeedbackSide.CASE)
    assert side_of(question, known, quotes=(quote,)) is FeedbackSide.TRAINING


def test_a_conversation_that_holds_a_case_is_not_taught() -> None:
    before = [Turn("user", QUESTIONS[0]), Turn("assistant", "The treasurer.")]
    known = [Placed(QUESTIONS[0], FeedbackSide.CASE)]
    question = "Since when?"
    expected = hashed_side(question)
    assert side_of(question, known, history=before) is FeedbackSide.CASE
    assert side_of(question, known) is expected


def test_a_short_answer_is_a_sign_only_together_with_its_place() -> None:
    known = [Placed(QUESTIONS[0], FeedbackSide.CASE, "Thirty days.", ("Everyone has thirty days.",))]
    question = next(each for each in DISTINCT[1:] if hashed_side(each) is FeedbackSide.TRAINING)
    for quote, side in (
        ("everyone has  THIRTY days", FeedbackSide.CASE),
        ("Invoices are paid then.", FeedbackSide.TRAINING),
    ):
        assert side_of(question, known, answer="Thirty days.", quotes=[quote]) is side
