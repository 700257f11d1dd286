"""`ragloop triggers`: what fires, what is done about it by hand, in whose name, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.loop.diagnosis import Cause
from core.loop.enums import FiringState
from core.loop.feedback import Firing
from core.storage.api_keys import ApiKeyRepository
from core.types import Role
from loop.remedies.registry import open_firings
from loop.triggers.monitor import Checked, Monitor
from tests.support.app_world import World
from tests.support.command import run, run_json
from tests.support.loop_rows import some_evidence
from tests.support.monitored_answers import vote

NOW = datetime.now(UTC)


@pytest.fixture
def world(home: Path) -> Iterator[World]:
    world = World(home).ingest()
    yield world
    world.services.close()


def complaints(world: World, cause: Cause = Cause.CORPUS_GAP) -> None:
    for author in ("Anna", "Ben", "Cem"):
        vote(world, author, cause, question=f"Where does {author} park?")


def firing(world: World, state: FiringState = FiringState.OPEN, name: str = "a", **more: object) -> Firing:
    made = Firing(
        name * 36,
        "corpus_gap",
        "content",
        NOW - timedelta(hours=1),
        "Said \x1b[31m.",
        some_evidence(),
        state,
        NOW,
        detail="So far.",
    )
    open_firings(world.database).add(made)
    return made


def test_a_check_tells_how_far_every_trigger_is_and_a_dry_run_stores_nothing(
    capsys: pytest.CaptureFixture[str], world: World
) -> None:
    complaints(world)
    code, out, err = run(capsys, "triggers", "check", "--dry-run")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines() if line.endswith("fires")] == ["corpus_gap"]
    assert "ranking_miss" in out
    assert "too little to measure" in out
    assert run_json(capsys, "triggers", "list")[1] == {"firings": []}
    assert "--dry-run" not in err


def test_what_fires_is_listed_shown_and_carried_out(capsys: pytest.CaptureFixture[str], world: World) -> None:
    complaints(world)
    code, checked = run_json(capsys, "triggers", "check")
    (fired,) = checked["fired"]
    assert (code, fired["trigger"], fired["remedy"], fired["state"]) == (0, "corpus_gap", "content", "open")
    held = {each["trigger"]: each["held"] for each in checked["triggers"]}
    assert (held["corpus_gap"], held["ranking_miss"], held["refusal_rate"]) == (None, "below", "unmeasured")
    assert run_json(capsys, "triggers", "check")[1]["fired"] == []

    assert run_json(capsys, "triggers", "list", "--state", "open")[1]["firings"][0]["id"] == fired["id"]
    assert run_json(capsys, "triggers", "list", "--trigger", "ranking_miss")[1]["firings"] == []
    assert run_json(capsys, "triggers", "show")[1] == fired
    _, out, err = run(capsys, "triggers", "show", fired["id"][:8])
    assert "The documents do not hold what was asked." in out
    assert f"ragloop triggers run {fired['id'][:8]}" in err

    code, done = run_json(capsys, "triggers", "run", fired["id"][:8])
    assert (code, done["state"]) == (0, "requested")
    assert sorted(done["proposal"]["questions"]) == [
        "Where does Anna park?",
        "Where does Ben park?",
        "Where does Cem park?",
    ]
    code, refused = run_json(capsys, "triggers", "run", fired["id"][:8])
    assert (code, refused["error"]["type"]) == (2, "conflict_error")


def test_votes_that_weigh_nothing_yet_are_told_of(capsys: pytest.CaptureFixture[str], world: World) -> None:
    for number in range(3):
        vote(world, "you", Cause.RANKING_MISS, question=f"Who approves {number}?")
    _, out, err = run(capsys, "triggers", "check", "--dry-run")
    assert "3 negative votes weigh nothing until a person accepts them" in err
    assert next(line.split()[1:4] for line in out.splitlines() if "ranking_miss" in line) == ["0", "of", "5"]


def test_a_firing_is_closed_with_a_reason_once(capsys: pytest.CaptureFixture[str], world: World) -> None:
    firing(world, FiringState.REQUESTED)
    assert run_json(capsys, "triggers", "close", "aaaa")[1]["error"]["message"].startswith("A reason")
    code, closed = run_json(capsys, "triggers", "close", "aaaa", "--reason", "It is written.")
    assert (code, closed["state"]) == (0, "closed")
    assert closed["detail"].endswith(": It is written.")
    code, refused = run_json(capsys, "triggers", "close", "aaaa", "--reason", "Again.")
    assert (code, refused["error"]["type"]) == (2, "conflict_error")


def test_a_remedy_at_work_is_not_closed(capsys: pytest.CaptureFixture[str], world: World) -> None:
    firing(world, FiringState.RUNNING)
    code, refused = run_json(capsys, "triggers", "close", "aaaa", "--reason", "Enough.")
    assert code == 2
    assert "is at work: So far." in refused["error"]["message"]


def test_a_trigger_is_fired_by_hand_with_a_reason_whatever_its_threshold(
    capsys: pytest.CaptureFixture[str], world: World
) -> None:
    vote(world, "Anna", Cause.CORPUS_GAP, question="Where does Anna park?")
    code, refused = run_json(capsys, "triggers", "run", "--trigger", "corpus_gap")
    assert (code, refused["error"]["type"]) == (2, "invalid_request_error")
    code, done = run_json(capsys, "triggers", "run", "--trigger", "corpus_gap", "--reason", "The office moves.")
    assert (code, done["state"]) == (0, "requested")
    assert done["reason"].endswith(", by hand: The office moves.")
    assert done["proposal"]["questions"] == ["Where does Anna park?"]
    code, refused = run_json(capsys, "triggers", "run", "--trigger", "corpus_gap", "--reason", "Once more.")
    assert (code, refused["error"]["type"]) == (2, "conflict_error")
    assert done["id"][:8] in refused["error"]["message"]


def test_a_trigger_whose_candidate_was_decided_on_can_be_fired_by_hand_at_once(
    capsys: pytest.CaptureFixture[str], world: World
) -> None:
    assert world.release is not None
    earlier = firing(world, FiringState.CANDIDATE)
    open_firings(world.database).change(earlier, FiringState.CANDIDATE, release_id=world.release.id)
    code, done = run_json(capsys, "triggers", "run", "--trigger", "corpus_gap", "--reason", "The office moves.")
    assert (code, done["state"]) == (0, "requested")
    _, ended = run_json(capsys, "triggers", "show", earlier.id)
    assert (ended["state"], ended["detail"]) == ("closed", "Its candidate was promoted.")


def test_a_trigger_that_fires_while_a_person_fires_it_is_not_fired_twice(
    capsys: pytest.CaptureFixture[str], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Monitor.look

    def while_another_fires(monitor: Monitor, now: datetime) -> Checked:
        firing(world)
        return look(monitor, now)

    monkeypatch.setattr(Monitor, "look", while_another_fires)
    code, refused = run_json(capsys, "triggers", "run", "--trigger", "corpus_gap", "--reason", "The office moves.")
    assert (code, refused["error"]["message"]) == (2, "The trigger corpus_gap fired just now.")
    assert len(open_firings(world.database).all()) == 1


def test_another_remedy_may_be_chosen_by_hand(capsys: pytest.CaptureFixture[str], world: World) -> None:
    words = ("triggers", "run", "--trigger", "ranking_miss", "--remedy", "content", "--reason", "Nothing ranks.")
    code, done = run_json(capsys, *words)
    assert (code, done["trigger"], done["remedy"], done["state"]) == (0, "ranking_miss", "content", "requested")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run"], "Name a firing"),
        (["run", "aaaa", "--trigger", "corpus_gap"], "Name a firing"),
        (["run", "aaaa", "--remedy", "content"], "--remedy goes with --trigger"),
        (["run", "--trigger", "moon", "--reason", "x"], "no trigger 'moon'"),
        (["run", "bbbb"], "no single firing 'bbbb'"),
        (["show", "%"], "no single firing '%'"),
        (["show"], "No trigger has fired yet"),
        (["close", "", "--reason", "x"], "no single firing"),
    ],
)
def test_what_cannot_be_done_is_said(
    capsys: pytest.CaptureFixture[str], world: World, words: list[str], said: str
) -> None:
    code, refused = run_json(capsys, "triggers", *words)
    assert code == 2
    assert said in refused["error"]["message"]


def test_only_reviewers_do_something_about_a_firing(
    capsys: pytest.CaptureFixture[str], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    firing(world)
    _, text = ApiKeyRepository(world.database).create("Ann", ("public",), None, [Role.CHAT])
    monkeypatch.setenv("RAGLOOP_API_KEY", text)
    for words in (
        ["run", "aaaa"],
        ["run", "--trigger", "corpus_gap", "--reason", "x"],
        ["close", "aaaa", "--reason", "x"],
    ):
        code, refused = run_json(capsys, "triggers", *words)
        assert (code, refused["error"]["type"]) == (2, "permission_error")
    found = open_firings(world.database).get("aaaa")
    assert found is not None
    assert found.state is FiringState.OPEN


def test_what_people_wrote_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str], world: World) -> None:
    firing(world)
    _, out, _ = run(capsys, "triggers", "show", "aaaa")
    assert "\x1b" not in out


def test_a_broken_file_of_rules_is_an_error_that_names_it(
    capsys: pytest.CaptureFixture[str], world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RAGLOOP_TRIGGERS_FILE", str(tmp_path / "gone.yaml"))
    code, refused = run_json(capsys, "triggers", "check")
    assert code == 2
    assert "gone.yaml" in refused["error"]["message"]
