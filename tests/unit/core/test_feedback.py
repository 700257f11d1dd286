"""Votes are stored once, kept whole, and told apart by author, also when many come at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import delete

from core.errors import ConflictError, InputError, NotFoundError, TooLargeError, TooManyVotesError
from core.loop.enums import DecisionKind, FeedbackReason, Vote, VoteStanding
from core.loop.feedback import CitationVote, Feedback, FeedbackDecision
from core.storage.database import Database
from core.storage.interactions import InteractionRepository
from core.storage.loop.feedback import FeedbackRepository
from core.storage.tables import interactions
from core.types import Turn
from loop.feedback.votes import MOST_PER_DAY, Author, FeedbackOrder, FeedbackService
from tests.support.recorded_answers import recorded_answer

ANN = Author("Ann", None, None, "page")
BEN = Author("Ben", None, ("public",), "api")


@pytest.fixture
def service(database: Database) -> FeedbackService:
    return FeedbackService(database)


@pytest.fixture
def answer(database: Database) -> str:
    return recorded_answer(database)


def down(interaction_id: str, **more: object) -> FeedbackOrder:
    return FeedbackOrder(interaction_id, Vote.DOWN, **more)  # type: ignore[arg-type]


def up(interaction_id: str) -> FeedbackOrder:
    return FeedbackOrder(interaction_id, Vote.UP)


def stored(database: Database) -> list[Feedback]:
    return FeedbackRepository(database).since()


def test_a_vote_is_stored_with_all_it_says_and_a_snapshot_of_the_answer(
    database: Database, service: FeedbackService, answer: str
) -> None:
    order = down(
        answer,
        reason=FeedbackReason.WRONG,
        comment=" Not the office.\n",
        correction="The lead approves it.",
        citations=[CitationVote(1, Vote.DOWN)],
        idempotency_key="k-1",
    )
    given = service.give(BEN, order)
    assert not given.replayed
    (found,) = stored(database)
    assert found == given.feedback
    assert (found.author, found.access, found.origin, found.standing) == (
        "Ben",
        ("public",),
        "api",
        VoteStanding.COUNTED,
    )
    assert (found.vote, found.reason, found.comment) == (Vote.DOWN, FeedbackReason.WRONG, "Not the office.")
    assert found.citations == (CitationVote(1, Vote.DOWN),)
    assert (found.question, found.answer) == ("Who approves travel?", "The office. [1]")
    assert found.interaction.passages[0].uri == "handbook/travel.md"


def test_a_vote_is_whole_when_the_answer_it_is_about_is_deleted(
    database: Database, service: FeedbackService, answer: str
) -> None:
    given = service.give(ANN, down(answer, idempotency_key="k"))
    with database.transaction() as connection:
        connection.execute(delete(interactions))
    assert InteractionRepository(database).get(answer) is None
    assert stored(database) == [given.feedback] == service.counted()
    assert service.give(ANN, down(answer, idempotency_key="k")).replayed
    with pytest.raises(NotFoundError):
        service.give(ANN, up(answer))


def test_the_same_key_stores_once_and_refuses_another_body(
    database: Database, service: FeedbackService, answer: str
) -> None:
    first = service.give(ANN, down(answer, idempotency_key="k"))
    again = service.give(ANN, down(answer, idempotency_key="k"))
    assert again.replayed
    assert again.feedback == first.feedback
    with pytest.raises(ConflictError):
        service.give(ANN, down(answer, idempotency_key="k", comment="more"))
    assert not service.give(BEN, down(answer, idempotency_key="k")).replayed
    assert len(stored(database)) == 2


def test_without_a_key_a_double_click_counts_once_and_a_change_of_mind_is_taken(
    database: Database, service: FeedbackService, answer: str
) -> None:
    assert not service.give(ANN, down(answer)).replayed
    assert service.give(ANN, down(answer)).replayed
    assert not service.give(ANN, up(answer)).replayed
    assert not service.give(ANN, down(answer)).replayed
    assert [vote.vote for vote in stored(database)] == [Vote.DOWN, Vote.UP, Vote.DOWN]
    assert [vote.vote for vote in service.counted()] == [Vote.DOWN]


def test_the_same_vote_sent_many_times_at_once_is_stored_once(
    database: Database, service: FeedbackService, answer: str
) -> None:
    orders = [down(answer, idempotency_key="k")] * 8 + [down(answer)] * 8
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda order: service.give(ANN, order), orders))
    assert sum(not each.replayed for each in given) == 1 == len(stored(database))


@pytest.mark.parametrize(
    ("order", "error"),
    [
        ({"comment": "x" * 2001}, TooLargeError),
        ({"correction": "x" * 4001}, TooLargeError),
        ({"comment": "bell\x07"}, InputError),
        ({"correction": "half \ud800"}, InputError),
        ({"citations": [CitationVote(2, Vote.DOWN)]}, InputError),
        ({"citations": [CitationVote(1, Vote.DOWN), CitationVote(1, Vote.UP)]}, InputError),
        ({"citations": [CitationVote(n, Vote.DOWN) for n in range(51)]}, TooLargeError),
        ({"idempotency_key": ""}, InputError),
        ({"idempotency_key": "a b"}, InputError),
        ({"idempotency_key": "k" * 201}, InputError),
        ({"vote": Vote.UP, "reason": FeedbackReason.WRONG}, InputError),
        ({"vote": Vote.UP, "correction": "The lead."}, InputError),
        ({"interaction_id": "none"}, NotFoundError),
        ({"interaction_id": "no\x00ne"}, NotFoundError),
    ],
)
def test_what_cannot_be_said_is_refused_and_not_stored(
    database: Database, service: FeedbackService, answer: str, order: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        service.give(ANN, replace(down(answer), **order))
    assert stored(database) == []


def test_only_who_asked_may_vote(database: Database, service: FeedbackService) -> None:
    theirs = recorded_answer(database, api_key_id="key-1")
    nobodys = recorded_answer(database)
    for stranger in (Author("Eve", "key-2", None, "api"), Author("Eve", "key-2", None, "api", "key-0")):
        for answer in (theirs, nobodys):
            with pytest.raises(NotFoundError):
                service.give(stranger, down(answer))
    service.give(Author("Ann", "key-1", None, "api"), down(theirs))
    service.give(Author("Ann", "key-2", None, "api", replaced_key_id="key-1"), up(theirs))
    assert len(stored(database)) == 2


@pytest.mark.parametrize("origin", ["evaluation", "probe"])
def test_answers_of_evaluations_take_no_feedback(database: Database, service: FeedbackService, origin: str) -> None:
    with pytest.raises(InputError, match="evaluations"):
        service.give(ANN, down(recorded_answer(database, origin=origin)))


def test_more_votes_than_a_day_has_room_for_are_refused_until_it_is_over(
    database: Database, service: FeedbackService
) -> None:
    answers = [recorded_answer(database, f"What is rule {number} about?") for number in range(MOST_PER_DAY + 1)]
    for answer in answers[:-1]:
        service.give(ANN, down(answer, synthetic=True))
    with pytest.raises(TooManyVotesError) as refused:
        service.give(ANN, down(answers[-1]))
    assert 86_000 < refused.value.retry_after_seconds <= 86_401
    assert len(stored(database)) == MOST_PER_DAY
    assert service.give(ANN, down(answers[-2], synthetic=True)).replayed
    assert not service.give(BEN, down(answers[-1])).replayed


def test_synthetic_votes_are_kept_and_never_count(database: Database, service: FeedbackService, answer: str) -> None:
    service.give(ANN, down(answer, synthetic=True))
    assert [vote.standing for vote in stored(database)] == [VoteStanding.SYNTHETIC]
    assert service.counted() == []
    service.give(ANN, down(answer))
    assert len(service.counted()) == 1


def test_saying_the_same_again_about_nearly_the_same_question_does_not_count(
    database: Database, service: FeedbackService
) -> None:
    first = recorded_answer(database, "How do I book travel to the office in Berlin?")
    same = recorded_answer(database, "how do I book travel to the OFFICE in Berlin, please?")
    other = recorded_answer(database, "How do I book a meeting room?")
    released = recorded_answer(database, "How do I book travel to the office in Berlin?", release="s" * 64)
    standings = [
        service.give(ANN, down(answer, correction="Ask  the lead.", idempotency_key=f"k{number}")).feedback.standing
        for number, answer in enumerate([first, first, same, other, released])
    ]
    counted, repeated = VoteStanding.COUNTED, VoteStanding.REPEATED
    assert standings == [counted, repeated, repeated, counted, counted]
    assert service.give(ANN, down(same, correction="ask the LEAD.")).feedback.standing is repeated
    assert service.give(ANN, down(same, correction="Ask the office.")).feedback.standing is counted
    assert service.give(BEN, down(first, correction="Ask the lead.")).feedback.standing is counted
    assert {(vote.author, vote.interaction_id) for vote in service.counted()} == {
        ("Ann", first), ("Ann", other), ("Ann", released), ("Ann", same), ("Ben", first),
    }  # fmt: skip


def test_follow_ups_are_compared_by_what_they_ask_in_full(database: Database, service: FeedbackService) -> None:
    before = [Turn("user", "…")]
    travel = recorded_answer(database, "And how?", query="How is travel booked?", history=before)
    rooms = recorded_answer(database, "And how?", query="How are meeting rooms locked?", history=before)
    for answer in (travel, rooms):
        assert service.give(ANN, down(answer)).feedback.standing is VoteStanding.COUNTED


def test_an_author_who_took_a_vote_back_may_say_the_same_elsewhere(
    database: Database, service: FeedbackService, answer: str
) -> None:
    service.give(ANN, down(answer))
    service.give(ANN, up(answer))
    assert service.give(ANN, down(recorded_answer(database))).feedback.standing is VoteStanding.COUNTED


def test_the_last_word_counts_and_repeating_it_changes_nothing(
    database: Database, service: FeedbackService, answer: str
) -> None:
    service.give(ANN, down(answer))
    said = service.give(ANN, down(answer, correction="The lead.")).feedback
    service.give(ANN, down(answer, correction="the lead."))
    assert service.counted() == [said]
    changed = service.give(ANN, up(answer)).feedback
    assert service.counted() == [changed]


@pytest.mark.parametrize("remark", [{"comment": "The office has moved."}, {"citations": [CitationVote(1, Vote.DOWN)]}])
def test_a_comment_or_a_vote_on_a_source_that_follows_a_thumb_down_is_what_is_read(
    database: Database, service: FeedbackService, answer: str, remark: dict[str, object]
) -> None:
    service.give(ANN, down(answer))
    said = service.give(ANN, down(answer, **remark)).feedback
    service.give(ANN, down(answer, idempotency_key="again", **remark))
    assert service.counted() == [said]
    assert [line.id for line in service.waiting_lines()] == [said.id]


def test_what_was_dismissed_does_not_count_not_even_when_it_is_repeated(
    database: Database, service: FeedbackService, answer: str
) -> None:
    given = service.give(ANN, down(answer, idempotency_key="1")).feedback
    decision = FeedbackDecision(given.id, DecisionKind.DISMISSED, None, "Rita", "It was right.", given.at)
    assert FeedbackRepository(database).decide(decision)
    assert not FeedbackRepository(database).decide(decision)
    service.give(ANN, down(answer, idempotency_key="2"))
    assert service.counted() == []


def test_votes_are_counted_from_a_moment_on_newest_first(database: Database, service: FeedbackService) -> None:
    first, second = (service.give(ANN, down(recorded_answer(database, q))).feedback for q in ("Who flies?", "Why?"))
    assert service.counted() == [second, first]
    assert service.counted(second.at) == [second]


def test_the_last_words_of_an_author_are_found_by_answer(
    database: Database, service: FeedbackService, answer: str
) -> None:
    other = recorded_answer(database, "Why?")
    service.give(ANN, down(answer))
    last = service.give(ANN, up(answer)).feedback
    service.give(BEN, down(other))
    assert FeedbackRepository(database).last_words("Ann", [answer, other]) == {answer: last}
