"""`ragloop prompts`: what models are asked, in which versions, and what that comes to with a question put in."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.console import JsonOption, note, print_json, say, visible
from core.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from app.prompt_shelf import PromptShelf
    from core.settings import Settings
    from core.storage.database import Database
    from core.types import Turn
    from serving.prompts.template import PromptTemplate

application = typer.Typer(help="See, compare, render and write prompts: what models are asked.", no_args_is_help=True)

# More than any prompt can hold.
_LARGEST_VALUES = 8_000_000

PromptName = Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="The prompt; its newest version by default.")]


@application.command("list")
def list_prompts(as_json: JsonOption = False) -> None:
    """List all prompts with their versions, from where each is, and which releases answer with them.

    \b
    released  comes with RAGLoop, or was used by a release or an evaluation, and never changes
    draft     was not used yet
    edited    is no longer what was used: what was used is on record and goes on
    gone      was used, and its file is not there any more
    broken    cannot be used, and why
    """
    from app.prompt_shelf import misnamed_file

    with _shelf() as shelf:
        rows = shelf.described()
    for file in shelf.misnamed:
        note(misnamed_file(file))
    if as_json:
        print_json({"prompts": rows})
        return
    for row in rows:
        say(f"{row['name'] + '@' + str(row['version']):22}  {row['state']:8}  {row['from']:7}  {row['description']}")
        if row["from"] == "folder":
            say(" " * 43 + row["file"])
        if row["problem"] and row["state"] != "broken":
            say(" " * 43 + row["problem"])
        if row["used_by"]:
            say(" " * 43 + "used by " + ", ".join(f"{by['status']} {by['release'][:12]}" for by in row["used_by"]))


@application.command()
def show(name: PromptName, as_json: JsonOption = False) -> None:
    """Show a prompt: its file, or the text on record of a version that was used."""
    with _shelf() as shelf:
        prompt, version = shelf.find(name)
        text, described = shelf.text(prompt, version), shelf.description(prompt, version)
    if as_json:
        print_json({**described, "text": text})
        return
    if described["problem"]:
        note(described["problem"])
    sys.stdout.write(text)


@application.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The prompt, such as answer.")],
    start: Annotated[
        int | None, typer.Option("--from", metavar="VERSION", help="The version to begin with. Default: the newest.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Begin a new version of a prompt: a copy of another under the next number, in your own folder of prompts.

    The folder is RAGLOOP_PROMPTS_FOLDER, or `prompts` in the home folder; it is made if it is not there.
    """
    from core.settings import load_settings
    from serving.prompts.draft import begin_draft, make_folder

    folder = load_settings().prompts
    make_folder(folder)
    with _shelf() as shelf:
        prompt, version = shelf.find(name if start is None else f"{name}@{start}")
        number = shelf.next_version(prompt)
        path = begin_draft(folder, prompt, number, shelf.written(prompt, version))
    steps = _next_steps(prompt, number)
    if as_json:
        print_json({"name": prompt, "version": number, "from": version, "file": str(path), "next": steps})
        return
    say(str(path))
    note(f"A copy of {prompt}@{version}. Edit it, then:")
    for step in steps:
        note(f"  {step}")


def _next_steps(name: str, version: int) -> list[str]:
    from serving.prompts.template import GIVEN

    if name not in GIVEN:
        return [f"ragloop prompts show {name}@{version}", "ragloop eval calibrate FILE"]
    return [
        f"ragloop prompts render {name}@{version} --question 'Who approves travel?' --passage 'The team lead does.'",
        f"ragloop release create --set prompt.{name}={version} --reason 'what it is for'",
        "ragloop eval run candidate",
    ]


@application.command()
def diff(
    name: Annotated[str, typer.Argument(help="The prompt's name.")],
    old: Annotated[int, typer.Argument(metavar="A", help="A version.")],
    new: Annotated[int, typer.Argument(metavar="B", help="Another version.")],
    as_json: JsonOption = False,
) -> None:
    """Show what changed from one version of a prompt to another."""
    import difflib

    with _shelf() as shelf:
        before, after = (shelf.text(*shelf.find(f"{name}@{version}")).splitlines() for version in (old, new))
    text = "\n".join(difflib.unified_diff(before, after, f"{name}@{old}", f"{name}@{new}", lineterm=""))
    if as_json:
        print_json({"name": name, "from": old, "to": new, "diff": text})
    elif text:
        say(text)
    else:
        note("They are the same.")


@application.command()
def render(
    name: PromptName,
    question: Annotated[str | None, typer.Option("--question", help="A question.")] = None,
    passage: Annotated[
        list[str] | None, typer.Option("--passage", help="The text of a passage; repeatable, best first.")
    ] = None,
    values: Annotated[
        Path | None, typer.Option("--values", metavar="FILE", help="A JSON object with a value for each variable.")
    ] = None,
    interaction: Annotated[
        str | None, typer.Option("--interaction", metavar="ID", help="An answer on record: its question and passages.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the messages that a model is sent, letter for letter; control characters are shown as signs.

    Give one of: a question with passages, a file of values, or the id of an answer on record. That is rendered with its
    own passages and in its own release's version, unless you name another.
    """
    if sum(given is not None for given in (question, values, interaction)) != 1 or (passage and question is None):
        raise InputError(
            "Give one of --question (with --passage), --values and --interaction.",
            hint="For example: ragloop prompts render answer --question 'Who approves?' --passage 'The lead approves.'",
        )
    record: Mapping[str, Any] = {}
    if interaction is not None:
        prompt, messages, record = _recorded(name, interaction)
    else:
        prompt, messages = _rendered(name, question, passage or [], values)
    if as_json:
        shown = [{"role": turn.role, "content": turn.content} for turn in messages]
        asked = {"name": prompt.name, "version": prompt.version, "sha256": prompt.sha256, "messages": shown}
        print_json({**asked, "record": record} if record else asked)
        return
    for turn in messages:
        say(f"--- {turn.role} ---\n{visible(turn.content)}")


def _rendered(
    name: str, question: str | None, passages: list[str], values: Path | None
) -> tuple[PromptTemplate, list[Turn]]:
    from serving.llm.preview import Asked, preview, preview_values, written_passages

    with _shelf() as shelf:
        prompt = shelf.template(name)
    if values is not None:
        return prompt, preview_values(prompt, _read(values))
    return prompt, preview(prompt, Asked(question or "", written_passages(passages)))


def _recorded(wanted: str, interaction_id: str) -> tuple[PromptTemplate, list[Turn], Mapping[str, Any]]:
    """The prompt, what it comes to with what the answer was made of, and which prompt the answer's record names."""
    from app.prompt_shelf import PromptShelf
    from core.storage.interactions import InteractionRepository
    from core.storage.releases import ReleaseRepository
    from serving.llm.preview import asked_of, preview
    from serving.prompts.ledger import ReleasePrompts

    with _database() as (settings, database):
        found = InteractionRepository(database).get(interaction_id)
        release = ReleaseRepository(database).get(found.release_id) if found else None
        if found is None or release is None:
            raise NotFoundError(
                f"There is no answer {interaction_id[:80]!r} on record.",
                hint="`ragloop ask --json` and the API name it `interaction_id`.",
            )
        own = release.manifest.prompts.get(wanted)
        prompt = (
            ReleasePrompts(settings, database).templates({wanted: own})[wanted]
            if own
            else PromptShelf(settings, database).template(wanted)
        )
    return prompt, preview(prompt, asked_of(found, release.manifest.collection.language)), found.prompt


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(_LARGEST_VALUES))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}.", hint="Write a JSON object by variable.") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no JSON object.", hint='For example {"question": "Who approves?"}.')
    return content


@contextmanager
def _shelf() -> Iterator[PromptShelf]:
    from app.prompt_shelf import PromptShelf

    with _database() as (settings, database):
        yield PromptShelf(settings, database)


@contextmanager
def _database() -> Iterator[tuple[Settings, Database]]:
    from core.settings import load_settings
    from core.storage.database import Database

    settings = load_settings()
    with Database.open(settings) as database:
        yield settings, database
