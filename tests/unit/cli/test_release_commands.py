"""`ragloop release`: making, deciding and switching, in whose name, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.cli.actor import current_actor
from core.errors import AuthenticationError
from core.settings import Settings, load_settings
from core.storage.api_keys import ApiKeyRepository
from core.storage.database import Database
from core.storage.evals.evaluations import EvaluationRepository
from core.types import PUBLIC, Role
from serving.factory import open_services
from serving.releases.champion import current_champion
from tests.support.command import run, run_json
from tests.support.installed import lay_installation


@pytest.fixture
def settings() -> Settings:
    return load_settings()


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database.open(settings)
    yield database
    database.close()


@pytest.fixture
def installed(tmp_path: Path) -> Settings:
    """An installation with one document and a champion."""
    page = "# Travel\n\nThe team lead approves travel expenses before the trip.\n"
    settings = lay_installation(tmp_path, "policies", {"travel.md": page})
    with closing(open_services(settings)) as services:
        current_champion(services)
    return settings


def make_key(database: Database, name: str, *roles: Role) -> str:
    return ApiKeyRepository(database).create(name, (PUBLIC,), None, roles)[1]


def test_without_a_key_the_person_at_a_development_machine_acts_and_may_do_everything(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "ann")
    actor = current_actor(settings, database)
    assert actor.name == "ann"
    assert actor.roles == frozenset(Role)


def test_a_person_without_a_name_acts_under_a_number(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert current_actor(settings, database).name.startswith("user ")


def test_a_key_acts_under_its_name_with_its_roles(settings: Settings, database: Database) -> None:
    key = make_key(database, "bob", Role.REVIEW)
    actor = current_actor(load_settings(home=settings.home, api_key=key), database)
    assert (actor.name, actor.roles) == ("bob", {Role.REVIEW})


@pytest.mark.parametrize("overrides", [{"api_key": "rl_0_no"}, {"api_key": ""}, {"environment": "production"}])
def test_a_bad_key_acts_for_nobody_and_in_production_none_is_no_way_in(
    settings: Settings, database: Database, overrides: dict[str, Any]
) -> None:
    with pytest.raises(AuthenticationError) as refused:
        current_actor(load_settings(home=settings.home, **overrides), database)
    assert "ragloop keys create" in refused.value.hint


def test_a_candidate_is_made_verified_promoted_rolled_back_and_looked_up(
    installed: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    code, made = run_json(
        capsys,
        "release",
        "create",
        "--set",
        "retrieval.top_k=3",
        "--set",
        "prompt.answer=1",
        "--name",
        "fewer passages",
        "--reason",
        "answers wander",
    )
    assert code == 0
    assert made.keys() == {"id", "name", "status", "manifest", "created_by", "created_at"}
    assert (made["status"], made["manifest"]["retrieval"]["top_k"]) == ("candidate", 3)
    short = made["id"][:10]
    code, verified = run_json(capsys, "release", "verify", short)
    assert (code, verified["release_id"], verified["probes"]) == (0, made["id"], ["Travel"])

    code, refused = run_json(capsys, "release", "promote", short)
    assert (code, refused["error"]["type"]) == (2, "conflict_error")
    code, out, err = run(capsys, "release", "promote", short, "--override", "--reason", "a test")
    assert (code, out) == (0, f"{made['id']}  champion\n")
    assert "ragloop release rollback" in err
    assert run_json(capsys, "release", "list")[1]["champion"] == made["id"]
    code, back = run_json(capsys, "release", "rollback", "--reason", "a test")
    assert (code, back["status"]) == (0, "champion")
    assert back["id"] != made["id"]

    code, trail = run_json(capsys, "release", "history", short)
    assert [event["event"] for event in trail["events"]] == ["created", "overridden", "rolled_back"]
    code, out, _ = run(capsys, "release", "history")
    assert [line.split()[3] for line in out.splitlines() if not line.startswith(" ")] == [
        "installed", "created", "replaced", "overridden", "rolled_back", "restored",
    ]  # fmt: skip


def test_lists_say_what_a_release_is_called_why_it_was_made_and_what_it_changes_against_the_champion(
    installed: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    _, made = run_json(
        capsys, "release", "create", "--set", "retrieval.top_k=3", "--name", "fewer", "--reason", "answers wander"
    )
    _, out, _ = run(capsys, "release", "list")
    first, why, changes, champion = out.splitlines()[:4]
    assert first.split()[0] == made["id"][:12]
    assert first.endswith("candidate   fewer")
    assert (why, changes) == ("    answers wander", "    against the champion: retrieval.top_k 8 → 3")
    assert champion.endswith("champion")
    _, listed = run_json(capsys, "release", "list")
    newest = listed["releases"][0]
    assert (newest["name"], newest["why"]) == ("fewer", "answers wander")
    assert newest["changes"] == [{"path": "retrieval.top_k", "baseline": 8, "candidate": 3}]
    _, out, _ = run(capsys, "release", "show", made["id"][:10])
    assert out.splitlines()[:3] == [
        f"{made['id']}  candidate  fewer", "answers wander", "Against the champion: retrieval.top_k 8 → 3",
    ]  # fmt: skip


def test_two_people_approve_what_one_made_or_one_of_them_rejects_it(
    installed: Settings, database: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, made = run_json(capsys, "release", "create", "--set", "retrieval.top_k=3", "--reason", "fewer")
    code, refused = run_json(capsys, "release", "approve", made["id"], "--reason", "good")
    assert (code, refused["error"]["type"]) == (2, "permission_error")
    monkeypatch.setenv("RAGLOOP_API_KEY", make_key(database, "bob", Role.REVIEW, Role.APPROVE))
    code, refused = run_json(capsys, "release", "approve", made["id"], "--reason", "good")
    assert (code, refused["error"]["type"]) == (2, "conflict_error")
    assert "ragloop eval run" in refused["error"]["hint"]
    assert run(capsys, "release", "reject", made["id"])[0] == 2  # without a reason
    code, out, _ = run(capsys, "release", "reject", made["id"], "--reason", "slower")
    assert (code, out.split()[1]) == (0, "rejected")
    assert EvaluationRepository(database).latest() == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["create", "--set", "retrieval.top_k"], "PATH=VALUE"),
        (["create", "--set", "=3"], "PATH=VALUE"),
        (["create", "--set", "retrieval.top_k=3", "--set", "retrieval.top_k=4"], "twice"),
        (["create", "--set", "retrieval.topk=3"], "retrieval.topk"),
        (["create", "--from", "ffff", "--set", "retrieval.top_k=3"], "ffff"),
        (["create"], "champion's own"),
        (["verify", "ffff"], "ffff"),
        (["approve", "ffff", "--reason", "x"], "ffff"),
        (["rollback"], "reason"),
        (["rollback", "--reason", "x"], "no champion before"),
        (["history", "ffff"], "ffff"),
    ],
)
def test_what_cannot_be_done_is_said_with_a_hint(
    installed: Settings, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    code, out, err = run(capsys, "release", *words)
    assert (code, out) == (2, "")
    message, hint = err.strip().splitlines()[-2:]
    assert said in message
    assert hint


def test_reading_needs_no_key_in_production_and_deciding_does(
    installed: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGLOOP_ENVIRONMENT", "production")
    assert run_json(capsys, "release", "history")[0] == 0
    code, refused = run_json(capsys, "release", "create", "--set", "retrieval.top_k=3")
    assert (code, refused["error"]["type"]) == (2, "authentication_error")
    assert json.dumps(refused).count("RAGLOOP_API_KEY") == 1
