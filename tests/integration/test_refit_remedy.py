"""The remedy `refit` over a real index: what it changes, and when it leaves things as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.errors import ConflictError
from core.loop.diagnosis import Cause
from core.loop.enums import FiringState, Vote
from core.loop.feedback import CitationVote, NothingBetter
from core.storage.releases import ReleaseRepository
from core.types import Actor, Role
from loop.remedies.catalogue.refit import RefitProposal
from loop.remedies.diagnosed import DiagnosedQuestions
from loop.remedies.execution import carry_out, propose
from loop.remedies.figures import GainComparison
from serving.factory import Services
from serving.releases.champion import current_champion
from serving.releases.service import ReleaseService
from tests.support.bad_answers import diagnosed, fired, voted_down, voted_up
from tests.support.reworded_pages import PAGES, installed

# What no page says.
UNANSWERED = (
    "Who wrote the opera Carmen?", "How far away is the moon?", "What is the capital of Peru?", "Who invented printing?",
    "When did Rome fall?", "How is cheese made?", "What is the boiling point of gold?", "Who painted the night watch?",
    "Which river crosses Cairo?", "How many strings has a harp?", "What do koalas eat?", "Who won the chess title in 1972?",
    "Why is the sea salty?", "What does a barometer show?", "How old is the universe?", "What language is spoken in Oslo?",
)  # fmt: skip
ADMIN = Actor("a test", frozenset(Role))


def complaints(services: Services, names: tuple[str, ...] = tuple(PAGES), author: str = "") -> list[str]:
    """Votes on answers about these pages, each by somebody else unless one `author` gave all."""
    subjects = []
    for name in names:
        says, question = PAGES[name]
        vote = voted_down(services, question, says, author or f"reader of {name}")
        subjects.append(diagnosed(services, vote, Cause.RANKING_MISS, f"house/{name}.md", says))
    return subjects


def gained(found: GainComparison) -> float:
    assert found.candidate is not None
    assert found.live is not None
    return found.candidate - found.live


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """An installation that searches for words only."""
    with closing(installed(tmp_path, dense_weight=0.0)) as services:
        yield services


def test_faults_of_one_leg_move_weight_to_the_other_in_a_candidate(services: Services) -> None:
    champion = current_champion(services)
    ended = carry_out(services, fired(services, "refit", complaints(services)))
    assert ended.state is FiringState.CANDIDATE
    assert isinstance(ended.proposal, RefitProposal)
    assert float(ended.proposal.changes["retrieval.dense_weight"]) > 0
    figures = ended.proposal.figures
    assert gained(figures.search.held_out) > 0
    candidate = ReleaseRepository(services.database).get(ended.release_id or "")
    assert candidate is not None
    assert candidate.manifest.retrieval.dense_weight > 0
    assert candidate.manifest.collection == champion.manifest.collection
    assert not {*figures.chose_on} & {*figures.held_out_on}
    assert current_champion(services).id == champion.id


def test_where_nothing_is_better_the_firing_is_closed_with_the_numbers(tmp_path: Path) -> None:
    with closing(installed(tmp_path, dense_weight=0.8)) as services:
        easy = ("dogs", "visitors", "trains", "screens", "babies", "pay", "plants", "rubbish")
        ended = carry_out(services, fired(services, "refit", complaints(services, easy)))
        assert ended.state is FiringState.CLOSED
        assert "serves these questions better" in ended.detail
        assert isinstance(ended.proposal, NothingBetter)
        assert ended.proposal.figures.search.best.dense_weight == 0.8
        assert [release.status.value for release in ReleaseRepository(services.database).all()] == ["champion"]


def test_a_threshold_that_refuses_nothing_is_raised_by_questions_that_the_documents_do_not_answer(
    services: Services,
) -> None:
    releases = ReleaseService(services)
    lax = releases.create(ADMIN, changes={"guards.abstention.threshold": "0"}, reason="a test")
    releases.promote(lax.id, ADMIN, reason="a test", override=True)
    subjects = complaints(services)
    for number, question in enumerate(UNANSWERED):
        diagnosed(services, voted_down(services, question, "", f"asker {number}"), Cause.CORPUS_GAP, "house/dogs.md")
    proposal = propose(services, fired(services, "refit", subjects))
    assert isinstance(proposal, RefitProposal)
    fit = proposal.figures.abstention
    assert fit is not None
    assert fit.threshold > fit.live == 0
    assert fit.balance.choosing[1] > fit.balance.choosing[0] == 0.5
    assert float(proposal.changes["guards.abstention.threshold"]) == fit.threshold
    assert "that people voted on" in proposal.changes["guards.abstention.fitted_on"]
    candidate = releases.create(ADMIN, changes=proposal.changes, reason="a test")
    assert candidate.manifest.guards.abstention.threshold == fit.threshold


@pytest.mark.parametrize("trigger", ["latency_p95", "cost_per_answer"])
def test_slow_or_dear_answers_make_a_candidate_that_reads_less_and_loses_nothing(tmp_path: Path, trigger: str) -> None:
    with closing(installed(tmp_path, dense_weight=0.8)) as services:
        champion = current_champion(services)
        easy = ("dogs", "visitors", "trains", "screens", "babies", "pay", "plants", "rubbish")
        complaints(services, easy)
        ended = carry_out(services, fired(services, "refit", trigger=trigger))
        assert ended.state is FiringState.CANDIDATE
        candidate = ReleaseRepository(services.database).get(ended.release_id or "")
        assert candidate is not None
        assert candidate.manifest.retrieval.top_k < champion.manifest.retrieval.top_k
        assert candidate.manifest.retrieval.dense_weight == champion.manifest.retrieval.dense_weight
        assert isinstance(ended.proposal, RefitProposal)
        figures = ended.proposal.figures
        assert gained(figures.search.choosing) >= 0
        assert gained(figures.search.held_out) >= 0
        assert figures.abstention is None
        assert current_champion(services).id == champion.id


def test_praised_answers_take_part(services: Services) -> None:
    subjects = complaints(services)
    praised = f"feedback:{voted_up(services, 'Who waters the flowers on Mondays?').id}"
    proposal = propose(services, fired(services, "refit", subjects))
    assert isinstance(proposal, RefitProposal | NothingBetter)
    assert praised in {*proposal.figures.chose_on, *proposal.figures.held_out_on}


def test_of_a_praised_answer_a_citation_that_was_voted_down_does_not_teach(services: Services) -> None:
    question = "Who waters the flowers on Mondays?"
    whole = voted_up(services, question)
    down = CitationVote(whole.interaction.citations[0].marker, Vote.DOWN)
    voted_up(services, question, "bob", [down])
    places = {each.subject.vote_id: each.places for each in DiagnosedQuestions(services.database).praised()}
    assert len(places.pop(whole.id)) == len(whole.interaction.citations)
    assert [len(each) for each in places.values()] == [len(whole.interaction.citations) - 1]


def test_one_question_does_not_choose(services: Services) -> None:
    with pytest.raises(ConflictError, match="too little to choose by"):
        propose(services, fired(services, "refit", complaints(services, ("dogs",))))


def test_one_persons_votes_choose_a_few_times_only(services: Services) -> None:
    proposal = propose(services, fired(services, "refit", complaints(services, author="mallory")))
    assert isinstance(proposal, RefitProposal | NothingBetter)
    assert len(proposal.figures.chose_on) + len(proposal.figures.held_out_on) == 10
