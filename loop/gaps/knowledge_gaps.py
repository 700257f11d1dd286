"""The gaps in what the documents say, as one person may see them: gathered from declined questions and complaints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from core.loop.diagnosis import Cause, Diagnosis
from core.loop.enums import Vote
from core.loop.feedback import Feedback
from core.storage.api_keys import ApiKeyRepository
from core.storage.loop.declined import Declined, DeclinedRepository
from core.storage.loop.diagnoses import DiagnosisRepository
from core.storage.visibility import Visibility, provenance_of
from core.types import AccessScope
from loop.feedback.votes import FeedbackService
from loop.gaps.clusters import Gap, Origin, Unanswered, cluster
from serving.factory import Services

# Questions that are put together, the newest. Embedding so many takes about a second.
MOST = 500


@dataclass(frozen=True, slots=True)
class FoundGaps:
    """The gaps. `hidden` questions are some that the reader may not see; `older` says that there are more
    than MOST, of which the oldest are left out."""

    gaps: Sequence[Gap]
    hidden: int
    older: bool


class KnowledgeGaps:
    """Finds gaps, of questions that `scope` lets be seen."""

    def __init__(self, services: Services, scope: AccessScope) -> None:
        self._services = services
        self._visibility = Visibility(services.database, scope)

    def find(self, since: datetime) -> FoundGaps:
        """What was asked since then and is answered nowhere. Raises UnavailableError when it cannot be told."""
        votes = self._negative_votes(since)
        diagnosed = DiagnosisRepository(self._services.database).of_votes(vote.id for vote in votes)
        complaints = [
            (_complaint(vote, diagnosed[vote.id]), provenance_of(vote))
            for vote in votes
            if vote.id in diagnosed and diagnosed[vote.id].cause is Cause.CORPUS_GAP
        ]
        # What was voted on is told by its diagnosis: a declined question may be one that the documents do answer.
        looked_at = {vote.interaction_id for vote in votes if vote.id in diagnosed}
        names = {key.id: key.name for key in ApiKeyRepository(self._services.database).all()}
        declined = [
            (_declined(each, names), each.origin)
            for each in DeclinedRepository(self._services.database).since(since, MOST + 1)
            if each.interaction_id not in looked_at
        ]
        found = sorted([*complaints, *declined], key=lambda each: (each[0].at, each[0].subject), reverse=True)
        seen = self._visibility.of([origin for _, origin in found[:MOST]])
        asked = [each for (each, _), may_see in zip(found[:MOST], seen, strict=True) if may_see]
        return FoundGaps(self._clustered(asked), hidden=seen.count(False), older=len(found) > MOST)

    def _negative_votes(self, since: datetime) -> list[Feedback]:
        counted = FeedbackService(self._services.database).counted(since)
        return [vote for vote in counted if vote.vote is Vote.DOWN]

    def _clustered(self, asked: Sequence[Unanswered]) -> list[Gap]:
        if not asked:
            return []
        texts = list(dict.fromkeys(each.question for each in asked))
        vectors = self._services.answering_embedder().embed(texts)
        place = {text: row for row, text in enumerate(texts)}
        return cluster(asked, vectors[np.array([place[each.question] for each in asked])])


def _complaint(vote: Feedback, diagnosis: Diagnosis) -> Unanswered:
    return Unanswered(str(diagnosis.subject), diagnosis.question, Origin.COMPLAINT, vote.author, vote.at)


def _declined(declined: Declined, names: Mapping[str, str]) -> Unanswered:
    """Keys of one name are one person's, and the author of their votes has that name too."""
    asker = names.get(declined.api_key_id or "")
    return Unanswered(f"interaction:{declined.interaction_id}", declined.question, Origin.DECLINED, asker, declined.at)
