"""An operator changes a prompt on an installed wheel, in an empty folder: every command of the handbook's page, in order."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.git_repository import git
from tests.support.home import make_home
from tests.support.mock_model import MockModel
from tests.support.wheel import ROOT, Installed, build_wheel

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

PAGE = ROOT / "docs" / "how-to" / "change-a-prompt.md"
TEAMS = [
    "Amber",
    "Basil",
    "Cedar",
    "Delta",
    "Ember",
    "Fern",
    "Garnet",
    "Hazel",
    "Indigo",
    "Juniper",
    "Kestrel",
    "Linden",
    "Maple",
    "Nutmeg",
    "Ochre",
    "Pepper",
    "Quartz",
    "Raven",
    "Saffron",
    "Thistle",
    "Umber",
    "Violet",
    "Willow",
    "Yarrow",
    "Zephyr",
    "Acorn",
    "Birch",
    "Clover",
    "Daisy",
    "Elder",
    "Flint",
    "Ginger",
    "Heather",
    "Ivy",
]


@pytest.fixture(scope="module")
def model() -> Iterator[MockModel]:
    with MockModel(plain=True) as server:
        yield server


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    scratch = tmp_path_factory.mktemp("installed")
    return Installed.of(build_wheel(scratch), scratch)


def write_documents(folder: Path) -> None:
    folder.mkdir()
    for number, team in enumerate(TEAMS, start=10):
        sentence = f"The {team} team keeps its tools in locker {number}."
        (folder / f"{team.lower()}.md").write_text(f"# Tools of the {team} team\n\n{sentence}\n")
    (folder / "travel.md").write_text("# Travel\n\nThe team lead approves travel before the trip.\n")


def write_cases(file: Path) -> None:
    cases = [
        {
            "id": team.lower(),
            "question": f"Where does the {team} team keep its tools?",
            "answer": f"In locker {number}.",
            "evidence": [
                {"uri": f"documents/{team.lower()}.md", "quote": f"The {team} team keeps its tools in locker {number}."}
            ],
        }
        for number, team in enumerate(TEAMS, start=10)
    ]
    file.write_text("".join(json.dumps(case) + "\n" for case in cases))


def page_commands() -> list[str]:
    blocks = re.findall(r"```(?:console|sh)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_every_command_of_the_page_works_and_the_answers_record_names_the_new_version(
    installed: Installed, model: MockModel, tmp_path: Path
) -> None:
    settings = {
        "RAGLOOP_HOME": str(make_home(tmp_path)),
        "RAGLOOP_MODEL_URL": model.url,
        "RAGLOOP_PROMPTS_FOLDER": str(installed.folder / "prompts"),
    }
    installed_prompts = Path(settings["RAGLOOP_PROMPTS_FOLDER"])
    installed_prompts.mkdir()
    git(installed_prompts, "init", "--quiet")
    git(installed_prompts, "commit", "--quiet", "--allow-empty", "--message", "prompts of ours")

    def ragloop(*words: str, key: str = "") -> dict[str, Any]:
        return installed.ragloop(*words, **settings, **({"RAGLOOP_API_KEY": key} if key else {}))

    write_documents(installed.folder / "documents")
    write_cases(installed.folder / "cases.jsonl")
    assert ragloop("ingest", "documents")["documents"]["added"] == len(TEAMS) + 1
    keys = {role: ragloop("keys", "create", role, "--role", role)["key"] for role in ("review", "approve", "admin")}
    served = ragloop(
        "release", "create", "--set", "generator.kind=llm", "--set", "generator.base_model=base", key=keys["review"]
    )["id"]
    ragloop("release", "promote", served, "--override", "--reason", "a model answers", key=keys["admin"])
    before = ragloop("ask", "Who approves travel?")

    values = {"0b5f0d4e-8f0b-4c39-9d3c-2f0f9c1f7a11": before["interaction_id"], "handbook": "cases.jsonl"}
    said: dict[str, dict[str, Any]] = {}
    commit = ""
    for command in page_commands():
        words = [values.get(word, word) for word in shlex.split(command)[1:]]
        if words[:2] == ["eval", "run"]:
            words += ["--gate", "--no-track"]
        name = " ".join(words[:2])
        said[name] = ragloop(
            *words, key=keys["approve" if name in ("release approve", "release promote") else "review"]
        )
        print(f"$ ragloop {shlex.join(words)}\n{json.dumps(said[name])[:240]}")
        if name == "prompts new":
            edit(Path(said[name]["file"]))
            git(installed_prompts, "add", ".")
            git(installed_prompts, "commit", "--quiet", "--message", "shorter answers")
            commit = git(installed_prompts, "rev-parse", "HEAD")
        if name == "release create":
            values["3f2a9c"] = said[name]["id"]

    answered = said["ask Who approves travel?"]
    assert answered["release"] == values["3f2a9c"]
    shown = ragloop("prompts", "render", "answer", "--interaction", answered["interaction_id"])
    reference = said["release create"]["manifest"]["prompts"]["answer"]
    print(json.dumps(shown["record"], indent=2))
    assert shown["record"] == {
        "name": "answer", "version": 3, "sha256": reference["sha256"], "used": True,
        "commit": commit, "path": "answer/3.yaml", "modified": False,
    }  # fmt: skip
    assert "Write short sentences" in model.bodies[-1]["messages"][0]["content"]


def edit(file: Path) -> None:
    text = file.read_text()
    changed = text.replace("Write plain sentences", "Write short sentences")
    assert changed != text
    file.write_text(changed)
