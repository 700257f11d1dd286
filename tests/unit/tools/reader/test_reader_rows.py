"""Rows for training a reader: where they come from, and what keeps them apart from what is measured on."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError
from tools.reader.rows import MeasuredText, ReaderRow, RowLabel, Split, consistent, read_rows, split_of

PASSAGE = "The harbour opens at five in the morning and closes at nine in the evening on every day but Sunday."


def line(**changed: Any) -> dict[str, Any]:
    raw = {"question": "When does it open?", "passage": PASSAGE, "title": "Harbour > Hours", "spans": [[4, 11]]}
    return raw | {"answerable": True, "kind": "positive"} | changed


def written(folder: Path, source: str, *lines: dict[str, Any]) -> list[ReaderRow]:
    with gzip.open(folder / f"{source}.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(each) + "\n" for each in lines)
    return list(read_rows(folder))


def test_a_row_says_whether_people_or_a_rule_found_no_answer_in_the_passage(tmp_path: Path) -> None:
    rows = written(
        tmp_path,
        "boolq",
        line(),
        line(answerable=False, kind="human-unanswerable"),
        line(answerable=False, kind="sibling-negative"),
    )
    assert [row.label for row in rows] == [RowLabel.POSITIVE, RowLabel.UNANSWERED, RowLabel.PRESUMED]
    assert rows[0].heading == "Hours"


def test_a_question_asked_of_every_contract_is_another_question_in_each(tmp_path: Path) -> None:
    first, second = written(tmp_path, "contractnli", line(title="One contract"), line(title="Another contract"))
    assert first.group != second.group


def test_a_folder_without_rows_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no question and passage rows"):
        list(read_rows(tmp_path))


def test_sections_of_one_page_are_in_one_part(tmp_path: Path) -> None:
    rows = written(tmp_path, "boolq", *(line(title=f"Harbour > Part {number}") for number in range(40)))
    assert len({row.split for row in rows}) == 1
    assert len({split_of(f"Page {number}") for number in range(200)}) == 3


def test_no_row_is_trained_on_that_asks_a_measured_question_or_shares_its_text(tmp_path: Path) -> None:
    (row,) = written(tmp_path, "boolq", line())
    assert MeasuredText(["when does it  OPEN"], []).overlaps(row)
    assert MeasuredText([], ["As was said, the " + PASSAGE[4:90] + " and so on"]).overlaps(row)
    assert not MeasuredText(["When does it close?"], ["The harbour opens at five in the morning"]).overlaps(row)


def test_a_passage_of_two_parts_and_a_question_of_two_parts_are_in_the_stricter_one_only() -> None:
    def row(question: str, passage: str, split: Split) -> ReaderRow:
        return ReaderRow("boolq", question, "", passage, (), RowLabel.POSITIVE, question, split)

    held_out = row("When?", "At five.", Split.HELD_OUT)
    trained = row("Who?", "The master.", Split.TRAIN)
    rows = [row("Where?", "At five.", Split.TRAIN), row("When?", "At nine.", Split.TRAIN), held_out, trained, trained]
    assert consistent(rows) == [held_out, trained]
