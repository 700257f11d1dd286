"""Whether a dataset's cases stand in a training set: a model that has seen the questions is measured on its memory.

    report = check(dataset.cases, Path("training.jsonl"))
    report.leaks                                # worst first; empty when nothing leaked

A training set is JSONL of conversations: {"messages": [{"role": "user", "content": "…"}, …]}. A question is looked for
in what the user or the system says, also in the middle of it; an answer and evidence in what the assistant says: that
passages of the corpus stand in a prompt is how retrieval works and no leak, that the model was taught to say them is.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import InputError
from evals.cases.cases import Case, explain

Part = Literal["question", "answer", "evidence"]

# A text is near a message from this similarity on (rapidfuzz's partial ratio with the best stretch of it), if the
# stretch has its words too. Letters alone do not tell: two wordings of a question reach 0.8, and so do "Who approves
# travel?" and "Who approves leave?"; only the first pair has the same words.
NEAR = 0.75
# One word in so many may be missing: a question must have all of them, a long answer may have been touched up.
WORDS_PER_MISS = 10
# A locked case came from a complaint and must never be trained on: what is half a copy is shown to a person too.
NEAR_LOCKED = 0.65
WORDS_PER_MISS_LOCKED = 4
# Shorter texts stand in every training set ("Why is that?", "one of the most common"): a question of fewer characters
# is only looked for as a whole message, an answer or a quote not at all.
SHORTEST_QUESTION = 20
SHORTEST_ANSWER = 40
# Letters in a piece of text, and by how many pieces a text is recognised: those that are rarest among the cases,
# because common ones ("n the") would make a candidate of every message.
_PIECE = 6
_SKETCH = 24
# Share of these that a message must hold before the two are compared letter by letter. A wrong letter spoils 6 of them.
_CANDIDATE = 0.4
# Letters around the best stretch that are looked through for words that stand in another order.
_MARGIN = 30
# Similarity of two spellings of a word: "embedded" and "embeded", "token" and "tokens", but not "create" and "revoke".
_SAME_WORD = 80
_MOST_LINE_BYTES = 10_000_000
_HINT = 'A line holds one conversation: {"messages": [{"role": "user", "content": "…"}, …]}.'


@dataclass(frozen=True, slots=True)
class TaughtMessage:
    """A message of a training conversation: `line` is where it stands in the file."""

    line: int
    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Leak:
    """A part of a case that stands in a training message, to the letter (`similarity` 1) or nearly."""

    case_id: str
    locked: bool
    part: Part
    line: int
    similarity: float
    text: str

    @property
    def exact(self) -> bool:
        return self.similarity == 1.0


@dataclass(frozen=True, slots=True)
class LeakageReport:
    """What a check found. `leaks` lists each part of a case once, with its nearest message; locked cases come first."""

    cases: int
    messages: int
    leaks: tuple[Leak, ...]

    @property
    def leaked_cases(self) -> tuple[str, ...]:
        """The ids of the cases that leaked, in the order of `leaks`."""
        return tuple(dict.fromkeys(leak.case_id for leak in self.leaks))

    @property
    def locked_cases(self) -> tuple[str, ...]:
        """Those of them that are locked: an adapter trained on this set must not be promoted, whatever it scores."""
        return tuple(dict.fromkeys(leak.case_id for leak in self.leaks if leak.locked))

    @property
    def serious(self) -> tuple[Leak, ...]:
        """The leaks that forbid training. That a model was taught to quote the documents is what it is for, so evidence
        counts for locked cases only."""
        return tuple(leak for leak in self.leaks if leak.locked or leak.part != "evidence")


def check(cases: Sequence[Case], training: Path) -> LeakageReport:
    """Compare the cases with a training file. Raises InputError that names the line at fault."""
    return find_leaks(cases, read_training(training))


def find_leaks(cases: Sequence[Case], messages: Iterable[TaughtMessage]) -> LeakageReport:
    """Compare the cases with messages, which are read once, one at a time."""
    wanted = _Wanted(cases)
    found: dict[tuple[str, Part], Leak] = {}
    count = 0
    for message in messages:
        count += 1
        for leak in wanted.leaks_in(message):
            key = (leak.case_id, leak.part)
            if key not in found or leak.similarity > found[key].similarity:
                found[key] = leak
    order = sorted(found.values(), key=lambda leak: (not leak.locked, -leak.similarity, leak.case_id, leak.part))
    return LeakageReport(len(cases), count, tuple(order))


def read_training(path: Path) -> Iterator[TaughtMessage]:
    """The messages of a training file, line by line. Raises InputError for a line that is no conversation."""
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(_MOST_LINE_BYTES + 1):
                number += 1
                if line.strip():
                    yield from _messages(line, number, f"{path.name}, line {number}")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", hint="Check the path.") from error


def normalised(text: str) -> str:
    """The text's words in lower case, one space between them: what is the same to a reader is the same here."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


@dataclass(frozen=True, slots=True)
class _Text:
    """A part of a case, normalised."""

    case: Case
    part: Part
    text: str

    @property
    def shortest(self) -> int:
        return SHORTEST_QUESTION if self.part == "question" else SHORTEST_ANSWER


class _Wanted:
    """The texts that are looked for, and an index from their rarest pieces to them."""

    def __init__(self, cases: Sequence[Case]) -> None:
        texts = [_Text(case, part, normalised(raw)) for case in cases for part, raw in _parts(case)]
        self._texts = [text for text in texts if len(text.text) >= text.shortest]
        self._short: defaultdict[str, list[_Text]] = defaultdict(list)
        for text in texts:
            if text.text and text.part == "question" and len(text.text) < text.shortest:
                self._short[text.text].append(text)
        common = Counter(piece for text in self._texts for piece in _pieces(text.text))
        self._sizes: list[int] = []
        self._by_piece: defaultdict[str, list[int]] = defaultdict(list)
        for number, text in enumerate(self._texts):
            rarest = sorted(_pieces(text.text), key=lambda piece: (common[piece], piece))[:_SKETCH]
            self._sizes.append(len(rarest))
            for piece in rarest:
                self._by_piece[piece].append(number)

    def leaks_in(self, message: TaughtMessage) -> Iterator[Leak]:
        text = normalised(message.text)
        taught = message.role == "assistant"
        for short in self._short.get(text, []):
            if not taught:
                yield _leak(short, message, 1.0, message.text)
        hits = Counter(number for piece in _pieces(text) & self._by_piece.keys() for number in self._by_piece[piece])
        for number, count in hits.items():
            wanted = self._texts[number]
            if (wanted.part != "question") == taught and count >= _CANDIDATE * self._sizes[number]:
                yield from _compare(wanted, message, text)


def _compare(wanted: _Text, message: TaughtMessage, text: str) -> Iterator[Leak]:
    from rapidfuzz import fuzz

    if f" {wanted.text} " in f" {text} ":
        yield _leak(wanted, message, 1.0, wanted.text)
        return
    if len(text) < len(wanted.text) * 0.7:  # a message that holds a piece of it only
        return
    nearest = fuzz.partial_ratio_alignment(wanted.text, text)
    least = NEAR_LOCKED if wanted.case.locked else NEAR
    if nearest is None or nearest.score < 100 * least:
        return
    stretch = text[max(0, nearest.dest_start - _MARGIN) : nearest.dest_end + _MARGIN]
    per_miss = WORDS_PER_MISS_LOCKED if wanted.case.locked else WORDS_PER_MISS
    words = _telling_words(wanted.text)
    if _missing(words, stretch) <= len(words) // per_miss:
        # What is equal but for its edges inside words is near, not exact.
        yield _leak(wanted, message, min(nearest.score / 100, 0.999), text[nearest.dest_start : nearest.dest_end])


def _telling_words(text: str) -> list[str]:
    """The words that make the difference: longer ones and numbers, not "the", "how" and "is"."""
    return [word for word in text.split() if len(word) > 3 or any(letter.isdigit() for letter in word)]


def _missing(words: Sequence[str], stretch: str) -> int:
    """How many of the words the stretch lacks. A word may be misspelt or end otherwise, a number may not."""
    from rapidfuzz import fuzz, process

    there = stretch.split()
    return sum(
        word not in there
        and (
            any(letter.isdigit() for letter in word)
            or process.extractOne(word, there, scorer=fuzz.ratio, score_cutoff=_SAME_WORD) is None
        )
        for word in words
    )


def _leak(wanted: _Text, message: TaughtMessage, similarity: float, text: str) -> Leak:
    return Leak(wanted.case.id, wanted.case.locked, wanted.part, message.line, round(similarity, 3), text[:300])


def _parts(case: Case) -> Iterator[tuple[Part, str]]:
    yield "question", case.question
    if case.answer:
        yield "answer", case.answer
    for evidence in case.evidence:
        if evidence.quote:
            yield "evidence", evidence.quote


def _pieces(text: str) -> set[str]:
    return {text[start : start + _PIECE] for start in range(max(1, len(text) - _PIECE + 1))}


class _TaughtTurn(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    role: str
    content: str


class _TaughtRow(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    messages: list[_TaughtTurn]


def _messages(line: bytes, number: int, place: str) -> Iterator[TaughtMessage]:
    if len(line) > _MOST_LINE_BYTES:
        raise InputError(f"{place}: it is longer than {_MOST_LINE_BYTES:,} bytes.", hint=_HINT)
    try:
        row = _TaughtRow.model_validate_json(line.removeprefix(b"\xef\xbb\xbf"))
    except ValidationError as error:
        raise InputError(f"{place}: {explain(error)}", hint=_HINT) from error
    for turn in row.messages:
        yield TaughtMessage(number, turn.role, turn.content)
