"""A walk-through has an installation of its own and leaves the person's alone."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from core.errors import ConflictError
from core.settings import load_settings
from core.types import Role
from tools.walk_through.installation import Installation, fresh_folder
from tools.walk_through.narration import Story, StoryError


def test_nothing_of_the_persons_own_settings_reaches_the_walk_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGLOOP_QDRANT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("RAGLOOP_API_KEY", "rl_somebody")
    settings = load_settings(home=tmp_path / "own")
    home = fresh_folder(settings, "retrieval")
    installation = Installation(home, Story("Title", "Introduction."), {"chunk_tokens": "64"})
    shown = installation.ragloop("doctor", "--settings", told=False)["settings"]
    value = {name.removeprefix("RAGLOOP_"): shown[name]["value"] for name in shown}
    assert value["HOME"] == str(home)
    assert value["CHUNK_TOKENS"] == "64"
    assert value["QDRANT_URL"] is None
    assert value["API_KEY"] is None


def test_what_is_shown_to_be_typed_first_lets_a_person_use_the_command_on_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = fresh_folder(load_settings(home=tmp_path), "retrieval")
    Installation(home, Story("Title", "Introduction."), {"chunk_tokens": "64"})
    lines = capsys.readouterr().out.splitlines()
    typed = "\n".join(line.partition("$ ")[2] for line in lines if "$ " in line)
    script = f"shopt -s expand_aliases\n{typed}\nragloop doctor --settings --json"
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    ran = subprocess.run(["bash", "-c", script], env=bare, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout)["settings"]["RAGLOOP_HOME"]["value"] == str(home)


def test_a_command_that_fails_ends_the_story_with_its_message_and_hint(tmp_path: Path) -> None:
    home = fresh_folder(load_settings(home=tmp_path), "retrieval")
    installation = Installation(home, Story("Title", "Introduction."), {})
    with pytest.raises(StoryError, match=r"`ragloop release show nothing` failed: There is no") as failed:
        installation.ragloop("release", "show", "nothing")
    assert "ragloop release list" in failed.value.hint


def test_a_second_walk_through_starts_from_nothing_and_no_folder_of_others_is_emptied(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    first = fresh_folder(settings, "retrieval")
    (first / "left.txt").write_text("from the first")
    (tmp_path / "models" / "kept").write_text("the converted model")
    assert not (fresh_folder(settings, "retrieval") / "left.txt").exists()
    assert (tmp_path / "models" / "kept").exists()

    others = tmp_path / "loop" / "mine"
    others.mkdir()
    (others / "thesis.txt").write_text("precious")
    with pytest.raises(ConflictError, match="was not made by a walk-through"):
        fresh_folder(settings, "mine")
    assert (others / "thesis.txt").read_text() == "precious"


def test_a_server_that_is_gone_ends_the_story_and_names_its_log(tmp_path: Path) -> None:
    home = fresh_folder(load_settings(home=tmp_path), "retrieval")
    installation = Gone(home, Story("Title", "Introduction."), {})
    installation.person("ana")
    with installation.serving(), pytest.raises(StoryError, match="POST /v1/chat/completions got no answer") as failed:
        installation.ask("ana", "Who is there?")
    assert "server.log" in failed.value.hint


class Gone(Installation):
    """Whose server has stopped before anything was asked."""

    def person(self, name: str, *roles: Role) -> None:
        self._keys[name] = "rl_somebody"

    @contextmanager
    def serving(self) -> Iterator[None]:
        with httpx.Client(base_url=self.address) as self._client:
            yield
