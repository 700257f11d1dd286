"""Feedback as one reviewer may see it, and what the reviewer makes of it.

What a reviewer may see is decided by core.storage.visibility: of the vote, of what a diagnosis found, of the case that
was made of it, and of the conversation before, each by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from app.answers.citations import document_url
from core.errors import InputError, NotFoundError
from core.loop.answer_snapshot import SnapshotCitation
from core.loop.diagnosis import Cause, FoundPlace
from core.loop.enums import Vote
from core.loop.feedback import AcceptedCase, Feedback, FeedbackDecision
from core.settings import Settings
from core.storage.database import Database
from core.storage.loop.feedback import FeedbackRepository
from core.storage.visibility import Provenance, Visibility, provenance_of
from core.types import AccessScope, Actor, Turn, digest, document_id
from evals.cases.cases import GoldEvidence
from loop.feedback.acceptance import Acceptance, Edited
from loop.feedback.export import FeedbackShelf, FeedbackState, Known

# What a person decides in one sitting.
PAGE_LENGTH = 20
# Passages offered as evidence: a diagnosis names few, an answer cites few.
MOST_OFFERED = 8
# Whose key does not allow everything has the snapshots of so many looked through, the newest.
MOST_LOOKED_THROUGH = 500
_WITHHELD = (
    "It rests on documents that your key does not see. What the voter wrote is not shown either: it may stand in them."
)


@dataclass(frozen=True, slots=True)
class Offered:
    """A passage that may hold the right answer: the diagnosis found it, or the answer cited it. `key` names it in the
    form."""

    key: str
    evidence: GoldEvidence
    title: str
    url: str
    found: bool


@dataclass(frozen=True, slots=True)
class FeedbackForm:
    """What a reviewer put into the form about one piece of feedback. `passages` are keys of those offered."""

    question: str
    correction: str
    passages: frozenset[str]
    uri: str = ""
    quote: str = ""
    unanswerable: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CitationView:
    """A vote on a source of the answer."""

    marker: int
    title: str
    url: str
    vote: Vote


@dataclass(frozen=True, slots=True)
class Why:
    """A diagnosis as this reviewer may read it: only its cause where it rests on documents that the reviewer may not
    see."""

    cause: Cause
    certainty: float
    summary: str
    answer_with_right_passage: str


@dataclass(frozen=True, slots=True)
class FeedbackView:
    """A piece of feedback on the page. `withheld` says that there was a conversation before, which this reviewer may
    not read."""

    feedback: Feedback
    history: tuple[Turn, ...]
    withheld: bool
    citations: tuple[CitationView, ...]
    why: Why | None
    offered: tuple[Offered, ...]
    decision: FeedbackDecision | None
    entry: FeedbackForm
    problem: str = ""


@dataclass(frozen=True, slots=True)
class FeedbackPage:
    """A page of feedback, of `pages`; `count` are all that wait, or were decided, and that this reviewer may see."""

    views: tuple[FeedbackView, ...]
    count: int
    page: int
    pages: int


class FeedbackDesk:
    """The feedback that `scope` lets be seen."""

    def __init__(self, database: Database, settings: Settings, scope: AccessScope) -> None:
        self._shelf = FeedbackShelf(database)
        self._feedback = FeedbackRepository(database)
        self._visibility = Visibility(database, scope)
        self._acceptance = Acceptance(database, settings.language, scope=scope, teachable=settings.teachable)

    def waiting(self, page: int = 1) -> FeedbackPage:
        """The votes down that count and that nobody decided on, newest first."""
        return self._desk(self._shelf.ids(FeedbackState.WAITING), page)

    def decided(self, page: int = 1) -> FeedbackPage:
        """What was decided, the newest decision first."""
        return self._desk(list(reversed(self._feedback.decided())), page)

    def view(self, feedback_id: str, entry: FeedbackForm | None = None, problem: str = "") -> FeedbackView:
        """One piece of feedback; `entry` and `problem` as a form that was refused had them. Raises NotFoundError."""
        known = next(self._shelf.known([feedback_id]), None)
        if known is None or not self._visibility.allows(provenance_of(known.feedback)):
            raise NotFoundError("There is no such feedback.", hint="/feedback lists what there is.")
        return self._view(known, entry, problem)

    def accept(self, feedback_id: str, entry: FeedbackForm, actor: Actor) -> FeedbackDecision:
        """Make a case or a training pair of it. Raises InputError for what can be neither."""
        view = self.view(feedback_id)
        edited = Edited(entry.question, entry.correction, _evidence(view, entry), entry.unanswerable)
        return self._acceptance.accept(view.feedback.id, edited, actor)

    def dismiss(self, feedback_id: str, entry: FeedbackForm, actor: Actor) -> FeedbackDecision:
        """Put on record that it is not followed, and why. Raises InputError."""
        return self._acceptance.dismiss(self.view(feedback_id).feedback.id, entry.reason, actor)

    def _desk(self, ids: Sequence[str], page: int) -> FeedbackPage:
        seen = list(ids) if self._visibility.scope.labels is None else list(self._visible(ids))
        pages = max(1, -(-len(seen) // PAGE_LENGTH))
        page = min(page, pages)
        shown = seen[(page - 1) * PAGE_LENGTH : page * PAGE_LENGTH]
        return FeedbackPage(tuple(self._view(known) for known in self._shelf.known(shown)), len(seen), page, pages)

    def _visible(self, ids: Sequence[str]) -> Iterator[str]:
        looked_through = self._shelf.known(ids[:MOST_LOOKED_THROUGH])
        return (known.feedback.id for known in looked_through if self._visibility.allows(provenance_of(known.feedback)))

    def _view(self, known: Known, entry: FeedbackForm | None = None, problem: str = "") -> FeedbackView:
        given = known.feedback
        # What is right was found in documents: who may not see them all does not read it in the voter's words either.
        shown = given if self._sees_diagnosed(known) else replace(given, correction="", comment="")
        offered = tuple(self._offered(known))
        history = given.interaction.history
        # What was said before may come from any document that the author sees: nobody knows which.
        withheld = bool(history) and not self._visibility.allows(Provenance(frozenset(), given.scope))
        return FeedbackView(
            feedback=shown,
            history=() if withheld else history,
            withheld=withheld,
            citations=tuple(_citation_views(given)),
            why=self._why(known),
            offered=offered,
            decision=self._decision(known),
            entry=entry or _entry(shown, offered),
            problem=problem,
        )

    def _decision(self, known: Known) -> FeedbackDecision | None:
        """The decision, without the words of a case whose evidence stands in documents that this reviewer may not see,
        and of a training pair where the diagnosis speaks of such documents: the pair does not say where it stands."""
        made = known.decision
        content = made.content if made else None
        if made is None or content is None:
            return made
        if isinstance(content, AcceptedCase):
            readable = self._allows(known, (place.uri for place in content.evidence))
        else:
            readable = self._sees_diagnosed(known)
        return made if readable else replace(made, content=content.without_words())

    def _allows(self, known: Known, uris: Iterable[str]) -> bool:
        """Whether the reviewer may see what was made of the vote and of these documents."""
        return self._visibility.allows(provenance_of(known.feedback).with_documents(map(document_id, uris)))

    def _sees_diagnosed(self, known: Known) -> bool:
        """Whether the reviewer may see every document that the diagnosis speaks of, if there is one."""
        return known.diagnosis is None or self._allows(known, known.diagnosis.evidence.uris)

    def _why(self, known: Known) -> Why | None:
        made = known.diagnosis
        if made is None:
            return None
        if not self._sees_diagnosed(known):
            return Why(made.cause, made.certainty, _WITHHELD, "")
        return Why(made.cause, made.certainty, made.summary, made.evidence.answer_with_right_passage or "")

    def _offered(self, known: Known) -> Iterator[Offered]:
        """The diagnosis' passages, then those that the answer cites; each once, and none that may not be seen."""
        answer = known.feedback.interaction
        titles = {place.uri: place.title for place in answer.passages}
        diagnosed = known.diagnosis.evidence.passages if known.diagnosis else ()
        places: list[tuple[bool, FoundPlace | SnapshotCitation]] = [(True, each) for each in diagnosed]
        places += [(False, each) for each in answer.citations]
        seen: set[str] = set()
        for found, place in places:
            if len(seen) == MOST_OFFERED:
                return
            evidence = GoldEvidence(uri=place.uri, quote=place.quote, start=place.start)
            key = digest(evidence.model_dump(mode="json"))[:16]
            own = document_id(evidence.uri)
            if key not in seen and self._visibility.allows(Provenance(frozenset({own}))):
                seen.add(key)
                url = document_url(own, place.start, place.end)
                yield Offered(key, evidence, titles.get(evidence.uri, evidence.uri), url, found)


def _evidence(view: FeedbackView, entry: FeedbackForm) -> tuple[GoldEvidence, ...]:
    """The passages that were chosen, and the one that was typed. Raises InputError."""
    if entry.unanswerable:
        return ()
    offered = {each.key: each.evidence for each in view.offered}
    if unknown := entry.passages - offered.keys():
        raise InputError(
            f"{len(unknown)} of the passages chosen are not those offered any more.", hint="Look at them again."
        )
    chosen = [evidence for key, evidence in offered.items() if key in entry.passages]
    if bool(entry.uri.strip()) != bool(entry.quote.strip()):
        raise InputError("A passage of your own needs its document and its words.", hint="Fill in both, or neither.")
    if entry.uri.strip():
        chosen.append(GoldEvidence(uri=entry.uri.strip(), quote=entry.quote.strip()))
    if not chosen and any(each.found for each in view.offered):
        raise InputError(
            "No passage is chosen that holds the right answer.",
            hint="Choose one, name one of your own, or say that the documents do not hold it.",
        )
    return tuple(chosen)


def _entry(given: Feedback, offered: Sequence[Offered]) -> FeedbackForm:
    return FeedbackForm(given.question, given.correction, frozenset(each.key for each in offered if each.found))


def _citation_views(given: Feedback) -> Iterator[CitationView]:
    cited = {citation.marker: citation for citation in given.interaction.citations}
    for vote in given.citations:
        if place := cited.get(vote.marker):
            url = document_url(place.document_id, place.start, place.end, given.interaction_id)
            yield CitationView(vote.marker, place.title, url, vote.vote)
