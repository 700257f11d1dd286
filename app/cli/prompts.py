"""`ragloop prompts`: what models are asked, in which versions, and what that comes to with a question put in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.console import JsonOption, note, print_json, say, visible
from core.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from core.storage.database import Database
    from core.types import Turn
    from serving.prompts.library import PromptTemplate

application = typer.Typer(help="See, compare and render prompts: what models are asked.", no_args_is_help=True)

# More than any prompt can hold.
_LARGEST_VALUES = 8_000_000

PromptName = Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="The prompt; its newest version by default.")]


@application.command("list")
def list_prompts(as_json: JsonOption = False) -> None:
    """List all prompts with their versions, and which releases answer with them.

    \b
    released  stands in the list of released prompts and never changes
    draft     does not stand there yet
    edited    is no longer what was released: restore the file
    broken    cannot be used, and why
    """
    from app.prompt_shelf import PromptShelf
    from core.storage.releases import ReleaseRepository

    with _database() as database:
        shelf = PromptShelf(ReleaseRepository(database).all())
    rows = shelf.described()
    for file in shelf.misnamed:
        note(f"{file} is not listed: a prompt's file is named NAME/VERSION.yaml, such as answer/3.yaml.")
    if as_json:
        print_json({"prompts": rows})
        return
    for row in rows:
        say(f"{row['name'] + '@' + str(row['version']):22}  {row['state']:8}  {row['description']}")
        if row["used_by"]:
            say(" " * 34 + "used by " + ", ".join(f"{by['status']} {by['release'][:12]}" for by in row["used_by"]))


@application.command()
def show(name: PromptName, as_json: JsonOption = False) -> None:
    """Show a prompt's file."""
    from app.prompt_shelf import PromptShelf

    shelf = PromptShelf()
    versions, version = shelf.find(name)
    if as_json:
        described = shelf.description(name.partition("@")[0], version)
        print_json({**described, "text": versions.text(version)})
        return
    say(versions.text(version).rstrip())


@application.command()
def diff(
    name: Annotated[str, typer.Argument(help="The prompt's name.")],
    old: Annotated[int, typer.Argument(metavar="A", help="A version.")],
    new: Annotated[int, typer.Argument(metavar="B", help="Another version.")],
    as_json: JsonOption = False,
) -> None:
    """Show what changed from one version of a prompt to another."""
    import difflib

    from app.prompt_shelf import PromptShelf

    shelf = PromptShelf()
    before, after = (shelf.find(f"{name}@{version}")[0].text(version).splitlines() for version in (old, new))
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
    if interaction is not None:
        prompt, messages = _recorded(name, interaction)
    else:
        prompt, messages = _rendered(name, question, passage or [], values)
    if as_json:
        shown = [{"role": turn.role, "content": turn.content} for turn in messages]
        print_json({"name": prompt.name, "version": prompt.version, "sha256": prompt.sha256, "messages": shown})
        return
    for turn in messages:
        say(f"--- {turn.role} ---\n{visible(turn.content)}")


def _rendered(
    name: str, question: str | None, passages: list[str], values: Path | None
) -> tuple[PromptTemplate, list[Turn]]:
    from app.prompt_shelf import PromptShelf
    from serving.prompts.preview import Asked, preview, preview_values, written_passages

    prompt = PromptShelf().template(name)
    if values is not None:
        return prompt, preview_values(prompt, _read(values))
    return prompt, preview(prompt, Asked(question or "", written_passages(passages)))


def _recorded(wanted: str, interaction_id: str) -> tuple[PromptTemplate, list[Turn]]:
    from app.prompt_shelf import PromptShelf
    from core.storage.interactions import InteractionRepository
    from core.storage.releases import ReleaseRepository
    from serving.prompts.library import resolve_prompts
    from serving.prompts.preview import asked_of, preview

    with _database() as database:
        found = InteractionRepository(database).get(interaction_id)
        release = ReleaseRepository(database).get(found.release_id) if found else None
    if found is None or release is None:
        raise NotFoundError(
            f"There is no answer {interaction_id[:80]!r} on record.",
            hint="`ragloop ask --json` and the API name it `interaction_id`.",
        )
    shelf, own = PromptShelf(), release.manifest.prompts.get(wanted)
    prompt = resolve_prompts({wanted: own}, shelf.library)[wanted] if own else shelf.template(wanted)
    return prompt, preview(prompt, asked_of(found, release.manifest.collection.language))


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
def _database() -> Iterator[Database]:
    from core.settings import load_settings
    from core.storage.database import Database

    database = Database.open(load_settings())
    try:
        yield database
    finally:
        database.close()
