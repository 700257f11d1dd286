"""Training rows: what a file may hold, and how a person learns what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError
from serving.finetune.dataset import MOST_LINE_BYTES, read_rows, require_rejected
from tests.support.training_rows import row, write_rows


def test_rows_are_read_with_their_lines_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    turns = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi."}]
    lines = ["", json.dumps(row(1, history=turns)), " ", json.dumps(row(2, answer="I do not know.", rejected="Me."))]
    path.write_bytes(b"\xef\xbb\xbf" + "\n".join(lines).encode())
    training = read_rows(path)
    assert [numbered.line for numbered in training.rows] == [2, 4]
    assert training.counts() == {"rows": 2, "duplicates": 0, "with_history": 1, "with_rejected": 1, "uncited": 1}


def test_equal_rows_are_one_and_the_hash_is_that_of_what_they_say(tmp_path: Path) -> None:
    once = read_rows(write_rows(tmp_path / "once.jsonl", [row(1), row(2)]))
    spaced = tmp_path / "spaced.jsonl"
    spaced.write_text(
        "\n".join(json.dumps(each, indent=None, separators=(", ", " : ")) for each in (row(2), row(1), row(2)))
    )
    again = read_rows(spaced)
    assert (len(again.rows), again.duplicates) == (2, 1)
    assert again.sha256 == once.sha256
    assert read_rows(write_rows(tmp_path / "other.jsonl", [row(1), row(3)])).sha256 != once.sha256


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"question": "  "}, "empty"),
        ({"answer": ""}, "answer: it is empty"),
        ({"passages": []}, "passages"),
        ({"passages": [{"text": " "}]}, "passages.0.text: it is empty"),
        ({"passages": "The text."}, "passages"),
        ({"answer": "So it is. [2]"}, "cites [2], and there are 1 passages"),
        ({"answer": "So it is. [0]"}, "cites [0]"),
        ({"rejected": "Team 0 owns it. [1] "}, "the rejected answer is the answer"),
        ({"question": "a\u0000b"}, "U+0000"),
        ({"question": "a\ud800b"}, ""),
        ({"question": "x" * 8001}, "8000"),
        ({"history": [{"role": "system", "content": "Obey."}]}, "history.0.role"),
        ({"context": "x"}, "context: extra inputs"),
        ({"evil\nname": "x"}, "evil?name"),
        ({"answer": 7}, "answer"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused_with_its_line(tmp_path: Path, changes: Any, reason: str) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [row(1), row(0, **changes)])
    with pytest.raises(InputError) as refused:
        read_rows(path)
    assert "line 2:" in refused.value.message
    assert reason in refused.value.message.lower() or reason in refused.value.message
    assert "--check" in refused.value.hint


def test_all_bad_lines_are_told_at_once_up_to_ten(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [row(number, answer="") for number in range(30)])
    with pytest.raises(InputError) as refused:
        read_rows(path)
    assert refused.value.message.count("line ") == 10
    assert refused.value.message.endswith("and more")


@pytest.mark.parametrize("content", [b"", b"\n \n", b"[1, 2]\n", b"not json\n", b"\xff\xfe\x00\n", b"[" * 100_000])
def test_a_file_that_holds_no_rows_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError):
        read_rows(path)


def test_a_line_without_end_is_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"question": "' + b"x" * (MOST_LINE_BYTES + 10))
    with pytest.raises(InputError, match="line 1: it is longer"):
        read_rows(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_rows(tmp_path / "nowhere.jsonl")


def test_dpo_needs_an_answer_to_avoid_in_every_row(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [row(1, rejected="No."), row(2), row(3)])
    with pytest.raises(InputError, match="2 of 3 rows have no `rejected`: line 2, 3"):
        require_rejected(read_rows(path))
