"""What the page /gaps shows one reviewer: what the documents lack, and what was asked of those who keep them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.errors import NotFoundError
from core.loop.enums import FiringState
from core.loop.feedback import Firing
from core.storage.loop.feedback import FeedbackRepository
from core.storage.visibility import Visibility, provenance_of
from core.types import AccessScope, Actor
from loop.gaps.knowledge_gaps import FoundGaps, KnowledgeGaps
from loop.remedies.catalogue.content import ContentProposal
from loop.remedies.registry import asks_people, open_firings
from loop.triggers.firings import FiringService
from serving.factory import Services

# Requests that somebody is still to do something about.
_STANDING = frozenset({FiringState.OPEN, FiringState.REQUESTED, FiringState.FAILED})


@dataclass(frozen=True, slots=True)
class ContentRequest:
    """A request for content: its firing, whose documents it is about as far as that is known, and the questions of its
    complaints that this reviewer may see."""

    firing: Firing
    source: str | None
    questions: Sequence[str]


@dataclass(frozen=True, slots=True)
class GapPage:
    """The page."""

    days: int
    found: FoundGaps
    requests: Sequence[ContentRequest]


class GapDesk:
    """The gaps in the documents, told from questions that `scope` lets be seen."""

    def __init__(self, services: Services, scope: AccessScope) -> None:
        self._services = services
        self._gaps = KnowledgeGaps(services, scope)
        self._visibility = Visibility(services.database, scope)

    def open(self, days: int) -> GapPage:
        """What was asked in the last so many days, and every request that stands."""
        since = datetime.now(UTC) - timedelta(days=days)
        firings = open_firings(self._services.database).all()
        standing = [each for each in firings if each.state in _STANDING and asks_people(each)]
        return GapPage(days, self._gaps.find(since), [self._request(each) for each in standing])

    def close(self, firing_id: str, actor: Actor, reason: str) -> Firing:
        """Put on record that the request is met, or not to be. Raises as FiringService.close, and NotFoundError for a
        firing that is no request for content."""
        service = FiringService(self._services)
        firing = service.find(firing_id)
        if not asks_people(firing):
            raise NotFoundError("There is no such request.", hint="/gaps lists those that stand.")
        return service.close(firing.id, actor, reason)

    def _request(self, firing: Firing) -> ContentRequest:
        ids = [subject.vote_id for subject in firing.evidence.subjects if subject.vote_id is not None]
        votes = FeedbackRepository(self._services.database).get_all(ids)
        seen = self._visibility.of([provenance_of(vote) for vote in votes])
        questions = dict.fromkeys(vote.question for vote, may_see in zip(votes, seen, strict=True) if may_see)
        source = firing.proposal.source if isinstance(firing.proposal, ContentProposal) else None
        return ContentRequest(firing, source, tuple(questions))
