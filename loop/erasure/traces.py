"""Finding what of a document was copied into answers, votes, cases and reports, and taking it out. Pure.

    traces = DocumentTraces("handbook/leave.md", [document.text])
    traces.quotes("…")          # whether a text says what the document says, word for word

A text quotes the document if it has a run of eight words in common with it, or all of its words stand in the document
together. An answer is also erased if it cites the document, or a model wrote it with the document before it, unless it
is the one that says that nothing was found. A passage leaves its place behind: core.storage.visibility tells by it that
something of the answer is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from core.loop.answer_snapshot import AnswerSnapshot
from core.loop.feedback import AcceptedCase
from core.text.citation_marker import without_markers
from core.text.document_uri import is_within
from evals.cases.cases import Case
from evals.cases.leakage import normalised

ERASED = "[erased]"

# Words in a row that two texts do not share by chance: at six, phrases like "at the end of the month of" are found.
RUN = 8
# A text of fewer words stands in many documents ("Thirty days."): it is no copy of this one.
_FEWEST = 4
# In the place of a passage that was erased. There is never a document with this id, so what came from it is seen by
# those who may see everything, like all that came from a document that is gone.
_GONE: Mapping[str, Any] = {
    "chunk_id": "", "document_id": str(UUID(int=0)), "uri": "", "title": ERASED, "heading_path": [], "page": None,
    "start": 0, "end": 0, "text": "", "content_sha256": "",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """Which texts belong to something that is erased, and what is left of a value without them."""

    holds: Callable[[str], bool]

    def without(self, value: Any) -> Any:
        """The value, a JSON, with every text that is found replaced."""
        if isinstance(value, str):
            return ERASED if self.holds(value) else value
        if isinstance(value, Mapping):
            return {key: self.without(each) for key, each in value.items()}
        if isinstance(value, Sequence):
            return [self.without(each) for each in value]
        return value


class DocumentTraces:
    """What is recognised of one document and of what came with it. `texts` are theirs, or passages that were kept."""

    def __init__(self, uri: str, texts: Iterable[str]) -> None:
        self.uri = uri
        self._said: set[str] = set()
        self._texts = [f" {normalised(text)} " for text in texts]
        self._runs = {run for text in self._texts for run in _runs(text.split())}

    def learn(self, answers: Iterable[str]) -> None:
        """Know answers that are erased where later conversations repeat them; short ones ("Yes.") are everybody's."""
        texts = map(normalised, answers)
        self._said.update(text for text in texts if len(text.split()) >= _FEWEST)

    def quotes(self, text: str) -> bool:
        """Whether the text holds words of the document."""
        words = normalised(without_markers(text)).split()
        if len(words) < RUN:
            short = f" {' '.join(words)} "
            return len(words) >= _FEWEST and any(short in known for known in self._texts)
        return any(run in self._runs for run in _runs(words))

    def repeats(self, text: str) -> bool:
        """Whether a message of a conversation holds words of the document or is an answer that was erased."""
        return normalised(text) in self._said or self.quotes(text)

    def holds(self, text: str) -> bool:
        """Whether the text names the document or quotes it."""
        return self.uri in text or self.quotes(text)

    def in_case(self, case: Case | AcceptedCase) -> bool:
        """Whether the case rests on the document, or says what it says."""
        said = (case.question, case.answer, *(turn.content for turn in case.history))
        return any(is_within(each.uri, self.uri) for each in case.evidence) or any(map(self.repeats, said))

    def answer(self, record: Mapping[str, Any], text: str) -> dict[str, Any]:
        """The fields of a recorded answer that are to be otherwise; `text` is the name of the one with its words."""
        passages = [self._left(each) for each in record["passages"]]
        citations = [each for each in record["citations"] if not is_within(each["uri"], self.uri)]
        shown = any(is_within(each["uri"], self.uri) for each in record["passages"])
        cited = len(citations) < len(record["citations"])
        said = Found(self.repeats).without(
            {key: record[key] for key in ("question", "query", "history") if key in record}
        )
        new: dict[str, Any] = {"passages": passages, "citations": citations, text: record[text], **said}
        told = shown and record.get("model") is not None and not record["abstained"]
        if cited or told or self.quotes(record[text]):
            new |= {text: ERASED, "citations": []}
        return {key: value for key, value in new.items() if value != record[key]}

    def snapshot(self, snapshot: AnswerSnapshot) -> AnswerSnapshot:
        """What is left of a vote's answer."""
        record = snapshot.model_dump(mode="json")
        return AnswerSnapshot.model_validate(record | self.answer(record, "answer"))

    def _left(self, passage: Mapping[str, Any]) -> Mapping[str, Any]:
        same = passage.get("collapsed", ())
        others = [uri for uri in same if not is_within(uri, self.uri)]
        left = {**passage, "collapsed": others} if len(others) < len(same) else passage
        return {**left, **_GONE} if is_within(passage["uri"], self.uri) else left


def without_cases(report: Mapping[str, Any], sha256s: Collection[str]) -> Mapping[str, Any]:
    """The report without the words of these cases: their figures stay."""
    locked_set = report.get("locked_set") or {}
    rows, gone = report["rows"], locked_set.get("gone", [])
    ids = {row["case_id"] for row in (*rows, *gone) if row["case_sha256"] in sha256s}

    def emptied(places: Sequence[Mapping[str, Any]], **fields: str) -> list[Mapping[str, Any]]:
        return [{**each, **fields} if each["case_id"] in ids else each for each in places]

    clean = {
        **report,
        "rows": emptied(rows, question=ERASED, why=""),
        "locked": emptied(report["locked"], question=ERASED),
        "unscored": emptied(report["unscored"], reason=ERASED),
    }
    if locked_set:
        clean["locked_set"] = {**locked_set, "gone": emptied(gone, question=ERASED, reason=ERASED)}
    return clean


def _runs(words: Sequence[str]) -> Iterator[str]:
    return (" ".join(words[start : start + RUN]) for start in range(len(words) - RUN + 1))
