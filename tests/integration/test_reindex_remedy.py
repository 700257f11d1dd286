"""The remedy `reindex` over a real index: what it proposes, what it builds, and that the live index stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.errors import ConflictError, UnavailableError
from core.loop.diagnosis import Cause
from core.loop.enums import FeedbackSide, FiringState
from core.loop.feedback import Firing
from core.release import Release, ReleaseStatus
from core.storage.documents import DocumentRepository
from core.storage.releases import ReleaseRepository
from core.types import AccessScope, document_id
from loop.feedback.sides import hashed_side
from loop.remedies.catalogue.reindex import NothingNewer, ReindexFigures, ReindexProposal
from loop.remedies.execution import carry_out, propose
from loop.remedies.registry import open_firings
from serving.factory import Services, build_answerer, open_services
from serving.releases.champion import current_champion
from tests.support.bad_answers import diagnosed, fired, voted_down
from tests.support.installed import lay_installation

THINGS = ("kettle", "lamp", "ladder", "printer", "projector", "bicycle", "piano", "drill", "tent", "freezer")


def rule(thing: str) -> str:
    """Longer than a chunk of 32 tokens, shorter than one of 64."""
    return (
        f"Whoever borrows the {thing} of the house writes the day into the list that hangs beside the door of the "
        f"caretaker, and brings the {thing} back before Friday noon, cleaned and without any damage to it."
    )


def question(thing: str) -> str:
    return f"When does somebody who borrows the {thing} bring it back?"


def installed(folder: Path) -> Services:
    """An installation whose chunks are far too small for what its documents say."""
    pages = {
        f"{thing}.md": f"# {thing.capitalize()}\n\n{rule(thing)}\n\nIt is kept in the cellar.\n" for thing in THINGS
    }
    return open_services(lay_installation(folder, "house", pages, chunk_tokens=32))


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with closing(installed(tmp_path)) as services:
        yield services


def complaints(services: Services, things: tuple[str, ...] = THINGS, cause: Cause = Cause.NOT_INDEXED) -> list[str]:
    return [
        diagnosed(services, voted_down(services, question(thing), rule(thing)), cause, f"house/{thing}.md", rule(thing))
        for thing in things
    ]


@dataclass(frozen=True)
class Healed:
    """An installation whose chunks were found too small, which led to a candidate."""

    services: Services
    champion: Release
    revision: int
    subjects: list[str]
    ended: Firing
    said: list[str]


@pytest.fixture(scope="module")
def healed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Healed]:
    """Made once for the tests that look at what came of it: the search tries every size."""
    said: list[str] = []
    with closing(installed(tmp_path_factory.mktemp("healed"))) as services:
        champion = current_champion(services)
        revision = services.index.revision(champion.manifest.collection.name)
        subjects = complaints(services)
        ended = carry_out(services, fired(services, "reindex", subjects), said.append)
        yield Healed(services, champion, revision, subjects, ended, said)


def test_chunks_that_cut_the_answers_are_replaced_by_larger_ones_in_a_candidate(healed: Healed) -> None:
    services, champion, ended = healed.services, healed.champion, healed.ended
    proposal = ended.proposal
    assert isinstance(proposal, ReindexProposal)
    found = proposal.figures.search
    assert found is not None
    assert (ended.state, found.live_tokens) == (FiringState.CANDIDATE, 32)
    assert proposal.chunk_tokens is not None
    assert proposal.chunk_tokens >= 64
    assert found.held_out.candidate is not None
    assert found.held_out.candidate > 0
    assert found.held_out.live == 0
    assert found.held_out.interval is not None
    candidate = ReleaseRepository(services.database).get(ended.release_id or "")
    assert candidate is not None
    assert candidate.status is ReleaseStatus.CANDIDATE
    assert candidate.manifest.collection.splitter == f"structure-{proposal.chunk_tokens}"
    # Nothing else is different, and what is live is as it was.
    assert candidate.manifest.model_copy(update={"collection": champion.manifest.collection}) == champion.manifest
    assert current_champion(services).id == champion.id
    assert services.index.revision(champion.manifest.collection.name) == healed.revision
    assert any(f"chunks of {proposal.chunk_tokens} tokens" in line for line in healed.said)


def test_questions_that_become_evaluation_cases_choose_nothing(healed: Healed) -> None:
    subjects, proposal = healed.subjects, healed.ended.proposal
    on_side = {
        side: {subject for subject, thing in zip(subjects, THINGS, strict=True) if hashed_side(question(thing)) is side}
        for side in FeedbackSide
    }
    assert isinstance(proposal, ReindexProposal)
    found = proposal.figures.search
    assert found is not None
    assert set(found.chose_on) == on_side[FeedbackSide.TRAINING]
    assert set(found.held_out_on) == on_side[FeedbackSide.CASE]
    assert on_side[FeedbackSide.TRAINING]
    assert on_side[FeedbackSide.CASE]


def test_without_a_question_that_may_choose_nothing_is_built_and_the_firing_says_why(services: Services) -> None:
    kept = tuple(thing for thing in THINGS if hashed_side(question(thing)) is FeedbackSide.CASE)
    firing = fired(services, "reindex", complaints(services, kept))
    collections = services.index.collections()
    with pytest.raises(ConflictError, match="too little to choose by"):
        carry_out(services, firing)
    ended = open_firings(services.database).get(firing.id)
    assert ended is not None
    assert ended.state is FiringState.FAILED
    assert "too little to choose by" in ended.detail
    assert services.index.collections() == collections


def test_a_firing_is_carried_out_once(healed: Healed) -> None:
    with pytest.raises(ConflictError, match="has led to a candidate"):
        carry_out(healed.services, healed.ended)
    releases = ReleaseRepository(healed.services.database).all()
    assert [release.id for release in releases if release.status is ReleaseStatus.CANDIDATE] == [
        healed.ended.release_id
    ]


def test_a_stale_source_is_read_again_into_an_index_of_its_own(services: Services, tmp_path: Path) -> None:
    champion = current_champion(services)
    live = champion.manifest.collection.name
    before = {stored.chunk.id: stored.chunk.text for stored, _ in services.index.scroll(live)}
    newer = "# Kettle\n\nThe kettle is broken and may not be borrowed by anybody until next spring.\n"
    (tmp_path / "house" / "kettle.md").write_text(newer)
    vote = voted_down(services, question("kettle"), "It may not be borrowed.")
    subject = diagnosed(services, vote, Cause.STALE_SOURCE, "house/kettle.md", source_uri="house/kettle.md")
    ended = carry_out(services, fired(services, "reindex", [subject]))
    assert isinstance(ended.proposal, ReindexProposal)
    assert ended.proposal.refresh == ("house",)
    candidate = ReleaseRepository(services.database).get(ended.release_id or "")
    assert candidate is not None
    fresh = candidate.manifest.collection
    assert (fresh.splitter, fresh.name) == (champion.manifest.collection.splitter, fresh.spec.name)
    assert fresh.name != live
    found = build_answerer(services, candidate, recorded=False).retriever.retrieve(
        "May the kettle be borrowed?", AccessScope.everything()
    )
    assert "broken" in found.passages[0].chunk.text
    assert {stored.chunk.id: stored.chunk.text for stored, _ in services.index.scroll(live)} == before
    assert current_champion(services).id == champion.id


def test_a_source_that_holds_nothing_newer_makes_no_candidate(services: Services) -> None:
    collections = services.index.collections()
    ended = carry_out(services, fired(services, "reindex", sources=["house"]))
    assert ended.state is FiringState.CLOSED
    assert "holds everything that can be read of house" in ended.detail
    assert isinstance(ended.proposal, NothingNewer)
    assert ended.proposal.figures == ReindexFigures(changed={"house": 0})
    assert services.index.collections() == collections


def test_a_source_that_was_not_read_for_long_brings_no_other_chunks_whatever_was_complained_of(
    services: Services,
) -> None:
    complaints(services)
    ended = carry_out(services, fired(services, "reindex", sources=["house"]))
    assert ended.state is FiringState.CLOSED
    assert "holds everything that can be read of house" in ended.detail


def test_a_source_that_is_gone_fails_in_words_and_leaves_the_live_index_alone(
    services: Services, tmp_path: Path
) -> None:
    firing = fired(services, "reindex", sources=["house"])
    (tmp_path / "house").rename(tmp_path / "moved")
    with pytest.raises(UnavailableError, match="is not there"):
        carry_out(services, firing)
    ended = open_firings(services.database).get(firing.id)
    assert ended is not None
    assert ended.state is FiringState.FAILED
    entries = DocumentRepository(services.database).entries(current_champion(services).manifest.collection.name)
    assert document_id("house/kettle.md") in entries


def test_votes_that_were_taken_back_or_dismissed_choose_nothing(services: Services) -> None:
    from core.types import Actor, Role
    from loop.feedback.acceptance import Acceptance

    reviewer = Actor("rita", frozenset({Role.REVIEW}))
    subjects = complaints(services)
    for subject in subjects:
        Acceptance(services.database).dismiss(subject.removeprefix("feedback:"), "Not so.", reviewer)
    with pytest.raises(ConflictError, match="too little"):
        propose(services, fired(services, "reindex", subjects))
