"""Votes on answers: which are taken, which count.

    given = FeedbackService(database).give(author, FeedbackOrder(interaction_id, Vote.DOWN, correction="…"))
    FeedbackService(database).counted(since)

A vote is on disk before `give` returns, with a snapshot of the answer, and is never changed. It counts unless a program
sent it to try the system out, or its author had said the same before. What votes lead to reads `counted` and nothing
else; no vote has any other effect.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from core.errors import ConflictError, InputError, NotFoundError, TooLargeError, TooManyVotesError
from core.loop.enums import DecisionKind, FeedbackReason, Vote, VoteStanding
from core.loop.feedback import CitationVote, Feedback
from core.storage.database import Database
from core.storage.interactions import ASIDE, Interaction, InteractionRepository
from core.storage.loop.feedback import (
    AuthorsVotes,
    FeedbackRepository,
    Opinion,
    VoteLine,
    says_the_same,
    standing_votes,
)
from core.storage.loop.snapshots import snapshot_of
from core.types import digest
from evals.cases.cases import is_storable

# Votes of one author within a day. Someone who reads answers all day long votes every few minutes; a program that
# votes a thousand times fills no disk and drowns nobody else's.
MOST_PER_DAY = 200
DAY = timedelta(days=1)
# How long a vote stands for those of the same author that say the same about nearly the same question, answered by the
# same release. As long as a trigger counts back, so that nobody is counted twice by asking again.
REPEATED_WITHIN = timedelta(days=30)
# Share of the words that two questions must have in common to be nearly the same: one word in nine may be another, a
# short question with another name in it asks something else.
NEAR_SAME = 0.8
# A remark of a page, a correction of two: what a person writes about one answer. Both are read by people.
LONGEST_COMMENT = 2_000
LONGEST_CORRECTION = 4_000
# More than any answer cites.
MOST_CITATION_VOTES = 50

# Answers to people and programs are voted on, also to what was no question; those of evaluations and probes are
# measured otherwise.
_VOTED_ORIGINS = frozenset({"page", "api", "cli", ASIDE})
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True, slots=True)
class Author:
    """Who votes. `access` is what they may see (None for everything), `origin` page, api or cli. Answers given under
    `api_key_id` are theirs, and those under the key that it was rotated from; without a key, all are."""

    name: str
    api_key_id: str | None
    access: Sequence[str] | None
    origin: str
    replaced_key_id: str | None = None

    def asked(self, interaction: Interaction) -> bool:
        """Whether the answer is this author's own."""
        if self.api_key_id is None:
            return True
        return interaction.api_key_id is not None and interaction.api_key_id in (self.api_key_id, self.replaced_key_id)


@dataclass(frozen=True, slots=True)
class FeedbackOrder:
    """A vote as it is sent. Without an `idempotency_key` one that says what the author's last vote on the answer said
    is taken for that one, sent twice."""

    interaction_id: str
    vote: Vote
    reason: FeedbackReason | None = None
    comment: str = ""
    correction: str = ""
    citations: Sequence[CitationVote] = ()
    idempotency_key: str | None = None
    synthetic: bool = False

    @property
    def body_sha256(self) -> str:
        """The hash of all it says, its key aside."""
        return digest(asdict(self) | {"idempotency_key": None, "citations": [asdict(each) for each in self.citations]})


@dataclass(frozen=True, slots=True)
class Given:
    """The vote that is stored. `replayed` if it was before this order came."""

    feedback: Feedback
    replayed: bool


class FeedbackService:
    """Takes votes, and tells which count."""

    def __init__(self, database: Database) -> None:
        self._feedback = FeedbackRepository(database)
        self._interactions = InteractionRepository(database)

    def give(self, author: Author, order: FeedbackOrder) -> Given:
        """Store the vote; it is on disk when this returns.

        Raises InputError for one that says what cannot be, TooLargeError, NotFoundError for an answer that is not there
        or not the author's own, ConflictError for a key that was used for another vote, and TooManyVotesError.
        """
        _check(order)
        interaction = self._interactions.get(order.interaction_id)
        with self._feedback.giving(author.name) as votes:
            if stored := _replayed(votes, order):
                return Given(stored, replayed=True)
            answer = _answer(author, order, interaction)
            now = datetime.now(UTC)
            _check_cap(votes, now)
            given = _feedback(author, order, answer, now, votes)
            votes.add(given)
        return Given(given, replayed=False)

    def counted(self, since: datetime | None = None) -> list[Feedback]:
        """The votes since then that count, newest first: each author's last word on each answer, unless it was
        dismissed."""
        return self._feedback.get_all([line.id for line in self.counted_lines(since)])

    def counted_lines(self, since: datetime | None = None) -> list[VoteLine]:
        """The same without the snapshots of the answers."""
        decided = self._feedback.decided()
        return [line for line in self._standing(since) if decided.get(line.id) is not DecisionKind.DISMISSED]

    def waiting_lines(self) -> list[VoteLine]:
        """The votes down that count and that nobody has decided on, newest first, without the snapshots."""
        decided = self._feedback.decided()
        return [line for line in self._standing(None) if line.vote is Vote.DOWN and line.id not in decided]

    def _standing(self, since: datetime | None) -> list[VoteLine]:
        return [line for line in standing_votes(self._feedback.lines(since)) if line.standing is VoteStanding.COUNTED]


def near_same(one: str, other: str) -> bool:
    """Whether two questions are nearly the same, word for word in any order."""
    first, second = (set(re.findall(r"\w+", text.casefold())) for text in (one, other))
    return first == second or len(first & second) >= NEAR_SAME * len(first | second)


def _check(order: FeedbackOrder) -> None:
    """Raises InputError for what no author may say about any answer."""
    if not is_storable(order.interaction_id):
        raise _no_such_answer()
    for name, text, longest in (
        ("comment", order.comment, LONGEST_COMMENT),
        ("correction", order.correction, LONGEST_CORRECTION),
    ):
        if len(text) > longest:
            raise TooLargeError(
                f"The {name} has {len(text):,} characters; at most {longest:,} are taken.", hint="Shorten it."
            )
        if not is_storable(text):
            raise InputError(f"The {name} holds control characters.", hint="Send plain text.")
    if order.vote is Vote.UP and (order.reason or order.correction.strip()):
        raise InputError(
            "A vote up takes no reason and no correction: they say what is wrong.", hint="Vote down, or leave them out."
        )
    if order.idempotency_key is not None and not _KEY.fullmatch(order.idempotency_key):
        raise InputError(
            "The idempotency key is not 1 to 200 visible ASCII characters.", hint="Send a random one, such as a UUID."
        )
    markers = [each.marker for each in order.citations]
    if len(markers) > MOST_CITATION_VOTES:
        raise TooLargeError(
            f"There are {len(markers)} votes on citations; {MOST_CITATION_VOTES} is the most.", hint="Send fewer."
        )
    if len(set(markers)) < len(markers):
        raise InputError("A citation is voted on twice.", hint="Send one vote for each marker.")


def _replayed(votes: AuthorsVotes, order: FeedbackOrder) -> Feedback | None:
    """The stored vote that this order is a repetition of. Raises ConflictError."""
    if order.idempotency_key is None:
        last = votes.last_word(order.interaction_id)
        return last if last is not None and last.body_sha256 == order.body_sha256 else None
    stored = votes.by_key(order.idempotency_key)
    if stored is not None and stored.body_sha256 != order.body_sha256:
        raise ConflictError(
            "This idempotency key was sent with another vote before.", hint="Use a new key for every vote."
        )
    return stored


def _answer(author: Author, order: FeedbackOrder, interaction: Interaction | None) -> Interaction:
    """The answer, if this author may say this about it. Raises NotFoundError and InputError."""
    if interaction is None or not author.asked(interaction):
        raise _no_such_answer()
    if interaction.origin not in _VOTED_ORIGINS:
        raise InputError("Answers of evaluations take no feedback.", hint="Vote on an answer to a person's question.")
    cited = {citation["marker"] for citation in interaction.citations}
    if missing := [each.marker for each in order.citations if each.marker not in cited]:
        raise InputError(f"The answer has no citation [{missing[0]}].", hint="Vote on the markers that stand in it.")
    return interaction


def _no_such_answer() -> NotFoundError:
    return NotFoundError(
        "There is no such answer.", hint="Send the interaction_id of an answer to a question of your own."
    )


def _check_cap(votes: AuthorsVotes, now: datetime) -> None:
    moments = votes.moments(now - DAY, MOST_PER_DAY)
    if len(moments) < MOST_PER_DAY:
        return
    seconds = int((moments[-1] + DAY - now).total_seconds()) + 1
    raise TooManyVotesError(
        f"{MOST_PER_DAY} votes within a day is the most that one person can give.",
        hint="Come back when the oldest of them is a day old. Nothing of this one was stored.",
        retry_after_seconds=seconds,
    )


def _feedback(
    author: Author, order: FeedbackOrder, interaction: Interaction, now: datetime, votes: AuthorsVotes
) -> Feedback:
    return Feedback(
        id=str(uuid.uuid4()),
        at=now,
        author=author.name,
        api_key_id=author.api_key_id,
        access=None if author.access is None else tuple(author.access),
        origin=author.origin,
        standing=_standing(order, interaction, now, votes),
        idempotency_key=order.idempotency_key or str(uuid.uuid4()),
        body_sha256=order.body_sha256,
        interaction_id=interaction.id,
        release_id=interaction.release_id,
        vote=order.vote,
        reason=order.reason,
        comment=order.comment.strip(),
        correction=order.correction.strip(),
        citations=tuple(order.citations),
        interaction=snapshot_of(interaction),
    )


def _standing(order: FeedbackOrder, interaction: Interaction, now: datetime, votes: AuthorsVotes) -> VoteStanding:
    if order.synthetic:
        return VoteStanding.SYNTHETIC
    says = Opinion(interaction.query, order.vote, order.reason, order.correction)
    last = votes.last_word(interaction.id)
    if last is not None and last.standing is not VoteStanding.SYNTHETIC and _says_no_more(order, says, last):
        return VoteStanding.REPEATED
    elsewhere = votes.said(order.vote, now - REPEATED_WITHIN, interaction.release_id, interaction.id)
    known = any(says_the_same(says, each) and near_same(says.query, each.query) for each in elsewhere)
    return VoteStanding.REPEATED if known else VoteStanding.COUNTED


def _says_no_more(order: FeedbackOrder, says: Opinion, last: Feedback) -> bool:
    """Whether a vote repeats the last one on the same answer. A comment or a vote on a source that comes after the
    thumb is news to whoever reads it."""
    remarks = (order.comment.strip(), frozenset(order.citations))
    return says_the_same(says, last) and remarks == (last.comment, frozenset(last.citations))
