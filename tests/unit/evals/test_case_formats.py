"""A table or JSONL becomes cases; whatever is wrong with a file is said by place."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from evals.cases.cases import Case
from evals.cases.formats import FORMATS, RESEARCH_SETS, import_cases
from tests.support.foreign_files import OF_ANOTHER_KIND


def csv_cases(folder: Path, text: str, encoding: str = "utf-8", **options: Any) -> list[Case]:
    path = folder / "cases.csv"
    path.write_bytes(text.encode(encoding))
    return import_cases("csv", path, **options)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_is_read_as_spreadsheets_save_it(tmp_path: Path, encoding: str, delimiter: str) -> None:
    rows = [["Answer", "QUESTION ", "document", "quote", "tags"], ["Ann’s", "Who?", "a.md", "It is Ann’s", '"x; y"']]
    text = "\r\n".join(delimiter.join(row) for row in rows) + "\r\n" + delimiter * 4 + "\r\n"
    (case,) = csv_cases(tmp_path, text, encoding)
    assert (case.question, case.answer, case.tags) == ("Who?", "Ann’s", ("x", "y"))
    assert case.evidence[0].uri == "a.md"
    assert case.origin == "csv"


def test_a_row_without_question_adds_evidence_to_the_case_above(tmp_path: Path) -> None:
    text = 'question,document,quote\nWho?,a.md,"one,\ntwo"\n,b.md,three\nWhy?,c.md,\n'
    first, second = csv_cases(tmp_path, text, source="docs")
    assert [(evidence.uri, evidence.quote) for evidence in first.evidence] == [
        ("docs/a.md", "one,\ntwo"),
        ("docs/b.md", "three"),
    ]
    assert second.evidence[0].uri == "docs/c.md"


def test_the_same_question_has_the_same_id_wherever_it_stands(tmp_path: Path) -> None:
    one = csv_cases(tmp_path, "question,answer\nWho?,Ann\nWhy?,So\n")
    other = csv_cases(tmp_path, "answer,question\nSo,Why?\n")
    assert one[1].id == other[0].id != one[0].id


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1: there is no column question"),
        ("answer\nx\n", "line 1: there is no column question"),
        ("question,anwser\na,b\n", "there is no column 'anwser'"),
        ("question,question\na,b\n", "two columns are named question"),
        ("question,answer\na\n", "line 2: the row does not have 2 fields"),
        ("question,answer\na,b,c\n", "line 2: the row does not have 2 fields"),
        ("question,answer\nok,b\n,c\n", "line 3: question: it is empty"),
        ("question,document\n,a.md\n", "line 2: question: it is empty"),
        ("question,answer,unanswerable\na,b,perhaps\n", "line 2: unanswerable"),
        ("question,answer,unanswerable\na,b,yes\n", "line 2: the case: an unanswerable case has neither"),
        ("question,answer\na,\n", "line 2: the case: an answerable case needs"),
        ("question,quote\na,b\n", "line 2: evidence.0.uri: it is empty"),
        ("question,answer\nok,b\na\x07,b\n", "line 3: question: it holds the control character"),
        ("question,answer\n" + "a" * 8001 + ",b\n", "line 2: question: string should have at most 8000"),
        ("question,answer\na," + "b" * 200_000 + "\n", "after line 1: field larger than field limit"),
        ("question,answer\nWho?,a\nWho?,b\n", "two cases have the id"),
        ("question\n", "holds no cases"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_by_line_and_field(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(InputError) as refused:
        csv_cases(tmp_path, text)
    assert complaint in refused.value.message
    assert refused.value.hint


def test_a_table_in_an_old_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 2: it is not UTF-8"):
        csv_cases(tmp_path, "question,answer\nWer prüft?,Ann\n", "latin-1")


@given(st.text(max_size=200))
def test_no_table_ends_in_anything_but_cases_or_a_complaint(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(("question,answer\n" + text).encode("utf-8", "surrogatepass"))
    with contextlib.suppress(InputError):
        assert import_cases("csv", path)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("content", OF_ANOTHER_KIND)
def test_a_file_of_another_kind_is_refused_with_a_hint(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        import_cases(name, path)
    assert refused.value.hint


@pytest.mark.parametrize("name", FORMATS)
def test_a_path_that_leads_nowhere_is_refused_with_a_hint(tmp_path: Path, name: str) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(InputError) as refused:
            import_cases(name, path)
        assert refused.value.hint


@pytest.mark.parametrize("name", RESEARCH_SETS)
def test_whoever_names_a_research_set_is_told_where_its_importer_is(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as refused:
        import_cases(name, tmp_path)
    assert f"python -m tools.importers {name} PATH --cases FILE" in str(refused.value.hint)


def test_a_sample_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    text = "question,answer\n" + "".join(f"What is {n}?,A number.\n" for n in range(50))
    sample = csv_cases(tmp_path, text, limit=10, seed=1)
    assert len(sample) == 10
    assert csv_cases(tmp_path, text, limit=10, seed=1) == sample
    assert csv_cases(tmp_path, text, limit=10, seed=2) != sample
    assert len(csv_cases(tmp_path, text, limit=99)) == 50
