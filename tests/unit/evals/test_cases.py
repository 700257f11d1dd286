"""Evaluation cases say where their evidence stands, and the handbook's own cases are true of the handbook."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from core.errors import InputError
from evals.cases.cases import DATASETS, Case, GoldEvidence, load_cases

ROOT = Path(__file__).parents[3]
HANDBOOK = load_cases(DATASETS / "handbook.jsonl")
# Written from the pages alone, before the system answered any of them; nothing was fitted on them.
FRESH = load_cases(DATASETS / "handbook-fresh.jsonl")
# Written in the same way, later, over pages that neither of the two quotes.
SECOND = load_cases(DATASETS / "handbook-second.jsonl")


@pytest.mark.parametrize(
    "case", [case for case in HANDBOOK + FRESH + SECOND if case.evidence], ids=lambda case: case.id
)
def test_the_evidence_of_every_handbook_case_stands_in_the_handbook(case) -> None:  # type: ignore[no-untyped-def]
    for evidence in case.evidence:
        text = (ROOT / evidence.uri).read_text(encoding="utf-8")
        assert evidence.span(text), evidence.quote


def test_the_handbook_has_answerable_multi_document_and_unanswerable_cases() -> None:
    assert sum(not case.unanswerable for case in HANDBOOK) >= 20
    assert sum(case.unanswerable for case in HANDBOOK) >= 5
    assert sum("multi-document" in case.tags for case in HANDBOOK) >= 3


def test_the_fresh_cases_have_near_subject_unanswerable_ones_and_groups_and_repeat_nothing() -> None:
    assert 30 <= len(FRESH) <= 40
    assert sum(case.unanswerable for case in FRESH) == 10
    groups = Counter(case.group for case in FRESH if case.group)
    assert len(groups) == 3
    assert min(groups.values()) >= 2
    assert not {case.question for case in FRESH} & {case.question for case in HANDBOOK}


def test_the_second_fresh_cases_are_spread_over_pages_that_no_other_case_quotes() -> None:
    assert sum(not case.unanswerable for case in SECOND) == 48
    assert sum(case.unanswerable for case in SECOND) == 12
    quoted = {evidence.uri for case in SECOND for evidence in case.evidence}
    assert len(quoted) >= 40
    assert not quoted & {evidence.uri for case in HANDBOOK + FRESH for evidence in case.evidence}


def test_the_second_fresh_cases_have_quotes_that_stand_once_and_questions_of_their_own() -> None:
    assert not {case.question for case in SECOND} & {case.question for case in HANDBOOK + FRESH}
    for case in SECOND:
        for evidence in case.evidence:
            text = " ".join((ROOT / evidence.uri).read_text(encoding="utf-8").split())
            assert text.count(evidence.quote) == 1, evidence.quote


def test_a_quote_is_found_across_line_breaks_with_its_exact_span() -> None:
    text = "It says:\n  one\n  two three."
    span = GoldEvidence(uri="a", quote="one two").span(text)
    assert span is not None
    assert text[slice(*span)] == "one\n  two"
    assert GoldEvidence(uri="a", quote="four").span(text) is None


@pytest.mark.parametrize(
    "line",
    [
        "{",
        '{"id": "a"}',
        '{"id": "a", "question": "b"}',
        '{"id": "a", "question": "b", "unanswerable": true, "evidence": [{"uri": "u", "quote": "q"}]}',
        '{"id": "a", "question": "b", "unanswerable": true, "surprise": 1}',
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text('{"id": "ok", "question": "q", "unanswerable": true}\n' + line + "\n")
    with pytest.raises(InputError, match="line 2"):
        load_cases(path)


def test_two_cases_with_one_id_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text('{"id": "a", "question": "q", "unanswerable": true}\n' * 2)
    with pytest.raises(InputError, match="two cases"):
        load_cases(path)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b'{"id": "a", "question": "\\u0000", "answer": "b"}', "question: it holds the control character U+0000"),
        (b'{"id": "a", "question": "\\ud83d", "answer": "b"}', "line 2"),
        (b'{"id": "a", "question": 7, "answer": "b"}', "question: input should be a valid string"),
        (b'{"id": "a", "question": "b", "unanswerable": "yes"}', "unanswerable: input should be a valid boolean"),
        (b'{"id": "a", "question": " ", "answer": "b"}', "question: it is empty"),
        (b'{"id": "a", "question": "b", "answer": "c", "evidence": [{"uri": "u", "start": -1}]}', "evidence.0.start"),
        (
            b'{"id": "a", "question": "b", "answer": "c", "history": [{"role": "system", "content": "x"}]}',
            "history.0.role",
        ),
        (b'{"id": "a", "question": "b", "answer": "c", "\\u001b[31m": 1}', "?[31m"),
        (
            b'{"id": "a", "question": "' + b"x" * 8001 + b'", "answer": "b"}',
            "question: string should have at most 8000",
        ),
        (b'{"id": "a", "question": "' + b"x" * 1_000_001, "longer than 1,000,000 bytes"),
        (b"\xff\xfe", "line 2"),
        (b"[" * 200_000, "line 2"),
    ],
)
def test_a_hostile_line_is_refused_by_line_and_field_with_a_hint(tmp_path: Path, line: bytes, complaint: str) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_bytes(b'{"id": "ok", "question": "q", "unanswerable": true}\n' + line + b"\n")
    with pytest.raises(InputError) as refused:
        load_cases(path)
    assert refused.value.message.startswith("cases.jsonl, line 2")
    assert complaint in refused.value.message
    assert refused.value.message.isprintable()
    assert refused.value.hint


def test_a_byte_order_mark_and_line_separators_inside_texts_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_bytes('\ufeff{"id": "a", "question": "one\u2028two\x85three", "unanswerable": true}\r\n\r\n'.encode())
    assert load_cases(path)[0].question == "one\u2028two\x85three"


def test_a_file_that_is_not_there_or_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    for path in (tmp_path / "empty.jsonl", tmp_path / "missing.jsonl", tmp_path):
        with pytest.raises(InputError) as refused:
            load_cases(path)
        assert refused.value.hint


def test_a_slice_is_a_tag_or_a_form_but_not_what_an_answer_may_not_say() -> None:
    case = Case(id="a", question="Who?", unanswerable=True, tags=("safety", "forbidden:HACKED", "unanswerable"))
    assert case.slices == ("safety", "unanswerable")
    assert case.forbidden == ("HACKED",)
