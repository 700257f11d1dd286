"""A bad answer as diagnosis takes it up: who asked what, what came, and what would have been right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.loop.answer_snapshot import SnapshotCitation, SnapshotPassage
from core.loop.enums import FeedbackReason, Vote
from core.loop.feedback import Feedback
from core.types import AccessScope, Chunk, Passage, document_id
from evals.cases.answers import AnswerRecord, RecordedCitation, RecordedPassage
from evals.cases.cases import Case, GoldEvidence
from evals.cases.gold_span import GoldSpan


@dataclass(frozen=True, slots=True)
class CitedPlace:
    """A citation of the answer: where it points, and the words that stand there."""

    uri: str
    start: int
    end: int
    quote: str

    def overlaps(self, uri: str, start: int, end: int) -> bool:
        return uri == self.uri and start < self.end and self.start < end


@dataclass(frozen=True, slots=True)
class BadAnswer:
    """A bad answer. `right` is what a good one says, `sought` what the documents should hold: of a vote both are the
    correction, of a case the gold answer and the gold quotes; either may be empty. `query` is the question as it was
    searched for; `passages` are those that were retrieved for it, best first; `asked` says that a served model was
    asked, and `read` how many passages it was handed. `gold` is where the `evidence` stands in the documents as they
    are, `disliked` are citations that were voted down.
    """

    question: str
    query: str
    answer: str
    abstained: bool
    asked: bool
    read: int | None
    scope: AccessScope
    passages: tuple[Passage, ...]
    citations: tuple[CitedPlace, ...]
    collection: str
    revision: int
    right: str = ""
    sought: str = ""
    evidence: tuple[GoldEvidence, ...] = ()
    gold: tuple[GoldSpan, ...] = ()
    disliked: tuple[CitedPlace, ...] = ()
    reason: FeedbackReason | None = None
    answerable: bool = True


def of_feedback(feedback: Feedback) -> BadAnswer:
    """The bad answer that a vote is about."""
    answer = feedback.interaction
    citations = {each.marker: _cited(each) for each in answer.citations}
    disliked = [vote.marker for vote in feedback.citations if vote.vote is Vote.DOWN]
    reason = feedback.reason or (FeedbackReason.BAD_CITATION if disliked else None)
    correction = feedback.correction.strip()
    return BadAnswer(
        question=feedback.question,
        query=answer.query,
        answer=feedback.answer,
        abstained=answer.abstained,
        asked=answer.model is not None,
        read=answer.model.passages if answer.model else None,
        scope=feedback.scope,
        passages=tuple(_passage(each) for each in answer.passages if each.uri),
        citations=tuple(citations.values()),
        collection=answer.collection,
        revision=answer.revision,
        right=correction,
        sought=correction,
        disliked=tuple(citations[marker] for marker in disliked if marker in citations),
        reason=reason,
    )


def of_case(case: Case, record: AnswerRecord, gold: Sequence[GoldSpan] = ()) -> BadAnswer:
    """The bad answer of a failed evaluation case. Evaluations see every document."""
    quotes = "\n\n".join(evidence.quote for evidence in case.evidence if evidence.quote.split())
    return BadAnswer(
        question=case.question,
        query=record.query,
        answer=record.text,
        abstained=record.abstained,
        asked=record.model is not None,
        read=record.model.passages if record.model else None,
        scope=AccessScope.everything(),
        passages=tuple(_passage(each) for each in record.passages),
        citations=tuple(_cited(each) for each in record.citations),
        collection=record.collection,
        revision=record.revision,
        right=case.answer or quotes,
        sought=quotes or case.answer,
        evidence=case.evidence,
        gold=tuple(gold),
        answerable=not case.unanswerable,
    )


def _cited(citation: SnapshotCitation | RecordedCitation) -> CitedPlace:
    return CitedPlace(citation.uri, citation.start, citation.end, citation.quote)


def _passage(passage: SnapshotPassage | RecordedPassage) -> Passage:
    """The passage as it was recorded. Its ordinal was not, so its chunk's id means nothing."""
    chunk = Chunk(
        document_id=document_id(passage.uri),
        ordinal=0,
        uri=passage.uri,
        title=passage.title,
        heading_path=passage.heading_path,
        page=passage.page,
        start=passage.start,
        end=passage.end,
        text=passage.text,
    )
    return Passage(chunk, passage.content_sha256, passage.score, passage.scores)
