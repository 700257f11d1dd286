"""No acknowledged vote is lost and none is doubled: the server killed, its disk full, its database locked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.votes import full_disk, kills, locked, small_disk
from tests.support.needs import Need, requires

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def check(found: Mapping[str, Any]) -> None:
    assert found["troubles"] == []
    assert (found["lost"], found["doubled"]) == (0, 0)
    assert found["stored"] == found["acknowledged"] > 0


@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.nightly)])
def test_killed_while_people_vote(tmp_path: Path, times: int) -> None:
    found = kills(tmp_path / "home", times)
    check(found)
    assert found["without_an_answer"] > 0


@requires(Need.ROOT)
def test_votes_on_a_full_disk_are_refused_and_taken_when_there_is_room(tmp_path: Path) -> None:
    with small_disk() as mount:
        found = full_disk(mount)
    check(found)
    assert found["refused"] > 0


def test_votes_on_a_locked_database_wait_or_are_refused_and_taken_when_it_is_free(tmp_path: Path) -> None:
    found = locked(tmp_path / "home")
    check(found)
    assert found["refused"] > 0
