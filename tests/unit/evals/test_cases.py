"""Evaluation cases say where their evidence stands, and the handbook's own cases are true of the handbook."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import InputError
from evals.cases import DATASETS, GoldEvidence, load_cases

ROOT = Path(__file__).parents[3]
HANDBOOK = load_cases(DATASETS / "handbook.jsonl")


@pytest.mark.parametrize("case", [case for case in HANDBOOK if not case.unanswerable], ids=lambda case: case.id)
def test_the_evidence_of_every_handbook_case_stands_in_the_handbook(case) -> None:  # type: ignore[no-untyped-def]
    for evidence in case.evidence:
        text = (ROOT / evidence.uri).read_text(encoding="utf-8")
        assert evidence.span(text), evidence.quote


def test_the_handbook_has_answerable_multi_document_and_unanswerable_cases() -> None:
    assert sum(not case.unanswerable for case in HANDBOOK) >= 20
    assert sum(case.unanswerable for case in HANDBOOK) >= 5
    assert sum("multi-document" in case.tags for case in HANDBOOK) >= 3


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
