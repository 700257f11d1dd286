"""`ragloop feedback`: vote on answers, read what others said, and decide what becomes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.console import JsonOption, note, print_json, say, visible
from app.cli.loop.diagnosis import diagnose
from app.cli.loop.erasures import erase
from app.cli.loop.feedback_by_id import find_feedback
from app.cli.loop.feedback_text import say_decision, say_line, say_whole, without_passages
from app.cli.since import moment_of
from core.errors import InputError
from core.loop.enums import FeedbackReason, Vote

if TYPE_CHECKING:
    from core.loop.feedback import CitationVote
    from core.settings import Settings
    from core.storage.database import Database
    from evals.cases.cases import GoldEvidence
    from loop.feedback.export import FeedbackState

application = typer.Typer(
    help="Vote on answers, read what others said, decide what becomes of it.", no_args_is_help=True
)
application.command("diagnose")(diagnose)

application.command()(erase)

FeedbackId = Annotated[str, typer.Argument(metavar="ID", help="The feedback's id or its beginning.")]
StateOption = Annotated[
    str, typer.Option("--state", help="waiting (votes down that count and wait), accepted, dismissed, or all.")
]
VoteOption = Annotated[Vote | None, typer.Option("--vote", help="Only votes up, or only votes down.")]
SinceOption = Annotated[
    str | None, typer.Option("--since", help="From when on: 7d, 24h or 30m ago, or a date like 2026-11-01 (UTC).")
]


@application.command()
def give(
    answer: Annotated[
        str, typer.Argument(metavar="ANSWER", help="The interaction_id that `ragloop ask --json` prints.")
    ],
    vote: Annotated[Vote, typer.Argument(help="up or down.")],
    reason: Annotated[FeedbackReason | None, typer.Option("--reason", help="What is wrong with it.")] = None,
    correction: Annotated[str, typer.Option("--correction", help="What would be right.")] = "",
    comment: Annotated[str, typer.Option("--comment", help="Anything else.")] = "",
    citation: Annotated[
        list[str] | None, typer.Option("--citation", metavar="N=VOTE", help="A vote on a citation: 1=down; repeatable.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", help="Idempotency key: the same one stores once, however often it is sent.")
    ] = None,
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="From a program that tries the system out: kept, never counted.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Vote on an answer. The vote is on disk when this ends with 0."""
    from app.cli.actor import current_actor
    from core.storage.loop.feedback import vote_json
    from loop.feedback.votes import Author, FeedbackOrder, FeedbackService

    votes = [_citation_vote(each) for each in citation or ()]
    order = FeedbackOrder(answer, vote, reason, comment, correction, votes, key, synthetic)
    with _database() as (settings, database):
        # Whoever runs commands can read every answer; the key only says in whose name the vote is.
        author = Author(current_actor(settings, database).name, None, None, "cli")
        given = FeedbackService(database).give(author, order)
    if as_json:
        print_json(vote_json(given.feedback) | {"replayed": given.replayed})
        return
    say(f"{given.feedback.id}  {given.feedback.standing.value}{', as before' if given.replayed else ''}")


@application.command("list")
def list_feedback(
    state: StateOption = "waiting",
    vote: VoteOption = None,
    since: SinceOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List feedback, newest first; unless told otherwise, what waits for a decision."""
    from loop.feedback.export import FeedbackShelf, known_json

    with _database() as (_, database):
        shelf = FeedbackShelf(database)
        ids = shelf.ids(_state(state), vote, _moment(since))
        found = list(shelf.known(ids[:limit]))
    if as_json:
        print_json({"state": state, "total": len(ids), "feedback": [without_passages(known_json(k)) for k in found]})
        return
    for known in found:
        say_line(known)
    note(f"{len(ids)} in all." if ids else f"There is no feedback: state {state}.")


@application.command()
def show(feedback_id: FeedbackId, as_json: JsonOption = False) -> None:
    """Show one vote: what was said, the answer it is about, why that was bad, and what was decided."""
    from loop.feedback.export import FeedbackShelf, known_json

    with _database() as (_, database):
        given = find_feedback(database, feedback_id)
        (known,) = FeedbackShelf(database).known([given.id])
    if as_json:
        print_json(known_json(known))
        return
    say_whole(known)


@application.command()
def accept(
    feedback_id: FeedbackId,
    question: Annotated[str, typer.Option("--question", help="The question put right. Default: as asked.")] = "",
    correction: Annotated[str, typer.Option("--correction", help="The right answer. Default: the author's.")] = "",
    evidence: Annotated[
        list[str] | None,
        typer.Option("--evidence", metavar="URI#QUOTE", help="A sentence that holds it, and its document; repeatable."),
    ] = None,
    unanswerable: Annotated[
        bool, typer.Option("--unanswerable", help="The documents do not hold an answer, and should not.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Accept feedback: it becomes an evaluation case or a training pair, never both.

    Without --evidence the passages that the diagnosis found are taken.
    """
    from app.cli.actor import current_actor
    from loop.feedback.acceptance import Acceptance, Edited

    named = tuple(_evidence(each) for each in evidence or ())
    with _database() as (settings, database):
        given = find_feedback(database, feedback_id)
        edited = Edited(question or given.question, correction or given.correction, named, unanswerable)
        acceptance = Acceptance(database, settings.language, teachable=settings.teachable)
        made = acceptance.accept(given.id, edited, current_actor(settings, database))
    say_decision(made, as_json)


@application.command()
def dismiss(
    feedback_id: FeedbackId,
    reason: Annotated[str, typer.Option("--reason", help="Why. It goes on record.")],
    as_json: JsonOption = False,
) -> None:
    """Dismiss feedback: it no longer counts."""
    from app.cli.actor import current_actor
    from loop.feedback.acceptance import Acceptance

    with _database() as (settings, database):
        given = find_feedback(database, feedback_id)
        made = Acceptance(database).dismiss(given.id, reason, current_actor(settings, database))
    say_decision(made, as_json)


@application.command()
def export(
    state: StateOption = "all",
    vote: VoteOption = None,
    since: SinceOption = None,
    output: Annotated[Path | None, typer.Option("--output", help="A new file. Default: standard output.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write feedback as JSONL, one vote a line with its answer, its diagnosis and what was decided."""
    from loop.feedback.export import FeedbackShelf, known_json

    with _database() as (_, database):
        shelf = FeedbackShelf(database)
        ids = shelf.ids(_state(state), vote, _moment(since))
        found = (known_json(known) for known in shelf.known(ids))
        if output is not None:
            _write(output, found)
        elif as_json:
            print_json({"feedback": list(found)})
        else:
            for each in found:
                say(_line(each))
    if output is not None and as_json:
        print_json({"output": str(output), "written": len(ids)})
    elif output is not None:
        note(f"{len(ids)} in {output}.")


@contextmanager
def _database() -> Iterator[tuple[Settings, Database]]:
    from app.cli.evals.datasets import open_database

    with open_database() as opened:
        yield opened


def _state(text: str) -> FeedbackState:
    from loop.feedback.export import FeedbackState

    try:
        return FeedbackState(text)
    except ValueError as error:
        names = ", ".join(FeedbackState)
        raise InputError(f"There is no state {visible(text[:40])}.", hint=f"--state takes {names}.") from error


def _moment(since: str | None) -> datetime | None:
    return moment_of(since, datetime.now(UTC)) if since else None


def _citation_vote(text: str) -> CitationVote:
    from core.loop.feedback import CitationVote

    marker, _, vote = text.partition("=")
    if not (marker.isdecimal() and marker.isascii() and len(marker) < 7 and vote in set(Vote)):
        raise InputError(
            f"{visible(text[:40])} is no vote on a citation.", hint="For example --citation 1=down for the source [1]."
        )
    return CitationVote(int(marker), Vote(vote))


def _evidence(text: str) -> GoldEvidence:
    from pydantic import ValidationError

    from evals.cases.cases import GoldEvidence, explain

    uri, _, quote = text.partition("#")
    try:
        return GoldEvidence(uri=uri.strip(), quote=quote.strip())
    except ValidationError as error:
        raise InputError(
            f"--evidence: {explain(error)}",
            hint="For example --evidence 'policies/travel.md#The team lead approves it.'",
        ) from error


def _write(path: Path, found: Iterator[dict[str, Any]]) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.writelines(f"{_line(each)}\n" for each in found)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror}.", hint="Name a file that is not there."
        ) from error


def _line(exported: dict[str, Any]) -> str:
    return json.dumps(exported, ensure_ascii=False)
