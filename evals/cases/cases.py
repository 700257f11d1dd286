"""Evaluation cases: a question, what a good answer is, and where its evidence stands.

docs/reference/datasets.md describes the file format for people, `ragloop eval schema` prints it for programs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

from core.errors import InputError
from core.frozen import Frozen
from core.types import digest

# A tag that begins so names what the answer may not say. It makes no slice.
FORBIDDEN = "forbidden:"

DATASETS = Path(__file__).parent / "datasets"

# Limits, each far above what people write by hand. They keep one bad file from filling memory or a report's page.
MOST_CASES = 20_000  # an evaluation of more would take hours on two cores and show nothing more
MOST_FILE_BYTES = 200_000_000  # what 20,000 cases with long histories come to; parses in seconds
MOST_LINE_BYTES = 1_000_000  # a line holds one case; longer is a file that is no JSONL
LONGEST_QUESTION = 8_000  # what the API takes (RAGLOOP_MAX_QUESTION_CHARS)
LONGEST_TEXT = 50_000  # an answer, a message, a quote: some twenty pages
LONGEST_URI = 2_000
LONGEST_NAME = 200  # an id, a group, an origin, a tag: shown in one line, and what the database's columns hold
MOST_PARTS = 100  # messages, pieces of evidence, tags

# Control characters but for tab and line ends, and halves of characters: no database or page takes them.
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_HOW = "`ragloop eval schema` prints what a case holds; docs/reference/datasets.md explains it."


def is_storable(text: str) -> bool:
    """Whether the text is free of what no database or page takes."""
    return _UNSTORABLE.search(text) is None


def _storable(text: str) -> str:
    if found := _UNSTORABLE.search(text):
        raise ValueError(f"it holds the control character U+{ord(found.group()):04X}")
    return text


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("it is empty")
    return text


_Text = Annotated[str, StringConstraints(max_length=LONGEST_TEXT), AfterValidator(_storable)]
_Name = Annotated[str, StringConstraints(max_length=LONGEST_NAME), AfterValidator(_storable)]
_Said = AfterValidator(_said)


class GoldEvidence(Frozen):
    """A stretch of a document that holds the answer, or a part of it: the quote's place, or, where no quote is known,
    the whole document. `start` says where the quote begins if it occurs more than once."""

    uri: Annotated[str, StringConstraints(max_length=LONGEST_URI), AfterValidator(_storable), _Said]
    quote: _Text = ""
    start: int | None = Field(None, ge=0)

    def span(self, text: str) -> tuple[int, int] | None:
        """Where the quote stands in the document's text, line breaks and spaces being alike, the occurrence nearest to
        `start` if that is known; all of the text without a quote; None if the text does not hold the quote."""
        if not self.quote.split():
            return (0, len(text))
        pattern = r"\s+".join(re.escape(word) for word in self.quote.split())
        found = [match.span() for match in re.finditer(pattern, text)]
        return min(found, key=lambda span: abs(span[0] - (self.start or 0)), default=None)


class CaseTurn(Frozen):
    """One message before the question."""

    role: Literal["user", "assistant"]
    content: _Text


class Case(Frozen):
    """One question with its gold answer. An unanswerable one has neither answer nor evidence.

    `group` joins cases that ask the same thing with names or dialect changed: their answers should agree. A locked case
    came from a complaint: it may never be trained on, and an answer that was right may not become wrong again.
    """

    id: Annotated[_Name, _Said]
    question: Annotated[str, StringConstraints(max_length=LONGEST_QUESTION), AfterValidator(_storable), _Said]
    history: tuple[CaseTurn, ...] = Field((), max_length=MOST_PARTS)
    answer: _Text = ""
    evidence: tuple[GoldEvidence, ...] = Field((), max_length=MOST_PARTS)
    tags: tuple[Annotated[_Name, _Said], ...] = Field((), max_length=MOST_PARTS)
    unanswerable: bool = False
    group: _Name = ""
    origin: _Name = "written"
    locked: bool = False

    @property
    def slices(self) -> tuple[str, ...]:
        """The slices of a report that the case belongs to: its tags, and what its form says of it."""
        formed = (("unanswerable", self.unanswerable), ("follow-up", bool(self.history)))
        tags = (tag for tag in self.tags if not tag.startswith(FORBIDDEN))
        return tuple(dict.fromkeys((*tags, *(name for name, belongs in formed if belongs))))

    @property
    def forbidden(self) -> tuple[str, ...]:
        """What the answer may not say: the words that an attack would have it say."""
        words = (tag.removeprefix(FORBIDDEN).strip() for tag in self.tags if tag.startswith(FORBIDDEN))
        return tuple(word for word in words if word)

    @property
    def sha256(self) -> str:
        """The hash of everything the case says."""
        return digest(self.model_dump(mode="json"))

    @model_validator(mode="after")
    def _consistent(self) -> Case:
        if self.unanswerable and (self.evidence or self.answer):
            raise ValueError("an unanswerable case has neither answer nor evidence")
        if not self.unanswerable and not self.evidence and not self.answer:
            raise ValueError("an answerable case needs a gold answer or evidence")
        return self


def load_cases(path: Path) -> list[Case]:
    """The cases of a JSONL file. Raises InputError that names the file, the line and the field at fault."""
    cases = [_case(line, f"{path.name}, line {number}") for number, line in _lines(path)]
    check_cases(cases, path.name)
    return cases


def check_cases(cases: Sequence[Case], place: str) -> None:
    """Raises InputError unless the cases can be a dataset: there are some, not too many, each with an id of its own."""
    if not cases:
        raise InputError(f"{place} holds no cases.", hint=_HOW)
    if len(cases) > MOST_CASES:
        raise InputError(
            f"{place} holds {len(cases):,} cases; {MOST_CASES:,} is the most.", hint="Take a sample, or make several."
        )
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise InputError(f"{place}: two cases have the id {case.id}.", hint="Give every case an id of its own.")
        seen.add(case.id)


def explain(error: ValidationError) -> str:
    """The first thing that is wrong with a case, in words that name the field."""
    first = error.errors()[0]
    place = ".".join(_printable(str(part)) for part in first["loc"]) or "the case"
    reason = first["msg"].removeprefix("Value error, ")
    return f"{place}: {reason[:1].lower()}{reason[1:]}."


def _printable(name: str) -> str:
    """A field's name, which may be anything, as it can be shown in a line."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:80])


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers. A byte-order mark, as spreadsheets write it, is left out."""
    try:
        size = path.stat().st_size
        if size > MOST_FILE_BYTES:
            raise InputError(f"{path.name} has {size:,} bytes; {MOST_FILE_BYTES:,} is the most.", hint="Split it.")
        with path.open("rb") as file:
            number = 0
            while line := file.readline(MOST_LINE_BYTES + 1):
                number += 1
                if len(line) > MOST_LINE_BYTES:
                    raise InputError(
                        f"{path.name}, line {number}: it is longer than {MOST_LINE_BYTES:,} bytes.",
                        hint="A line holds one case as a JSON object.",
                    )
                line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                if line.strip():
                    yield number, line
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", hint="Check the path.") from error


def _case(line: bytes, place: str) -> Case:
    try:
        return Case.model_validate_json(line, strict=True)
    except ValidationError as error:
        raise InputError(f"{place}: {explain(error)}", hint=_HOW) from error
