"""Bad answers as a person meets them: asked, voted down, diagnosed, and a trigger that fires for them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from core.loop.diagnosis import Cause, Diagnosis, DiagnosisSubject
from core.loop.enums import FeedbackReason, Vote
from core.loop.feedback import CitationVote, Feedback, Firing, FiringEvidence, SeenSources
from core.storage.documents import DocumentRepository
from core.storage.loop.diagnoses import DiagnosisRepository
from core.types import AccessScope, document_id
from loop.feedback.votes import Author, FeedbackOrder, FeedbackService
from loop.remedies.registry import open_firings
from serving.answerer import Question
from serving.factory import Services, build_answerer
from serving.releases.champion import current_champion
from tests.support.loop_rows import NOON, a_firing, a_place, evidence, some_evidence


def voted_down(services: Services, question: str, correction: str, author: str = "ada") -> Feedback:
    """Ask the champion, and vote its answer down."""
    answerer = build_answerer(services, current_champion(services))
    answer = asyncio.run(answerer.ask(Question(question, AccessScope.everything(), origin="page")))
    order = FeedbackOrder(answer.interaction_id, Vote.DOWN, FeedbackReason.WRONG, correction=correction)
    return FeedbackService(services.database).give(Author(author, None, None, "page"), order).feedback


def voted_up(
    services: Services, question: str, author: str = "ada", citations: Sequence[CitationVote] = ()
) -> Feedback:
    """Ask the champion, and vote its answer up, and its citations as these say."""
    answerer = build_answerer(services, current_champion(services))
    answer = asyncio.run(answerer.ask(Question(question, AccessScope.everything(), origin="page")))
    order = FeedbackOrder(answer.interaction_id, Vote.UP, citations=tuple(citations))
    return FeedbackService(services.database).give(Author(author, None, None, "page"), order).feedback


def diagnosed(services: Services, vote: Feedback, cause: Cause, uri: str, quote: str = "", **found: Any) -> str:
    """Store a diagnosis of the vote that finds the right answer in the document at `uri`; returns its subject."""
    collection = current_champion(services).manifest.collection.name
    document = DocumentRepository(services.database).get(document_id(uri))
    start = max(0, document.text.find(quote)) if document else 0
    places = [a_place(uri, quote, start)] if quote else []
    made = Diagnosis(
        id=str(uuid.uuid4()),
        subject=DiagnosisSubject.of_vote(vote.id),
        at=datetime.now(UTC),
        release_id=vote.release_id,
        collection=collection,
        revision=0,
        question=vote.question,
        cause=cause,
        certainty=0.9,
        summary="A test's diagnosis.",
        evidence=evidence(*places, **{"correction": vote.correction, "documents": (uri,), **found}),
        version="1",
    )
    DiagnosisRepository(services.database).add(made)
    return str(made.subject)


def fired(
    services: Services, remedy: str, subjects: Sequence[str] = (), trigger: str = "a-test", sources: Sequence[str] = ()
) -> Firing:
    """Store a firing over these diagnoses, or over these sources."""
    evidence = some_evidence(*subjects)
    if sources:
        seen = SeenSources(sources=tuple(sources), ages_days=dict.fromkeys(sources, 20.0))
        evidence = FiringEvidence(value=20, threshold=14, since=NOON, seen=seen)
    firing = a_firing(trigger, remedy=remedy, at=datetime.now(UTC), reason="Many answers are bad.", evidence=evidence)
    open_firings(services.database).add(firing)
    return firing
