"""What of a dataset stands in a training set is found, whatever it is wrapped in; what only resembles it is not."""

from __future__ import annotations

import json
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from evals.cases.cases import Case
from evals.cases.leakage import LeakageReport, TaughtMessage, check, find_leaks

QUESTION = "Who has to approve a business trip to another country?"
ANSWER = "The team lead approves trips inside the country, the director of finance every other one."
QUOTE = "Trips abroad are approved by the director of finance before anything is booked."


def case(locked: bool = False, question: str = QUESTION, answer: str = ANSWER) -> Case:
    return Case.model_validate(
        {
            "id": "trip",
            "question": question,
            "answer": answer,
            "locked": locked,
            "evidence": [{"uri": "a.md", "quote": QUOTE}],
        }
    )


def leaks(text: str, role: str = "user", locked: bool = False) -> LeakageReport:
    return find_leaks([case(locked)], [TaughtMessage(1, role, text)])


@pytest.mark.parametrize(
    "text",
    [
        QUESTION,
        "WHO has to approve a business trip to another country",
        f"Context: travel policy, 12 pages.\n\nQuestion: {QUESTION}\nAnswer:",
        QUESTION.replace(" ", "\n  "),
    ],
)
def test_a_question_to_the_letter_is_found_in_any_dress(text: str) -> None:
    (leak,) = leaks(text).leaks
    assert (leak.part, leak.exact, leak.line) == ("question", True, 1)


@pytest.mark.parametrize(
    "text",
    [
        "Who has to aprove a business trip to another country?",
        "Who must approve a business trip to another country?",
        "who approves a business trip to another country",
        f"Question: {QUESTION.replace('has to', 'needs to')} Answer briefly.",
    ],
)
def test_a_question_put_a_little_differently_is_found(text: str) -> None:
    (leak,) = leaks(text).leaks
    assert leak.part == "question"
    assert not leak.exact


@pytest.mark.parametrize(
    "text",
    [
        "Who has to approve a business plan for another country?",
        "Who has to sign a business trip to another country?",
        "How do I create an API key?",
        "business trip",
        "",
    ],
)
def test_a_question_of_the_same_pattern_is_another_question(text: str) -> None:
    assert not leaks(text).leaks


def test_numbers_tell_questions_apart() -> None:
    wanted = case(question="How did the net sales of the company change in 2022?")
    other = TaughtMessage(1, "user", "How did the net sales of the company change in 2023?")
    assert not find_leaks([wanted], [other]).leaks


def test_what_the_assistant_is_taught_to_say_is_compared_with_answers_and_evidence() -> None:
    assert [leak.part for leak in leaks(ANSWER, "assistant").leaks] == ["answer"]
    assert [leak.part for leak in leaks(f"As the policy says: {QUOTE}", "assistant").leaks] == ["evidence"]
    assert not leaks(f"Context: {QUOTE}", "user").leaks, "a passage in a prompt is how retrieval works"


def test_a_short_answer_that_stands_everywhere_is_no_leak() -> None:
    assert not find_leaks([case(answer="136")], [TaughtMessage(1, "assistant", "The answer is 136.")]).leaks


def test_a_short_question_is_found_as_a_whole_message_only() -> None:
    short = case(question="Why is that?")
    assert find_leaks([short], [TaughtMessage(1, "user", "why is that")]).leaks
    assert not find_leaks([short], [TaughtMessage(1, "user", "And why is that so late?")]).leaks


def test_a_locked_case_is_held_to_a_stricter_measure_and_comes_first() -> None:
    half = "Who approves the business trips of new people to another country, and when exactly?"
    assert not leaks(half).leaks
    assert leaks(half, locked=True).locked_cases == ("trip",)
    other = Case(id="a", question="How long are receipts of expenses kept?", answer="Ten years.")
    both = find_leaks(
        [other, case(locked=True)], [TaughtMessage(1, "user", other.question), TaughtMessage(2, "user", QUESTION)]
    )
    assert [leak.case_id for leak in both.leaks] == ["trip", "a"]


def test_each_part_is_reported_once_with_its_nearest_message() -> None:
    messages = [
        TaughtMessage(1, "user", QUESTION.replace("has to", "must")),
        TaughtMessage(2, "user", QUESTION),
        TaughtMessage(3, "user", QUESTION),
    ]
    (leak,) = find_leaks([case()], messages).leaks
    assert (leak.line, leak.exact) == (2, True)


words = st.lists(st.text(string.ascii_lowercase, min_size=4, max_size=9), min_size=6, max_size=30, unique=True)


@given(
    words,
    st.lists(st.sampled_from([" ", "\n", ", ", " - ", "  "]), min_size=30, max_size=30),
    st.text(max_size=80),
    st.text(max_size=80),
)
def test_any_question_is_found_whatever_its_case_spacing_and_surroundings(
    question: list[str], gaps: list[str], before: str, after: str
) -> None:
    dressed = "".join(word.upper() + gap for word, gap in zip(question, gaps, strict=False))
    report = find_leaks(
        [case(question=" ".join(question) + "?")], [TaughtMessage(7, "user", f"{before}\n{dressed}\n{after}")]
    )
    assert [(leak.part, leak.line, leak.exact) for leak in report.leaks] == [("question", 7, True)]


@given(words, words)
def test_texts_without_a_common_word_never_leak(one: list[str], other: list[str]) -> None:
    message = " ".join(
        word.translate({ord(letter): chr(ord(letter) + 0x3A0 - 0x60) for letter in string.ascii_lowercase})
        for word in other
    )
    assert not find_leaks(
        [case(True, " ".join(one))], [TaughtMessage(1, "user", message), TaughtMessage(1, "assistant", message)]
    ).leaks


@given(st.lists(words.map(" ".join), max_size=6), words.map(" ".join))
def test_more_training_never_hides_a_leak(others: list[str], question: str) -> None:
    found = [TaughtMessage(1, "user", question)]
    more = [TaughtMessage(number, "user", text) for number, text in enumerate(others, start=2)]
    assert "trip" in find_leaks([case(question=question)], [*more, *found, *more]).leaked_cases


def training(folder: Path, *rows: object) -> Path:
    path = folder / "training.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def test_a_training_file_is_read_line_by_line(tmp_path: Path) -> None:
    rows = [
        {"messages": [{"role": "user", "content": "Hello there."}, {"role": "assistant", "content": "Hello."}], "id": 7}
    ]
    rows.append({"messages": [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]})
    report = check([case()], training(tmp_path, *rows))
    assert (report.cases, report.messages) == (1, 4)
    assert [(leak.part, leak.line) for leak in report.leaks] == [("answer", 2), ("question", 2)]


@pytest.mark.parametrize(
    "row",
    [
        "{",
        "[]",
        '{"messages": "x"}',
        '{"messages": [{"role": "user"}]}',
        '{"prompt": "x"}',
        '{"messages": [{"role": "user", "content": 7}]}',
    ],
)
def test_a_line_that_is_no_conversation_is_refused_by_its_number(tmp_path: Path, row: str) -> None:
    path = training(tmp_path, {"messages": []}, row)
    with pytest.raises(InputError, match=r"training\.jsonl, line 2") as refused:
        check([case()], path)
    assert "messages" in refused.value.hint


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        check([case()], tmp_path / "missing.jsonl")
