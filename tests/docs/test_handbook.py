"""What the README and the handbook say is so: links lead somewhere, commands and settings exist and work."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
import typer.main

from app.cli.main import application, main
from core.settings import PREFIX, Settings
from tests.support.home import make_home

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
TARGETS = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

# Commands of other programs, and the test that runs them.
ELSEWHERE = {
    "git": "tests/e2e/test_demo.py clones and runs the demo",
    "make": "tests/e2e/test_demo.py",
    "curl": "tests/integration/test_api.py covers the route",
    "airflow": "tests/dags runs the same command",
    "docker": "no container engine in CI; tests/deploy holds the compose file to what the handbook says",
    "make-env.sh": "tests/deploy/test_make_env.py",
    "make-metrics-key.sh": "needs a container engine",
}


def console_lines(kind: str = "console") -> Iterator[tuple[str, str]]:
    """(page, command) of every line of every block of a kind; a line that ends with a backslash goes on. Console blocks
    are run below as they stand; sh blocks need names or ids that earlier commands print, and are run with them by
    tests/unit/cli/test_index_commands.py and tests/e2e/test_release_loop.py."""
    for page in PAGES:
        for block in re.findall(rf"```{kind}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                for command in line.split(" && "):
                    yield str(page.relative_to(ROOT)), command.strip()


def inline_commands() -> Iterator[tuple[str, str]]:
    """(page, command) of every `ragloop …` in running text."""
    for page in PAGES:
        for command in re.findall(r"`(ragloop [^`]+)`", page.read_text(encoding="utf-8")):
            yield str(page.relative_to(ROOT)), command


def words_of(command: str) -> list[str]:
    """The arguments behind `ragloop`, comments cut off."""
    words = shlex.split(command, comments=True)
    return words[1:] if Path(words[0]).name == "ragloop" else words


@pytest.mark.parametrize(("page", "command"), [*console_lines(), *console_lines("sh"), *inline_commands()])
def test_every_command_in_the_documentation_exists(page: str, command: str) -> None:
    words = shlex.split(command, comments=True)
    program = Path(words[0]).name
    if program == "ragloop":
        parse(words[1:])
    elif program == "make":
        assert next(word for word in words[1:] if "=" not in word) in TARGETS
    elif program == "export":
        assert words[1].split("=")[0].removeprefix(PREFIX).lower() in Settings.model_fields
    else:
        assert program in (*ELSEWHERE, "cd")


@cache
def the_command() -> click.Command:
    return typer.main.get_command(application)


def parse(words: list[str]) -> None:
    """Let click parse the words as it would, without running anything. An ellipsis or a bare group is not an error."""
    command = the_command()
    context = click.Context(command, info_name="ragloop")
    while isinstance(command, click.Group):
        name = words.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"there is no command {name}"
        command = found
        if not words and isinstance(command, click.Group):
            return
    command.make_context(command.name, words, parent=context, resilient_parsing="FOLDER" in words)


@pytest.mark.timeout(400)
def test_the_commands_of_the_handbook_work_in_the_order_a_newcomer_runs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "travel.md").write_text("# Travel\n\nThe team lead approves travel expenses before the trip.\n")
    monkeypatch.setenv("RAGLOOP_HOME", str(make_home(tmp_path, database=False)))
    ran = []
    for page, command in console_lines():
        words = words_of(command)
        if Path(shlex.split(command)[0]).name != "ragloop" or words[0] == "serve" or page.endswith("server.md"):
            continue  # serve runs for ever (tests/e2e); a Qdrant server is not at hand
        words = [str(folder) if word == "path/to/folder" else word for word in words]
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code in (0, None), (page, command, capsys.readouterr().err)
        ran.append(words[0])
    assert {"ingest", "ask", "doctor", "keys"} <= set(ran)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_that_exists(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented_with_its_default_and_meaning(name: str) -> None:
    field = Settings.model_fields[name]
    default = "" if field.default is None else f"`{field.default}`"
    row = f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |"
    assert field.description
    assert row in (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")


def test_no_variable_is_named_that_is_not_a_setting() -> None:
    for page in PAGES:
        for name in re.findall(rf"\b{PREFIX}([A-Z_]*[A-Z])\b", page.read_text(encoding="utf-8")):
            assert name.lower() in Settings.model_fields, (page, name)


def test_every_page_of_the_handbook_is_reachable_from_its_index() -> None:
    seen: set[Path] = set()
    queue = [ROOT / "docs" / "index.md", ROOT / "README.md"]
    while queue:
        page = queue.pop()
        if page in seen:
            continue
        seen.add(page)
        for target in re.findall(r"\]\(([^)#]+\.md)", page.read_text(encoding="utf-8")):
            queue.append((page.parent / target).resolve())
    decisions = ROOT / "docs" / "decisions"
    assert {page for page in PAGES if decisions not in page.parents} <= seen
