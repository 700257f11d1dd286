"""What votes taught, in a release: it answers otherwise, is made and undone like any other, and fails plainly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from core.errors import ConflictError, InputError, ReleaseUnavailableError
from core.loop.diagnosis import Cause
from core.loop.feedback import NothingBetter
from core.types import AccessScope, Actor, Role
from loop.remedies.catalogue.refit import REMEDY, RefitProposal
from loop.remedies.execution import carry_out
from retrieval.question_map import learned
from retrieval.question_map_files import FOLDER
from serving.factory import Services, build_answerer
from serving.releases.champion import Champion, current_champion
from serving.releases.service import ReleaseService
from tests.support.bad_answers import diagnosed, fired, voted_down
from tests.support.reworded_pages import PAGES, installed

ADMIN = Actor("a test", frozenset(Role))
EVERYTHING = AccessScope.everything()
ASKED = "Which day are pets allowed?"
# What people of the house call things, and no page does.
NAMES = dict(zip(PAGES, (
    "Zorblat", "Quimby", "Fandango", "Wexford", "Ostrava", "Kestrel", "Mirabel", "Tungsten", "Yarrow", "Halcyon",
    "Pergola", "Saffron", "Bramble", "Juniper",
), strict=True))  # fmt: skip
WAYS = (
    "What does {} say?",
    "Tell me about {}.",
    "{} rules, please",
    "Where do I read up on {}?",
    "Is {} still in force?",
)


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """An installation that searches with the embedder only."""
    with closing(installed(tmp_path, dense_weight=1.0)) as services:
        yield services


def kept_map(services: Services) -> str:
    """A map that takes the question to the page about lunch."""
    embedder = services.embedder
    says, _ = PAGES["lunch"]
    others = [question for _, question in PAGES.values() if question != ASKED]
    questions = np.stack([embedder.embed_question(each) for each in (ASKED, *others)])
    passages = np.concatenate([embedder.embed([says]), questions[1:]])
    return services.question_maps.add(learned(questions, passages, 0.05), embedder)


def first(services: Services, question: str = ASKED) -> str:
    retriever = build_answerer(services, current_champion(services), recorded=False).retriever
    return retriever.retrieve(question, EVERYTHING).passages[0].chunk.uri


def test_a_release_with_a_map_answers_otherwise_and_is_rolled_back(services: Services) -> None:
    releases = ReleaseService(services)
    before = current_champion(services)
    assert first(services) == "house/dogs.md"
    made = releases.create(ADMIN, changes={"retrieval.question_map": kept_map(services)}, reason="a test")
    assert made.id != before.id
    releases.promote(made.id, ADMIN, reason="a test", override=True)
    assert first(services) == "house/lunch.md"
    assert first(services, "How are guests recognised?") == "house/visitors.md"
    releases.rollback(ADMIN, reason="a test")
    assert first(services) == "house/dogs.md"
    off = releases.create(ADMIN, base=made.id, changes={"retrieval.question_map": "", "retrieval.top_k": "5"})
    assert off.manifest.retrieval.question_map is None


def test_the_passages_are_weighed_by_the_question_itself(services: Services) -> None:
    plain = build_answerer(services, current_champion(services), recorded=False).retriever.retrieve(ASKED, EVERYTHING)
    made = ReleaseService(services).create(
        ADMIN, changes={"retrieval.question_map": kept_map(services)}, reason="a test"
    )
    mapped = build_answerer(services, made, recorded=False).retriever.retrieve(ASKED, EVERYTHING)
    assert plain.vector is not None
    assert mapped.vector is not None
    assert np.array_equal(plain.vector, mapped.vector)


def test_a_follow_ups_joined_question_is_moved_too(services: Services) -> None:
    made = ReleaseService(services).create(
        ADMIN, changes={"retrieval.question_map": kept_map(services)}, reason="a test"
    )
    found = build_answerer(services, made, recorded=False).retriever.retrieve("Which day?", EVERYTHING, context=ASKED)
    plain = build_answerer(services, current_champion(services), recorded=False).retriever
    before = plain.retrieve("Which day?", EVERYTHING, context=ASKED)
    ranks = [[each.chunk.uri for each in one.passages].index("house/lunch.md") for one in (before, found)]
    assert ranks[1] < ranks[0]


@pytest.mark.parametrize(("value", "says"), [("a" * 64, "no question map"), ("../../etc/passwd", "question_map")])
def test_a_map_that_is_not_there_makes_no_release(services: Services, value: str, says: str) -> None:
    current_champion(services)
    with pytest.raises((ConflictError, InputError), match=says):
        ReleaseService(services).create(ADMIN, changes={"retrieval.question_map": value}, reason="a test")


def test_a_champion_whose_map_was_changed_is_unavailable_and_says_what_to_do(services: Services) -> None:
    releases = ReleaseService(services)
    current_champion(services)
    name = kept_map(services)
    made = releases.create(ADMIN, changes={"retrieval.question_map": name}, reason="a test")
    releases.promote(made.id, ADMIN, reason="a test", override=True)
    path = services.settings.home / FOLDER / f"{name}.npz"
    path.write_bytes(b"something else")
    with pytest.raises(ConflictError, match="its file has changed"):
        releases.verify(made.id)
    champion = Champion(services)
    with pytest.raises(ReleaseUnavailableError, match="its file has changed") as unavailable:
        champion.answerer()
    assert "rollback" in unavailable.value.hint
    champion.close()


def test_names_that_only_people_use_are_learned_from_their_complaints(services: Services) -> None:
    releases = ReleaseService(services)
    current_champion(services)
    subjects = []
    for page, name in NAMES.items():
        says, _ = PAGES[page]
        for number, way in enumerate(WAYS):
            vote = voted_down(services, way.format(name), says, f"{name} {number}")
            subjects.append(diagnosed(services, vote, Cause.RANKING_MISS, f"house/{page}.md", says))
    ended = carry_out(services, fired(services, "refit", subjects))
    assert isinstance(ended.proposal, RefitProposal)
    figures = ended.proposal.figures.question_map
    assert figures is not None
    assert (figures.held_out.difference or 0) > 0.1
    assert "questions taught how others are searched for" in REMEDY.in_words(ended.proposal)
    candidate = releases.get(ended.release_id or "")
    assert candidate.manifest.retrieval.question_map == ended.proposal.changes["retrieval.question_map"]
    retriever = build_answerer(services, candidate, recorded=False).retriever
    right = sum(
        retriever.retrieve(f"I heard of {name}, what is it?", EVERYTHING).passages[0].chunk.uri == f"house/{page}.md"
        for page, name in NAMES.items()
    )
    assert right >= 10


def test_complaints_that_teach_nothing_bring_no_map(services: Services) -> None:
    current_champion(services)
    subjects = []
    for page, (says, question) in PAGES.items():
        for number, way in enumerate(("{}", "Please: {}", "{} Thanks!")):
            vote = voted_down(services, way.format(question), says, f"{page} {number}")
            subjects.append(diagnosed(services, vote, Cause.RANKING_MISS, f"house/{page}.md", says))
    ended = carry_out(services, fired(services, "refit", subjects))
    assert isinstance(ended.proposal, RefitProposal | NothingBetter)
    assert ended.proposal.figures.question_map is not None
    if isinstance(ended.proposal, RefitProposal):
        assert "retrieval.question_map" not in ended.proposal.changes
