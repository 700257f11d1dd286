"""The rules that tell why an answer was bad."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.loop.diagnosis import Cause, Sought, SourceState
from core.loop.enums import FeedbackReason
from loop.diagnosis.observation import (
    DEPTH,
    HOLDS,
    MARGIN,
    MOST_WITHOUT_CORRECTION,
    SAYS,
    SURELY,
    Indexed,
    Observation,
    SourceMatch,
)
from loop.diagnosis.rules import judge, needs_source, to_ask_again

# What holds nothing, and what holds everything.
NO, YES = 0.1, 0.95
NOTHING = Observation(Sought.CORRECTION, context=(NO, NO), handed=2, ranking=(NO,) * DEPTH)
SCORES = st.floats(0, 1)
OBSERVATIONS = st.builds(
    Observation,
    sought=st.sampled_from(Sought),
    asks=st.booleans(),
    answerable=st.booleans(),
    abstained=st.booleans(),
    reason=st.none() | st.sampled_from(FeedbackReason),
    said=SCORES,
    well_cited=st.booleans(),
    context=st.lists(SCORES, max_size=8).map(tuple),
    handed=st.integers(0, 8),
    ranking=st.lists(SCORES, max_size=20).map(tuple),
    newer_index=st.booleans(),
    chunks=SCORES,
    documents=SCORES,
    hidden=SCORES,
    indexed=st.sampled_from(Indexed),
    opposed=st.booleans(),
    related=st.booleans(),
    source=st.none() | st.builds(SourceMatch, SCORES, st.sampled_from(SourceState)),
    unread_sources=st.just(()) | st.just(("handbook",)),
    alone=st.none() | SCORES,
)


def seen(**changes: object) -> Observation:
    return replace(NOTHING, **changes)


def at(rank: int) -> tuple[float, ...]:
    return (*(NO,) * (rank - 1), YES, *(NO,) * (DEPTH - rank))


def test_what_is_nowhere_is_a_corpus_gap() -> None:
    finding = judge(NOTHING)
    assert finding.cause is Cause.CORPUS_GAP
    assert finding.certainty >= 0.8


def test_a_right_passage_that_the_generator_was_handed_is_a_generation_fault() -> None:
    handed = seen(context=(NO, YES), ranking=at(2), chunks=YES, documents=YES)
    assert judge(handed).cause is Cause.GENERATION_FAULT
    assert "rank 2" in judge(handed).summary


def test_a_generator_that_fails_on_the_right_passage_alone_makes_it_certain() -> None:
    handed = seen(context=(YES, NO), chunks=YES, documents=YES)
    assert judge(replace(handed, alone=NO)).certainty > judge(replace(handed, alone=YES)).certainty
    assert judge(replace(handed, alone=YES)).certainty > judge(handed).certainty


@pytest.mark.parametrize("rank", [3, 50, DEPTH])
def test_a_right_passage_behind_the_context_is_a_ranking_miss(rank: int) -> None:
    finding = judge(seen(ranking=at(rank), chunks=YES, documents=YES))
    assert finding.cause is Cause.RANKING_MISS
    assert f"rank {rank}," in finding.summary


def test_a_gap_without_a_correction_is_hardly_more_than_a_guess() -> None:
    assert judge(seen(sought=Sought.QUESTION)).certainty < judge(NOTHING).certainty / 2


def test_what_came_into_the_index_after_the_answer_was_stale_then() -> None:
    now = seen(ranking=at(1), chunks=YES, documents=YES, newer_index=True)
    assert judge(now).cause is Cause.STALE_SOURCE
    assert judge(replace(now, ranking=at(3))).cause is Cause.RANKING_MISS


def test_a_passage_that_did_not_reach_the_generator_is_a_ranking_miss() -> None:
    declined = seen(context=(YES, NO), handed=0, abstained=True, chunks=YES, documents=YES)
    assert judge(declined).cause is Cause.RANKING_MISS
    assert "declined" in judge(declined).summary


def test_a_right_chunk_that_is_not_ranked_is_a_retrieval_miss() -> None:
    assert judge(seen(chunks=YES, documents=YES)).cause is Cause.RETRIEVAL_MISS


def test_a_document_of_which_no_chunk_holds_it_was_cut() -> None:
    finding = judge(seen(chunks=YES - MARGIN - 0.01, documents=YES))
    assert finding.cause is Cause.NOT_INDEXED
    assert "splitting" in finding.summary


def test_a_document_that_the_index_lacks_is_not_indexed() -> None:
    finding = judge(seen(documents=YES, indexed=Indexed.ABSENT))
    assert finding.cause is Cause.NOT_INDEXED


def test_an_index_of_an_older_version_is_stale() -> None:
    assert judge(seen(documents=YES, indexed=Indexed.OLDER)).cause is Cause.STALE_SOURCE


def test_a_document_that_the_person_may_not_see_is_not_indexed_for_them() -> None:
    finding = judge(seen(hidden=YES))
    assert finding.cause is Cause.NOT_INDEXED
    assert "access" in finding.summary


@pytest.mark.parametrize(
    ("state", "cause"),
    [
        (SourceState.CHANGED, Cause.STALE_SOURCE),
        (SourceState.FAILED, Cause.NOT_INDEXED),
        (SourceState.MISREAD, Cause.NOT_INDEXED),
        (SourceState.NEW, Cause.NOT_INDEXED),
    ],
)
def test_what_only_the_source_holds(state: SourceState, cause: Cause) -> None:
    assert judge(seen(source=SourceMatch(YES, state))).cause is cause


def test_a_newer_text_that_says_it_clearly_better_is_stale_though_the_old_one_is_alike() -> None:
    alike = seen(context=(0.7, NO), documents=0.7, chunks=0.7)
    newer = SourceMatch(0.7 + MARGIN + 0.01, SourceState.CHANGED)
    assert judge(replace(alike, source=newer)).cause is Cause.STALE_SOURCE
    assert judge(replace(alike, source=SourceMatch(0.7, SourceState.CHANGED))).cause is Cause.GENERATION_FAULT


def test_an_answer_that_is_called_old_is_stale_if_what_it_cites_has_changed() -> None:
    cited = SourceMatch(YES, SourceState.CHANGED)
    called = seen(sought=Sought.QUESTION, reason=FeedbackReason.OUT_OF_DATE, said=YES, source=cited)
    assert judge(called).cause is Cause.STALE_SOURCE
    assert judge(replace(called, source=None)).cause is Cause.CORPUS_GAP
    assert judge(replace(called, reason=None)).cause is Cause.WRONG_VOTE


def test_an_answer_that_says_the_correction_was_voted_down_wrongly() -> None:
    assert judge(seen(said=YES, context=(YES, NO), documents=YES)).cause is Cause.WRONG_VOTE


def test_a_right_answer_with_a_wrong_citation_is_a_generation_fault() -> None:
    right = seen(said=YES, reason=FeedbackReason.BAD_CITATION, well_cited=False)
    assert judge(right).cause is Cause.GENERATION_FAULT
    assert judge(replace(right, well_cited=True)).cause is Cause.WRONG_VOTE


def test_a_correction_that_the_documents_deny_is_a_wrong_vote_unless_they_are_called_old() -> None:
    denied = seen(opposed=True)
    assert judge(denied).cause is Cause.WRONG_VOTE
    assert judge(replace(denied, reason=FeedbackReason.OUT_OF_DATE)).cause is Cause.CORPUS_GAP


def test_a_correction_of_something_else_is_a_wrong_vote() -> None:
    assert judge(seen(related=False)).cause is Cause.WRONG_VOTE


def test_no_question_is_a_wrong_vote_whatever_was_found() -> None:
    assert judge(seen(asks=False, context=(YES, NO), documents=YES)).cause is Cause.WRONG_VOTE


def test_a_source_that_could_not_be_read_makes_a_gap_uncertain_and_is_named() -> None:
    finding = judge(seen(unread_sources=("wiki",)))
    assert finding.cause is Cause.CORPUS_GAP
    assert finding.certainty < 0.5
    assert "wiki" in finding.summary


def test_an_answer_to_what_the_documents_do_not_hold_is_a_generation_fault() -> None:
    assert judge(seen(answerable=False)).cause is Cause.GENERATION_FAULT
    assert judge(seen(answerable=False, abstained=True)).cause is Cause.WRONG_VOTE


@given(OBSERVATIONS)
def test_every_observation_has_one_cause_with_a_certainty_and_a_reason(observation: Observation) -> None:
    finding = judge(observation)
    assert 0 < finding.certainty <= 1
    assert finding.summary.endswith(".")
    assert judge(observation) == finding


@given(OBSERVATIONS)
def test_what_was_not_corrected_is_never_certain(observation: Observation) -> None:
    guessed = replace(observation, sought=Sought.QUESTION, asks=True)
    assert judge(guessed).certainty <= MOST_WITHOUT_CORRECTION


@given(OBSERVATIONS)
def test_what_is_surely_stored_needs_no_sources(observation: Observation) -> None:
    best = max(observation.stored, observation.said)
    needed = needs_source(observation.sought, asks=observation.asks, answerable=observation.answerable, best=best)
    assert not needed or best < SURELY


@given(OBSERVATIONS)
def test_no_place_that_another_surpasses_is_taken_for_the_source(observation: Observation) -> None:
    for scores in (observation.context, observation.ranking):
        rank = observation.first(scores)
        if rank is not None:
            assert scores[rank - 1] >= max(HOLDS, observation.best - MARGIN)


def test_an_answer_that_says_less_than_a_place_holds_does_not_say_it() -> None:
    cut = seen(said=SAYS + 0.05, context=(SAYS + 0.05, NO), documents=YES)
    assert judge(cut).cause is Cause.NOT_INDEXED


@given(OBSERVATIONS)
def test_only_a_passage_that_the_generator_was_handed_is_asked_about_again(observation: Observation) -> None:
    rank = to_ask_again(observation)
    if rank is not None:
        assert 1 <= rank <= min(observation.handed, len(observation.context))
        assert observation.context[rank - 1] >= observation.bar
