"""An erasure that was killed is finished by running it again, wherever it was."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import event, select, update

from core.loop.diagnosis import Cause, Diagnosis, DiagnosisSubject
from core.storage.loop.diagnoses import DiagnosisRepository
from core.storage.loop.feedback import FeedbackRepository
from core.storage.loop.firings import FiringWords
from core.storage.tables import evaluation_answers, evaluation_scores
from loop.erasure.document import ErasedDocument
from serving.adapters.store import AdapterStore
from serving.finetune.registry import register
from tests.support.accepted_feedback import ASKED, HELD
from tests.support.app_world import World
from tests.support.erasable_world import URI, WORDS, erase, files_with, loop, tuning_result
from tests.support.given_feedback import ask, vote
from tests.support.loop_rows import a_place, evidence


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "home").ingest()
    yield world
    world.database.close()


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_an_erasure_that_was_killed_can_be_run_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    loop(world)
    with monkeypatch.context() as patched:
        patched.setattr(FiringWords, "erase", killed)
        with pytest.raises(KeyboardInterrupt):
            erase(world)
    erase(world)
    assert files_with(world.home, *WORDS) == []


@pytest.mark.parametrize("table", ["evaluation_scores", "evaluation_answers"])
def test_scores_say_nothing_of_a_document_though_an_erasure_was_killed_among_them(world: World, table: str) -> None:
    loop(world)
    with world.database.transaction() as connection:
        connection.execute(update(evaluation_scores).values(reason=HELD, detail={"quote": HELD}))

    def kill(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(f"UPDATE {table}"):
            raise KeyboardInterrupt

    event.listen(world.database.engine, "before_cursor_execute", kill)
    with pytest.raises(KeyboardInterrupt):
        erase(world)
    event.remove(world.database.engine, "before_cursor_execute", kill)
    erase(world)
    with world.database.transaction() as connection:
        scores = connection.execute(select(evaluation_scores)).all()
        left = {row.answer_id for row in scores if HELD in str(row)}
        answers = connection.execute(select(evaluation_answers)).all()
    assert scores
    assert left == {row.id for row in answers if row.answer is not None}.intersection(row.answer_id for row in scores)


@pytest.mark.parametrize("stored", [True, False], ids=["in the store", "in MLflow alone"])
def test_an_erasure_that_was_killed_still_names_the_adapters_when_it_is_run_again(
    world: World, monkeypatch: pytest.MonkeyPatch, *, stored: bool
) -> None:
    loop(world)
    store = AdapterStore(world.settings.adapters)
    (digest,) = store.digests()
    if not stored:
        register(world.settings, tuning_result(digest))
        store.remove(digest)
    with monkeypatch.context() as patched:
        patched.setattr(FiringWords, "erase", killed)
        with pytest.raises(KeyboardInterrupt):
            erase(world)
    assert erase(world).adapters == (digest,)
    world.add(URI, "# Holidays\n\nNobody has been away since the office moved to the sea.\n")
    assert erase(world).adapters == ()


def test_a_correction_that_says_what_the_document_says_in_other_words_is_gone_though_nobody_decided(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "Thirty days of leave in a year"
    given = vote(world, ask(world, ASKED), correction=words)
    other = vote(world, ask(world, ASKED), author="ann", correction="Tea at four")
    for each, uri in ((given, URI), (other, "handbook/salaries.md")):
        held = evidence(a_place(uri, HELD))
        found = (each.release_id, "c", 1, "?", Cause.RANKING_MISS, 0.9, "", held, "1")
        DiagnosisRepository(world.database).add(
            Diagnosis(str(uuid.uuid4()), DiagnosisSubject.of_vote(each.id), datetime.now(UTC), *found)
        )
    with monkeypatch.context() as patched:
        patched.setattr(ErasedDocument, "vote", killed)
        with pytest.raises(KeyboardInterrupt):
            erase(world)
    erase(world)
    votes = {vote.author: vote.correction for vote in FeedbackRepository(world.database).since()}
    assert votes == {"ben": "", "ann": "Tea at four"}
    assert files_with(world.home, words) == []
