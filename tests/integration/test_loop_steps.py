"""The steps of the DAGs that close the loop, called as their tasks call them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from core.errors import ConflictError, InputError
from core.loop.diagnosis import Cause
from core.loop.enums import FiringState
from core.loop.feedback import Firing
from core.settings import load_settings
from core.storage.documents import DocumentRepository
from core.storage.loop.firings import FiringRepository
from core.storage.releases import Decision, ReleaseRepository
from core.storage.tables import trigger_firings
from core.types import document_id
from loop.remedies.catalogue.content import ContentProposal
from loop.remedies.catalogue.reindex import REMEDY, ReindexProposal
from loop.remedies.execution import REMEDIES
from loop.remedies.lifecycle import ABANDONED_AFTER, begin
from loop.remedies.registry import open_firings
from loop.steps import ingest_documents, monitor_feedback, rebuild_index, tune_generator
from loop.steps.firings import announced, note_failure
from loop.triggers.firings import FiringService
from serving.factory import Services, open_services
from serving.prompts.library import load_prompts
from serving.releases.champion import current_champion
from tests.support.bad_answers import diagnosed, fired, voted_down
from tests.support.installed import lay_installation

BY_HAND = {"chunk_tokens": 64, "embedder": None, "language": None, "dry_run": False, "create_candidate": True}
RUN = "Airflow run 1 of a test"


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """An installation with one page; steps read the same settings from the environment."""
    laid = lay_installation(tmp_path, "notes", {"kettle.md": "# Kettle\n\nThe kettle is in the kitchen.\n"})
    monkeypatch.setenv("RAGLOOP_HOME", str(laid.home))
    with closing(open_services(load_settings())) as services:
        yield services


def state(services: Services, firing: Firing) -> Firing:
    stored = open_firings(services.database).get(firing.id)
    assert stored is not None
    return stored


def proposed(services: Services, **changes: Any) -> Firing:
    """A firing for which another index is proposed."""
    firing = fired(services, "reindex")
    return open_firings(services.database).change(firing, FiringState.OPEN, proposal=ReindexProposal(**changes))


@dataclass(frozen=True)
class Event:
    """An asset's event, as Airflow hands it to a task."""

    extra: dict[str, Any] | None


def test_a_run_by_hand_does_what_its_parameters_say(services: Services) -> None:
    order = rebuild_index.order(BY_HAND, [], RUN)
    assert order == {**BY_HAND, "base": None, "refresh": [], "firing": None}


def test_a_run_takes_up_one_firing_and_leaves_the_others_for_the_next(services: Services) -> None:
    first = proposed(services, chunk_tokens=128)
    second = proposed(services, refresh=("notes",))
    order = rebuild_index.order(BY_HAND, [first.id, second.id], RUN)
    assert order is not None
    assert (order["firing"], order["chunk_tokens"], order["refresh"]) == (first.id, 128, [])
    assert state(services, first).state is FiringState.RUNNING
    assert state(services, second).state is FiringState.OPEN
    # The next check announces it again.
    assert monitor_feedback.check()["reindex"] == [second.id]
    again = rebuild_index.order(BY_HAND, [first.id, second.id], "Airflow run 2 of a test")
    assert again is not None
    assert (again["firing"], again["chunk_tokens"], again["refresh"]) == (second.id, None, ["notes"])
    assert again["base"] != "documents"
    assert rebuild_index.order(BY_HAND, [first.id, second.id], "Airflow run 3 of a test") is None


def test_a_task_that_is_tried_again_goes_on_with_its_firing(services: Services) -> None:
    firing = proposed(services, chunk_tokens=128)
    once = rebuild_index.order(BY_HAND, [firing.id], RUN)
    assert rebuild_index.order(BY_HAND, [firing.id], RUN) == once


def test_a_run_that_fails_tells_its_firing_why_and_no_other(services: Services) -> None:
    firing, other = proposed(services, chunk_tokens=128), fired(services, "reindex")
    rebuild_index.order(BY_HAND, [firing.id], RUN)
    note_failure("Airflow run 2 of a test", ConflictError("Not this one."))
    assert state(services, firing).state is FiringState.RUNNING
    note_failure(RUN, ConflictError("The disk is full.", hint="Make room."))
    assert (state(services, firing).state, state(services, firing).detail) == (
        FiringState.FAILED,
        "The disk is full. Make room.",
    )
    assert state(services, other).state is FiringState.OPEN


def test_a_rebuild_for_a_firing_names_it_in_the_candidate(services: Services) -> None:
    firing = proposed(services, chunk_tokens=64)
    order = rebuild_index.order(BY_HAND, [firing.id], RUN)
    assert order is not None
    built = REMEDY.carry_out(services, firing, ReindexProposal(chunk_tokens=64), print)
    release = rebuild_index.candidate(order, built.changes["collection"], RUN)
    ended = state(services, firing)
    assert (ended.state, ended.release_id) == (FiringState.CANDIDATE, release)


def test_a_proposal_is_made_once_and_only_for_what_waits(services: Services) -> None:
    firing = proposed(services, refresh=("notes",))
    assert monitor_feedback.propose(firing.id)
    assert state(services, firing).proposal == ReindexProposal(refresh=("notes",))
    open_firings(services.database).change(firing, FiringState.CLOSED, detail="Dismissed.")
    assert not monitor_feedback.propose(firing.id)


def test_a_proposal_that_cannot_be_made_fails_the_firing_in_words(services: Services) -> None:
    firing = fired(services, "reindex")
    with pytest.raises(ConflictError):
        monitor_feedback.propose(firing.id)
    assert state(services, firing).state is FiringState.FAILED
    assert "too little to choose by" in state(services, firing).detail


def test_content_is_asked_for(services: Services) -> None:
    vote = voted_down(services, "Where is the lamp?", "In the hall.")
    subject = diagnosed(services, vote, Cause.CORPUS_GAP, "notes/kettle.md")
    firing = fired(services, "content", [subject])
    assert monitor_feedback.carry_out(firing.id) is None
    ended = state(services, firing)
    assert ended.state is FiringState.REQUESTED
    assert ended.proposal == ContentProposal(source="notes", questions=("Where is the lamp?",))


def test_a_tuning_by_hand_needs_rows_and_a_base(services: Services) -> None:
    with pytest.raises(InputError, match="needs `dataset`"):
        tune_generator.order({"dataset": None, "base": None, "prompt": None}, [], RUN)
    order = tune_generator.order({"dataset": "rows.jsonl", "base": "model", "prompt": 1}, [], RUN)
    assert order == {"dataset": "rows.jsonl", "base": "model", "prompt": 1, "firing": None}


def test_a_model_is_tuned_to_the_prompt_that_answers_now(services: Services) -> None:
    champion = current_champion(services)
    first = load_prompts()["answer"][1].ref
    older = champion.manifest.model_copy(update={"prompts": {**champion.manifest.prompts, "answer": first}})
    releases = ReleaseRepository(services.database)
    made = Decision("reviewer", "An older prompt.")
    releases.promote(releases.add_candidate(older, made), champion, made)
    order = tune_generator.order({"dataset": "rows.jsonl", "base": "model", "prompt": None}, [], RUN)
    assert order is not None
    assert order["prompt"] == 1


def test_the_firings_of_events_are_told_once_each_in_their_order() -> None:
    events = [Event({"firing": "a"}), Event(None), Event({"firing": "b"}), Event({"firing": "a"})]
    assert announced({"trigger": events}) == ["a", "b"]
    assert announced(None) == []


def test_a_run_does_not_write_over_what_was_done_about_its_firing_meanwhile(services: Services) -> None:
    firing = proposed(services, chunk_tokens=64)
    order = rebuild_index.order(BY_HAND, [firing.id], RUN)
    assert order is not None
    firings = open_firings(services.database)
    firings.change(state(services, firing), FiringState.CLOSED, detail="Closed by Rita: The pages were restored.")
    with pytest.raises(ConflictError, match="Somebody else went on with the firing"):
        rebuild_index.candidate(order, "documents", RUN)
    assert state(services, firing).state is FiringState.CLOSED
    assert ReleaseRepository(services.database).all() == []


def killed(services: Services) -> Firing:
    """A firing whose remedy began so long ago that it must have been killed."""
    firing = fired(services, "reindex")
    begin(open_firings(services.database), firing.id, "one")
    long_ago = datetime.now(UTC) - ABANDONED_AFTER - timedelta(minutes=1)
    with services.database.transaction() as connection:
        connection.execute(update(trigger_firings).values(changed_at=long_ago))
    return firing


def begun_after_it_was_read(services: Services, monkeypatch: pytest.MonkeyPatch, firing: Firing) -> None:
    """Whoever reads the firing next reads it just before another begins it."""
    get = FiringRepository.get

    def read(firings: FiringRepository, firing_id: str) -> Firing | None:
        seen = get(firings, firing_id)
        monkeypatch.setattr(FiringRepository, "get", get)
        begin(firings, firing.id, "another")
        return seen

    monkeypatch.setattr(FiringRepository, "get", read)


def test_of_two_that_take_up_a_killed_remedy_at_once_one_does(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    firing = killed(services)
    begun_after_it_was_read(services, monkeypatch, firing)
    with pytest.raises(ConflictError, match="Somebody else went on with the firing"):
        begin(open_firings(services.database), firing.id, "the second")
    assert state(services, firing).detail == "Begun by another."


def test_a_remedy_that_begins_while_its_firing_is_closed_goes_on(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    firing = fired(services, "reindex")
    begun_after_it_was_read(services, monkeypatch, firing)
    with pytest.raises(ConflictError, match="Somebody else went on with the firing"):
        FiringService(services).close(firing.id, REMEDIES, "Nothing is wrong.")
    assert state(services, firing).state is FiringState.RUNNING


def test_a_remedy_that_was_killed_long_ago_can_be_taken_up_again(services: Services) -> None:
    firings = open_firings(services.database)
    firing = fired(services, "reindex")
    begin(firings, firing.id, "one")
    with pytest.raises(ConflictError, match="its remedy is at work"):
        begin(firings, firing.id, "another")
    long_ago = datetime.now(UTC) - ABANDONED_AFTER - timedelta(minutes=1)
    with services.database.transaction() as connection:
        connection.execute(update(trigger_firings).values(changed_at=long_ago))
    assert begin(firings, firing.id, "another").detail == "Begun by another."


def test_what_the_dag_is_told_about_personal_data_is_done(
    services: Services, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "letters"
    folder.mkdir()
    (folder / "keys.md").write_text("# Keys\n\nWrite to jane.doe@example.com.\n")
    params = {
        "folder": str(folder), "source": None, "access": ["public"], "personal_data": "mask", "allow_mass_delete": False,
        "relocated": False, "dry_run": False,
    }  # fmt: skip
    (portions,) = ingest_documents.plan(RUN, params, 4)
    ingest_documents.process(RUN, portions)
    ingest_documents.commit(RUN)
    ingest_documents.verify(RUN)

    report = ingest_documents.report(RUN)

    assert report["personal_data"]["policy"] == "mask"
    assert "letters/keys.md, personal data: {'email': 1}" in caplog.text
    stored = DocumentRepository(services.database).get(document_id("letters/keys.md"))
    assert stored is not None
    assert "Write to [email]." in stored.text
