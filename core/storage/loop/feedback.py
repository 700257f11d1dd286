"""Votes and what people made of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, exists, insert, select, text

from core.loop.enums import DecisionKind, FeedbackReason, FeedbackSide, Vote, VoteStanding
from core.loop.feedback import AcceptedCase, CitationVote, Feedback, FeedbackDecision, TrainingPair
from core.storage.database import Database
from core.storage.erasure import Tables, Traces, every, rewrite
from core.storage.loop.snapshots import SNAPSHOTS
from core.storage.loop.stored_values import StoredValue
from core.storage.tables import feedback, feedback_decisions

_BATCH = 200
# What was written before there were versions has the shape of the first.
_CASES = StoredValue("feedback_decisions", "content", AcceptedCase.model_validate, upcasts=(dict,))
_PAIRS = StoredValue("feedback_decisions", "content", TrainingPair.model_validate, upcasts=(dict,))
# The columns that hold words of people and of documents.
_WORDS = ("comment", "correction", "interaction")


@dataclass(frozen=True, slots=True)
class VoteLine:
    """A vote without its snapshot, which is most of it: what is needed to tell which votes count."""

    id: str
    at: datetime
    author: str
    interaction_id: str
    standing: VoteStanding
    vote: Vote
    reason: FeedbackReason | None
    comment: str
    correction: str


@dataclass(frozen=True, slots=True)
class Opinion:
    """What an author said about the answer to a question, follow-ups being asked in full."""

    query: str
    vote: Vote
    reason: FeedbackReason | None
    correction: str


class FeedbackRepository:
    """Votes, append-only; newest first where they are listed."""

    erases: ClassVar[Tables] = (feedback, feedback_decisions)

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def giving(self, author: str) -> Iterator[AuthorsVotes]:
        """A transaction in which nobody else stores a vote of this author. What was added is on disk when it ends."""
        with self._database.transaction() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(hashtextextended(:author, 0))"), {"author": author}
                )
            else:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield AuthorsVotes(connection, author)

    def add(self, given: Feedback) -> None:
        """Store a vote as it is. loop.feedback.votes says which may be."""
        with self.giving(given.author) as votes:
            votes.add(given)

    def get(self, feedback_id: str) -> Feedback | None:
        return next(iter(self.get_all([feedback_id])), None)

    def find(self, beginning: str) -> Feedback | None:
        """The vote whose id begins so, if it is the only one."""
        query = select(feedback.c.id).where(feedback.c.id.startswith(beginning, autoescape=True)).limit(2)
        with self._database.transaction() as connection:
            found = list(connection.execute(query).scalars())
        return self.get(found[0]) if len(found) == 1 else None

    def get_all(self, ids: Sequence[str]) -> list[Feedback]:
        """The votes with these ids, in this order; those that are not there are left out."""
        found: dict[str, Feedback] = {}
        for start in range(0, len(ids), _BATCH):
            query = select(feedback).where(feedback.c.id.in_(ids[start : start + _BATCH]))
            with self._database.transaction() as connection:
                found |= {row.id: _feedback(row) for row in connection.execute(query)}
        return [found[each] for each in ids if each in found]

    def since(self, moment: datetime | None = None, limit: int | None = None) -> list[Feedback]:
        """All votes since then, newest first."""
        query = select(feedback).order_by(feedback.c.at.desc(), feedback.c.id)
        if moment is not None:
            query = query.where(feedback.c.at >= moment)
        with self._database.transaction() as connection:
            return [_feedback(row) for row in connection.execute(query.limit(limit))]

    def lines(self, moment: datetime | None = None) -> list[VoteLine]:
        """All votes since then without their snapshots, newest first."""
        return self._lines(*([] if moment is None else [feedback.c.at >= moment]))

    def lines_on(self, author: str, interaction_id: str) -> list[VoteLine]:
        """The author's votes on one answer without their snapshots, newest first."""
        return self._lines(feedback.c.author == author, feedback.c.interaction_id == interaction_id)

    def _lines(self, *where: ColumnElement[bool]) -> list[VoteLine]:
        columns = (feedback.c[name] for name in VoteLine.__dataclass_fields__)
        query = select(*columns).where(*where).order_by(feedback.c.at.desc(), feedback.c.id)
        with self._database.transaction() as connection:
            return [_line(row) for row in connection.execute(query)]

    def last_words(self, author: str, interaction_ids: Iterable[str]) -> dict[str, Feedback]:
        """The author's newest vote on each of these answers, by answer."""
        query = select(feedback).where(
            feedback.c.author == author, feedback.c.interaction_id.in_(list(interaction_ids))
        )
        with self._database.transaction() as connection:
            rows = connection.execute(query.order_by(feedback.c.at, feedback.c.id))
            return {row.interaction_id: _feedback(row) for row in rows}

    def decide(self, decision: FeedbackDecision) -> bool:
        """Put a person's decision on record; False if somebody had decided before."""
        with self._database.transaction() as connection:
            return record_decision(connection, decision)

    def decision(self, feedback_id: str) -> FeedbackDecision | None:
        query = select(feedback_decisions).where(feedback_decisions.c.feedback_id == feedback_id)
        with self._database.transaction() as connection:
            row = connection.execute(query).first()
        return _decision(row) if row else None

    def decisions(self) -> dict[str, FeedbackDecision]:
        """Every decision, by the feedback's id, in the order they were made."""
        query = select(feedback_decisions).order_by(feedback_decisions.c.at, feedback_decisions.c.feedback_id)
        with self._database.transaction() as connection:
            return {row.feedback_id: _decision(row) for row in connection.execute(query)}

    def decisions_on(self, ids: Sequence[str]) -> dict[str, FeedbackDecision]:
        """The decisions on these votes, as far as there are any."""
        found: dict[str, FeedbackDecision] = {}
        for start in range(0, len(ids), _BATCH):
            batch = ids[start : start + _BATCH]
            query = select(feedback_decisions).where(feedback_decisions.c.feedback_id.in_(batch))
            with self._database.transaction() as connection:
                found |= {row.feedback_id: _decision(row) for row in connection.execute(query)}
        return found

    def decided(self) -> dict[str, DecisionKind]:
        """What was decided, by the feedback's id, in the order it was."""
        query = select(feedback_decisions.c.feedback_id, feedback_decisions.c.kind)
        query = query.order_by(feedback_decisions.c.at, feedback_decisions.c.feedback_id)
        with self._database.transaction() as connection:
            return {row.feedback_id: DecisionKind(row.kind) for row in connection.execute(query)}

    def every(self) -> Iterator[Feedback]:
        """All votes there are, some at a time."""
        return (_feedback(row) for row in every(self._database, select(feedback)))

    def erase(self, traces: Traces) -> dict[str, int]:
        decisions = rewrite(self._database, feedback_decisions, ("side", "content"), traces.decision)
        return {"decisions": decisions, "feedback": rewrite(self._database, feedback, _WORDS, traces.vote)}


class AuthorsVotes:
    """The votes of one author, within a transaction of FeedbackRepository.giving."""

    def __init__(self, connection: Connection, author: str) -> None:
        self._connection = connection
        self._author = author

    def add(self, given: Feedback) -> None:
        self._connection.execute(insert(feedback), _stored(given))

    def by_key(self, idempotency_key: str) -> Feedback | None:
        """The vote that was sent with this key."""
        return self._first(select(feedback).where(feedback.c.idempotency_key == idempotency_key))

    def last_word(self, interaction_id: str) -> Feedback | None:
        """The newest vote on this answer."""
        query = select(feedback).where(feedback.c.interaction_id == interaction_id)
        return self._first(query.order_by(feedback.c.at.desc(), feedback.c.id))

    def moments(self, since: datetime, most: int) -> list[datetime]:
        """When the newest votes since then were given, whatever their standing; no more than `most`."""
        query = select(feedback.c.at).where(feedback.c.author == self._author, feedback.c.at >= since)
        return list(self._connection.execute(query.order_by(feedback.c.at.desc()).limit(most)).scalars())

    def said(self, vote: Vote, since: datetime, release_id: str, interaction_id: str) -> list[Opinion]:
        """What the author's counted votes of this kind say since then about other answers of the release than this one,
        unless the author voted the other way later."""
        later = feedback.alias()
        changed = exists().where(
            later.c.author == self._author,
            later.c.interaction_id == feedback.c.interaction_id,
            later.c.at > feedback.c.at,
            later.c.vote != vote,
        )
        asked = feedback.c.interaction["query"].as_string().label("query")
        query = select(asked, feedback.c.reason, feedback.c.correction).where(
            feedback.c.author == self._author,
            feedback.c.at >= since,
            feedback.c.standing == VoteStanding.COUNTED,
            feedback.c.vote == vote,
            feedback.c.release_id == release_id,
            feedback.c.interaction_id != interaction_id,
            ~changed,
        )
        rows = self._connection.execute(query)
        return [Opinion(row.query, vote, _reason(row.reason), row.correction) for row in rows]

    def _first(self, query: Any) -> Feedback | None:
        row = self._connection.execute(query.where(feedback.c.author == self._author).limit(1)).first()
        return _feedback(row) if row else None


AnyVote = TypeVar("AnyVote", Feedback, VoteLine)


def standing_votes(votes: Iterable[AnyVote]) -> list[AnyVote]:
    """Of votes listed newest first, each author's last word on each answer, newest first. A vote that repeats what its
    author said last about that answer changes nothing; what programs said by way of trying is left out."""
    last: dict[tuple[str, str], AnyVote] = {}
    for vote in reversed(list(votes)):
        if vote.standing is VoteStanding.SYNTHETIC:
            continue
        key = (vote.author, vote.interaction_id)
        before = last.get(key)
        if before is None or vote.standing is VoteStanding.COUNTED or not says_the_same(vote, before):
            last.pop(key, None)  # so that the order stays that of the votes
            last[key] = vote
    return list(reversed(last.values()))


def says_the_same(one: Feedback | VoteLine | Opinion, other: Feedback | VoteLine | Opinion) -> bool:
    """Whether two votes are of one kind, with the same reason and the same correction, spaces and capitals aside."""
    same = (one.vote, one.reason) == (other.vote, other.reason)
    return same and _folded(one.correction) == _folded(other.correction)


def vote_json(given: Feedback) -> dict[str, Any]:
    """A vote as the public surface shows it to its author."""
    return {
        "id": given.id,
        "at": given.at.isoformat(),
        "interaction_id": given.interaction_id,
        "vote": given.vote.value,
        "reason": given.reason.value if given.reason else None,
        "comment": given.comment,
        "correction": given.correction,
        "citations": [{"marker": each.marker, "vote": each.vote.value} for each in given.citations],
        "standing": given.standing.value,
    }


def record_decision(connection: Connection, decision: FeedbackDecision) -> bool:
    """As FeedbackRepository.decide, within a transaction."""
    query = select(feedback_decisions.c.feedback_id).where(feedback_decisions.c.feedback_id == decision.feedback_id)
    if connection.execute(query).first() is not None:
        return False
    connection.execute(insert(feedback_decisions), _stored_decision(decision))
    return True


def content_of(row: Row[Any]) -> AcceptedCase | TrainingPair | None:
    """What a row of feedback_decisions holds. Raises StoredValueError."""
    if row.side is None:
        return None
    return (_CASES if row.side == FeedbackSide.CASE else _PAIRS).read(row.feedback_id, row.content)


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _stored(given: Feedback) -> dict[str, Any]:
    return {name: getattr(given, name) for name in Feedback.__dataclass_fields__} | {
        "access": None if given.access is None else list(given.access),
        "citations": [{"marker": each.marker, "vote": each.vote.value} for each in given.citations],
        "interaction": SNAPSHOTS.write(given.interaction),
    }


def _feedback(row: Row[Any]) -> Feedback:
    values = row._asdict()
    votes = tuple(CitationVote(each["marker"], Vote(each["vote"])) for each in values["citations"])
    access = None if values["access"] is None else tuple(values["access"])
    snapshot = SNAPSHOTS.read(row.id, row.interaction)
    return Feedback(**values | _enumerations(values) | {"citations": votes, "access": access, "interaction": snapshot})


def _line(row: Row[Any]) -> VoteLine:
    values = row._asdict()
    return VoteLine(**values | _enumerations(values))


def _enumerations(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "standing": VoteStanding(values["standing"]),
        "vote": Vote(values["vote"]),
        "reason": _reason(values["reason"]),
    }


def _reason(stored: str | None) -> FeedbackReason | None:
    return FeedbackReason(stored) if stored else None


def _decision(row: Row[Any]) -> FeedbackDecision:
    kind = DecisionKind(row.kind)
    return FeedbackDecision(row.feedback_id, kind, content_of(row), row.actor, row.reason, row.at)


def _stored_decision(made: FeedbackDecision) -> dict[str, Any]:
    match made.content:
        case AcceptedCase():
            content = _CASES.write(made.content)
        case TrainingPair():
            content = _PAIRS.write(made.content)
        case None:
            content = {}
    stored = {name: getattr(made, name) for name in ("feedback_id", "kind", "side", "actor", "reason", "at")}
    return stored | {"content": content}
