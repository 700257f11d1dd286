"""Training rows: a question over passages, the answer a model should learn, and, for DPO, one it should not give.

    training = read_rows(Path("rows.jsonl"))
    train, held_out = split(training.rows)

A file is JSONL, one row a line; docs/reference/datasets.md describes it for people. Passages are quoted as they stand
in the documents: the markers that the answer cites them by, [1] for the first, come in when the prompt is rendered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

from core.errors import InputError
from core.frozen import Frozen
from core.text.citation_marker import markers
from core.types import digest

# Limits, far above what training needs. They keep one bad file from filling memory.
MOST_ROWS = 200_000
MOST_FILE_BYTES = 1_000_000_000
MOST_LINE_BYTES = 1_000_000
LONGEST_QUESTION = 8_000  # what the API takes (RAGLOOP_MAX_QUESTION_CHARS)
LONGEST_TEXT = 50_000
LONGEST_TITLE = 1_000
MOST_PARTS = 100  # passages, messages of a history
# So many bad lines are told at once; a file that has more has one mistake many times.
_MOST_TOLD = 10
_HOW = (
    "docs/reference/datasets.md says what a training row holds; `ragloop tune FILE --check` reads it without training."
)

# Control characters but for tab and line ends, and halves of characters: no tokenizer is meant to read them.
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def _readable(text: str) -> str:
    if found := _UNREADABLE.search(text):
        raise ValueError(f"it holds the control character U+{ord(found.group()):04X}")
    return text


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("it is empty")
    return text


_Text = Annotated[str, StringConstraints(max_length=LONGEST_TEXT), AfterValidator(_readable), AfterValidator(_said)]


class RowPassage(Frozen, strict=True):
    """A passage as a document has it."""

    title: Annotated[str, StringConstraints(max_length=LONGEST_TITLE), AfterValidator(_readable)] = ""
    text: _Text


class RowTurn(Frozen, strict=True):
    """A message before the question."""

    role: Literal["user", "assistant"]
    content: _Text


class TrainingRow(Frozen, strict=True):
    """One example. A marker [n] of `answer` cites `passages[n - 1]`; `rejected` is a worse answer, for DPO."""

    question: Annotated[str, StringConstraints(max_length=LONGEST_QUESTION), AfterValidator(_readable)]
    history: tuple[RowTurn, ...] = Field((), max_length=MOST_PARTS)
    passages: tuple[RowPassage, ...] = Field(min_length=1, max_length=MOST_PARTS)
    answer: _Text
    rejected: _Text | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> TrainingRow:
        _said(self.question)
        beyond = [marker for marker in markers(self.answer) if not 1 <= marker <= len(self.passages)]
        if beyond:
            raise ValueError(f"the answer cites [{beyond[0]}], and there are {len(self.passages)} passages")
        if self.rejected is not None and self.rejected.strip() == self.answer.strip():
            raise ValueError("the rejected answer is the answer")
        return self

    @property
    def key(self) -> str:
        """The same for rows that teach the same."""
        return digest(self.model_dump(mode="json"))


@dataclass(frozen=True, slots=True)
class NumberedRow:
    """A row and the line of the file it stands in."""

    line: int
    row: TrainingRow


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The rows of a file. `sha256` is that of their content: neither spaces nor repeated lines change it."""

    rows: tuple[NumberedRow, ...]
    duplicates: int
    sha256: str

    def counts(self) -> dict[str, int]:
        """What a person should know of the rows before training on them."""
        rows = [numbered.row for numbered in self.rows]
        return {
            "rows": len(rows),
            "duplicates": self.duplicates,
            "with_history": sum(bool(row.history) for row in rows),
            "with_rejected": sum(row.rejected is not None for row in rows),
            "uncited": sum(not markers(row.answer) for row in rows),
        }


def read_rows(path: Path) -> TrainingSet:
    """Read and check a file of training rows; of rows that are equal, one is kept.

    Raises InputError that names each bad line and what is wrong with it.
    """
    kept: dict[str, NumberedRow] = {}
    problems: list[str] = []
    duplicates = 0
    for line, content in _lines(path):
        found = _parsed(content)
        if isinstance(found, str):
            problems.append(f"line {line}: {found}")
        elif kept.setdefault(found.key, NumberedRow(line, found)).line != line:
            duplicates += 1
        if len(problems) > _MOST_TOLD or len(kept) > MOST_ROWS:
            break
    _refuse(path, problems, len(kept))
    return TrainingSet(tuple(kept.values()), duplicates, digest(sorted(kept)))


def require_rejected(training: TrainingSet) -> None:
    """Raises InputError unless every row has an answer to prefer and one to avoid, as DPO needs."""
    lacking = [str(numbered.line) for numbered in training.rows if numbered.row.rejected is None]
    if lacking:
        raise InputError(
            f"DPO compares two answers, and {len(lacking)} of {len(training.rows)} rows have no `rejected`: "
            f"line {', '.join(lacking[:_MOST_TOLD])}{' …' if len(lacking) > _MOST_TOLD else ''}.",
            hint="Give each row an answer to avoid, or tune with --method sft.",
        )


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """(number, content) of the lines that hold something."""
    try:
        if (size := path.stat().st_size) > MOST_FILE_BYTES:
            raise InputError(f"{path.name} has {size:,} bytes; {MOST_FILE_BYTES:,} is the most.", hint="Take a sample.")
        with path.open("rb") as file:
            number = 0
            while content := file.readline(MOST_LINE_BYTES + 1):
                number += 1
                if len(content) > MOST_LINE_BYTES:
                    message = f"{path.name}, line {number}: it is longer than {MOST_LINE_BYTES:,} bytes."
                    raise InputError(message, hint=_HOW)
                content = content.removeprefix(b"\xef\xbb\xbf") if number == 1 else content
                if content.strip():
                    yield number, content
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", hint="Check the path.") from error


def _parsed(content: bytes) -> TrainingRow | str:
    """The row of a line, or what is wrong with it."""
    try:
        return TrainingRow.model_validate_json(content)
    except ValidationError as error:
        return _explained(error.errors()[0])


def _explained(problem: Any) -> str:
    # A field's name may be anything; it must not break the line.
    place = ".".join("".join(c if c.isprintable() else "?" for c in str(part)[:80]) for part in problem["loc"])
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{place}: {message[:1].lower()}{message[1:]}" if place else message


def _refuse(path: Path, problems: Sequence[str], rows: int) -> None:
    if problems:
        more = "\n  and more" if len(problems) > _MOST_TOLD else ""
        told = "\n  ".join(problems[:_MOST_TOLD])
        raise InputError(f"{path.name} has rows that cannot be used:\n  {told}{more}", hint=_HOW)
    if rows > MOST_ROWS:
        raise InputError(f"{path.name} holds more than {MOST_ROWS:,} rows.", hint="Train on a sample of them.")
    if not rows:
        raise InputError(f"{path.name} holds no rows.", hint=_HOW)
