"""Firings are kept with what became of them, and a trigger fires once, however many look at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import ConflictError
from core.loop.enums import FiringState
from core.loop.feedback import Firing
from core.storage.database import Database
from loop.remedies.catalogue.reindex import ReindexProposal
from loop.remedies.registry import open_firings
from tests.support.loop_rows import some_evidence

PROPOSED = ReindexProposal(chunk_tokens=64)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
FIRING = Firing("f" * 36, "ranking_miss", "reindex", NOON, "Said.", some_evidence("feedback:1"), FiringState.OPEN, NOON)


def test_a_firing_comes_back_as_it_was_by_the_beginning_of_its_id_too(database: Database) -> None:
    firings = open_firings(database)
    firings.add(FIRING)
    assert firings.get(FIRING.id) == firings.get("ffff") == FIRING
    firings.add(replace(FIRING, id="f" * 35 + "0", at=NOON + timedelta(hours=1)))
    assert firings.get("ffff") is None  # which of the two?
    assert firings.get("%") is None
    assert [each.id[-1] for each in firings.all()] == ["0", "f"]


def test_what_becomes_of_a_firing_is_kept_and_what_is_not_said_stays(database: Database) -> None:
    firings = open_firings(database)
    firings.add(FIRING)
    running = firings.change(FIRING, FiringState.RUNNING, proposal=PROPOSED)
    failed = firings.change(running, FiringState.FAILED, detail="The index is down.")
    found = firings.get(FIRING.id)
    assert found == failed
    assert (found.state, found.proposal, found.detail) == (FiringState.FAILED, PROPOSED, "The index is down.")
    assert found.evidence == FIRING.evidence


@pytest.mark.parametrize("meanwhile", [FiringState.CLOSED, FiringState.RUNNING, FiringState.CANDIDATE])
def test_what_somebody_else_did_about_a_firing_meanwhile_is_not_written_over(
    database: Database, meanwhile: FiringState
) -> None:
    firings = open_firings(database)
    firings.add(FIRING)
    theirs = firings.change(FIRING, meanwhile, detail="By somebody else.")
    with pytest.raises(ConflictError, match="Somebody else went on with the firing ffffffff first") as caught:
        firings.change(FIRING, FiringState.OPEN, proposal=PROPOSED)
    assert "ragloop triggers show ffffffff" in caught.value.hint
    assert firings.get(FIRING.id) == theirs


def test_a_firing_that_came_back_to_its_state_is_not_the_one_that_was_seen(database: Database) -> None:
    firings = open_firings(database)
    firings.add(FIRING)
    first = firings.change(FIRING, FiringState.RUNNING, detail="One.")
    second = firings.change(firings.change(first, FiringState.FAILED), FiringState.RUNNING, detail="Two.")
    with pytest.raises(ConflictError):
        firings.change(first, FiringState.CANDIDATE)
    assert firings.get(FIRING.id) == second


def test_a_trigger_that_fired_meanwhile_does_not_fire_twice(database: Database) -> None:
    firings = open_firings(database)
    assert firings.add_next(FIRING, None)
    assert not firings.add_next(replace(FIRING, id="another"), None)
    assert firings.add_next(replace(FIRING, id="later", at=NOON + timedelta(days=1)), FIRING.id)
    assert firings.add_next(replace(FIRING, id="other trigger", trigger="corpus_gap"), None)


def test_of_many_checks_at_once_one_fires(database: Database) -> None:
    firings = open_firings(database)
    with ThreadPoolExecutor(8) as pool:
        stored = list(pool.map(lambda number: firings.add_next(replace(FIRING, id=f"f-{number}"), None), range(24)))
    assert stored.count(True) == 1
    assert len(firings.all()) == 1
