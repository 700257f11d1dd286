"""A corrected answer as a training row: the question over the passages it had, the right one among them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import InputError
from core.loop.answer_snapshot import AnswerSnapshot, SnapshotPassage
from core.text.citation_marker import markers, rewritten, without_markers, written
from core.text.languages import read_as
from core.types import Chunk
from evals.cases.cases import GoldEvidence
from serving.finetune.dataset import LONGEST_TITLE, MOST_PARTS, RowPassage, RowTurn, TrainingRow
from serving.grounding.support import THRESHOLD, PassageSentences, SentenceReader, support

_SUPPORT_HINT = (
    "Name the document and the sentence that say so; if no document does, mark the question as unanswerable; "
    "or dismiss the feedback."
)


@dataclass(frozen=True, slots=True)
class EvidencePlace:
    """Where a document holds the right answer: the evidence's span in `text`, the whole document."""

    evidence: GoldEvidence
    title: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """A passage of the row; without `chunk_id` it is a paragraph that the answer did not have before it."""

    uri: str
    title: str
    text: str
    heading_path: tuple[str, ...] = ()
    chunk_id: str | None = None

    @classmethod
    def of(cls, passage: SnapshotPassage) -> ShownPassage:
        return cls(passage.uri, passage.title, passage.text, passage.heading_path, passage.chunk_id)


def training_row(
    snapshot: AnswerSnapshot,
    question: str,
    correction: str,
    places: Sequence[EvidencePlace],
    language: str,
    *,
    bad: bool,
) -> TrainingRow:
    """The row that teaches `correction`. Without `places` the passages are searched for what supports it; `bad` says
    that the snapshot's answer is what not to say.

    Raises InputError when no passage supports the correction: a model that learns to say what stands nowhere learns to
    make things up.
    """
    shown = served_passages(snapshot)
    passages, right = _with_places(shown, places) if places else (shown, _supporting(shown, correction, language))
    if not right:
        raise InputError("No passage says what the corrected answer says, so nothing can learn it.", hint=_SUPPORT_HINT)
    text = without_markers(correction)
    answer = f"{text} {''.join(written(number + 1) for number in right)}"
    return TrainingRow(
        question=question,
        history=tuple(history(snapshot)),
        passages=tuple(RowPassage(title=each.title[:LONGEST_TITLE], text=each.text) for each in passages),
        answer=answer,
        rejected=_rejected(snapshot, passages, text) if bad else None,
    )


def served_passages(snapshot: AnswerSnapshot) -> list[ShownPassage]:
    """The passages that were in the context, best first: a model's prompt may have had room for some of them only."""
    passages = [ShownPassage.of(each) for each in snapshot.passages if each.text.strip()]
    return passages[: snapshot.model.passages if snapshot.model else MOST_PARTS]


def history(snapshot: AnswerSnapshot) -> list[RowTurn]:
    """The messages before the question, those that people and answers said."""
    said = [turn for turn in snapshot.history if turn.role in ("user", "assistant") and turn.content.strip()]
    return [RowTurn.model_validate({"role": turn.role, "content": turn.content}) for turn in said[-MOST_PARTS:]]


def _with_places(
    shown: Sequence[ShownPassage], places: Sequence[EvidencePlace]
) -> tuple[list[ShownPassage], list[int]]:
    """The passages with the right ones among them, and the numbers of these. One that is missing takes the place of
    the last that is not right, so that the context has the size it is served in."""
    passages = list(shown)
    right: list[int] = []
    for place in places:
        number = next((n for n, each in enumerate(passages) if _holds(each, place)), None)
        if number is None:
            number = next((n for n in reversed(range(len(passages))) if n not in right), len(passages))
            passages[number : number + 1] = [_paragraph(place)]
        right = right if number in right else [*right, number]
    return passages, sorted(right)


def _holds(passage: ShownPassage, place: EvidencePlace) -> bool:
    """Whether the passage has the whole quote; of a document without a quote, any passage will do."""
    if passage.uri != place.evidence.uri:
        return False
    quote = " ".join(place.evidence.quote.split())
    return quote in " ".join(passage.text.split())


def _paragraph(place: EvidencePlace) -> ShownPassage:
    """The paragraphs that the place stands in."""
    start = place.text.rfind("\n\n", 0, place.start) + 1
    end = place.text.find("\n\n", place.end)
    text = place.text[start : end if end != -1 else len(place.text)].strip()
    return ShownPassage(place.evidence.uri, place.title, text)


def _supporting(shown: Sequence[ShownPassage], correction: str, language: str) -> list[int]:
    """The number of the passage that supports the correction best, if one does."""
    reader = SentenceReader(read_as("\n".join(each.text for each in shown), language))
    statement = reader.sentence(without_markers(correction))
    scores = [support(statement, PassageSentences(_chunk(each), reader).said) for each in shown]
    best = max(range(len(scores)), key=lambda number: scores[number], default=None)
    return [best] if best is not None and scores[best] >= THRESHOLD else []


def _chunk(passage: ShownPassage) -> Chunk:
    text = passage.text
    return Chunk("", 0, passage.uri, passage.title, passage.heading_path, None, 0, len(text), text)


def _rejected(snapshot: AnswerSnapshot, passages: Sequence[ShownPassage], correction: str) -> str | None:
    """The bad answer with its markers naming the row's passages; None where it cites what the row does not have, or
    says what the correction says."""
    chunks = [each.chunk_id for each in passages]
    cited = {each.marker: each.chunk_id for each in snapshot.citations}
    text = snapshot.answer.strip()
    if not text or any(cited.get(number) not in chunks for number in markers(text)):
        return None
    if " ".join(without_markers(text).split()) == " ".join(correction.split()):
        return None
    return rewritten(text, lambda digits: written(chunks.index(cited[int(digits)]) + 1))
