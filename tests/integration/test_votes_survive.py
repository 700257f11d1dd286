"""No acknowledged vote is lost and none is doubled: the server killed, its disk full, its database locked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.votes import full_disk, kills, locked, small_disk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def check(found: Mapping[str, Any]) -> None:
    assert found["troubles"] == []
    assert (found["lost"], found["doubled"]) == (0, 0)
    assert found["stored"] == found["acknowledged"] > 0


def test_killed_twenty_times_while_people_vote(tmp_path: Path) -> None:
    found = kills(tmp_path / "home", 20)
    check(found)
    assert found["without_an_answer"] > 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_votes_on_a_full_disk_are_refused_and_taken_when_there_is_room(tmp_path: Path) -> None:
    with small_disk() as mount:
        found = full_disk(mount)
    check(found)
    assert found["refused"] > 0


def test_votes_on_a_locked_database_wait_or_are_refused_and_taken_when_it_is_free(tmp_path: Path) -> None:
    found = locked(tmp_path / "home")
    check(found)
    assert found["refused"] > 0
