"""`ragloop release`: make releases, decide on them, switch them, and see who did what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.console import JsonOption, note, one_line, print_json, say
from core.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from core.release import Release
    from core.storage.releases import ReleaseRepository
    from core.types import Actor
    from serving.releases.service import ReleaseService

application = typer.Typer(help="Make releases, decide on them, switch them, roll back.", no_args_is_help=True)

ReleaseId = Annotated[str, typer.Argument(metavar="ID", help="The release's id or its beginning.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why. It goes on record.")]
EvaluationOption = Annotated[
    str | None,
    typer.Option("--evaluation", metavar="ID", help="The report you read; refused if there is a newer one."),
]


@application.command("list")
def list_releases(as_json: JsonOption = False) -> None:
    """List all releases, newest first: name, why it was made, and what it changes against the champion."""
    from serving.releases.summary import in_words, summaries

    repository = _repository()
    champion = repository.champion()
    found = summaries(repository.all(), repository.events(), champion)
    if as_json:
        print_json({"champion": champion.id if champion else None, "releases": [each.as_json() for each in found]})
        return
    for each in found:
        release = each.release
        made = f"{release.created_at:%Y-%m-%d %H:%M}"
        say(f"{release.id[:12]}  {made}  {release.status.value:10}  {release.name}".rstrip())
        if each.why:
            say(f"    {one_line(each.why, 200)}")
        if each.changes:
            say(f"    against the champion: {in_words(each.changes)}")
    if not found:
        note("There is no release yet. The first is made of the defaults when the first question is asked.")


@application.command()
def show(
    release_id: Annotated[str, typer.Argument(help="The release's id or its beginning; default: the champion.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show a release: its name, why it was made, what it changes against the champion, and its manifest."""
    from serving.releases.summary import in_words, summaries

    repository = _repository()
    release = repository.get(release_id) if release_id else repository.champion()
    if release is None:
        wanted = f"There is no single release {release_id}." if release_id else "There is no release yet."
        raise NotFoundError(wanted, hint="`ragloop release list` shows the ids.")
    (summary,) = summaries([release], repository.events(), repository.champion())
    if as_json:
        print_json(summary.as_json())
        return
    say(f"{release.id}  {release.status.value}  {release.name}".rstrip())
    if summary.why:
        say(one_line(summary.why, 200))
    if summary.changes:
        say(f"Against the champion: {in_words(summary.changes, len(summary.changes))}")
    say(json.dumps(release.as_json()["manifest"], indent=2))


@application.command()
def create(
    base: Annotated[
        str, typer.Option("--from", metavar="ID", help="The release to begin with: champion, or an id.")
    ] = "champion",
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="A value to change, as above; repeatable."),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What to call it in lists.")] = "",
    reason: ReasonOption = "",
    as_json: JsonOption = False,
) -> None:
    """Create a candidate out of a release and changes to it.

    It is opened and asked a few questions first; what cannot be served is not created. Nothing is answered by it until
    it is promoted.

    \b
    --set retrieval.dense_weight=0.7     a value of the manifest, as `ragloop release show` prints it
    --set collection=documents-1a2b3c4d  a collection that the index holds
    --set prompt.answer=2                a version of a prompt
    """
    changes = _changes(assignments or [])
    with _acting() as (service, actor):
        release = service.create(actor, base=base, changes=changes, name=name, reason=reason)
    _show(release, as_json, f"Next: ragloop eval run {release.id[:12]} compares it with the champion.")


@application.command()
def verify(release_id: ReleaseId, as_json: JsonOption = False) -> None:
    """Check that a release can be served: all it names opens, and it answers a few questions."""
    with _service() as service:
        verification = service.verify(release_id)
    if as_json:
        print_json(verification.as_json())
        return
    say(f"{verification.release_id[:12]} can be served from {verification.collection}.")
    for question in verification.probes:
        say(f"  answered: {one_line(question)}")


@application.command()
def approve(
    release_id: ReleaseId, reason: ReasonOption = "", evaluation: EvaluationOption = None, as_json: JsonOption = False
) -> None:
    """Approve a candidate on its newest report, which must pass. Needs the role approve, and another person than the
    one who made the release."""
    with _acting() as (service, actor):
        release = service.approve(release_id, actor, reason=reason, evaluation_id=evaluation)
    _show(release, as_json, f"Approved. Next: ragloop release promote {release.id[:12]}")


@application.command()
def reject(
    release_id: ReleaseId, reason: ReasonOption = "", evaluation: EvaluationOption = None, as_json: JsonOption = False
) -> None:
    """Reject a candidate. Needs the role review. Only creating it again, with a reason, reopens it."""
    with _acting() as (service, actor):
        release = service.reject(release_id, actor, reason=reason, evaluation_id=evaluation)
    _show(release, as_json, "Rejected. What answers has not changed.")


@application.command()
def promote(
    release_id: ReleaseId,
    reason: ReasonOption = "",
    override: Annotated[
        bool, typer.Option("--override", help="Without report and approval. Needs the role admin and a reason.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make an approved candidate the champion. Every server answers with it within two seconds."""
    with _acting() as (service, actor):
        release = service.promote(release_id, actor, reason=reason, override=override)
    _show(release, as_json, "It answers now. To undo it: ragloop release rollback --reason 'what is wrong'")


@application.command()
def rollback(reason: ReasonOption = "", as_json: JsonOption = False) -> None:
    """Go back to the champion before this one. Every server answers with it within two seconds."""
    with _acting() as (service, actor):
        release = service.rollback(actor, reason=reason)
    _show(release, as_json, "It answers again. What was rolled back needs a new report and approval to return.")


@application.command()
def history(
    release_id: Annotated[
        str, typer.Argument(metavar="ID", help="The release's id or its beginning; default: all releases.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Show who did what when, on which report and why, oldest first."""
    with _service() as service:
        events = service.history(release_id or None)
    if as_json:
        print_json({"events": [event.as_json() for event in events]})
        return
    for event in events:
        report = f"  report {event.evaluation_id}" if event.evaluation_id else ""
        say(f"{event.at:%Y-%m-%d %H:%M:%S}  {event.release_id[:12]}  {event.event.value:11}  {event.actor}{report}")
        if event.reason:
            say(f"    {one_line(event.reason, 200)}")


def _show(release: Release, as_json: bool, next_step: str) -> None:
    if as_json:
        print_json(release.as_json())
        return
    say(f"{release.id}  {release.status.value}")
    note(next_step)


def _changes(assignments: list[str]) -> dict[str, str]:
    changes: dict[str, str] = {}
    for assignment in assignments:
        path, equals, value = assignment.partition("=")
        if not equals or not path.strip():
            raise InputError(
                f"--set takes PATH=VALUE, not {assignment[:80]!r}.", hint="For example --set retrieval.top_k=6."
            )
        if path.strip() in changes:
            raise InputError(f"--set names {path.strip()[:80]} twice.", hint="Give each value once.")
        changes[path.strip()] = value.strip()
    return changes


@contextmanager
def _service() -> Iterator[ReleaseService]:
    """The rules over this installation's stores."""
    from core.settings import load_settings
    from core.telemetry import configure_logging
    from serving.factory import open_services
    from serving.releases.service import ReleaseService

    settings = load_settings()
    configure_logging("warning")
    with open_services(settings) as services:
        yield ReleaseService(services)


@contextmanager
def _acting() -> Iterator[tuple[ReleaseService, Actor]]:
    """The same, and in whose name the command acts."""
    from app.cli.actor import current_actor

    with _service() as service:
        yield service, current_actor(service.services.settings, service.services.database)


def _repository() -> ReleaseRepository:
    from core.settings import load_settings
    from core.storage.database import Database
    from core.storage.releases import ReleaseRepository

    return ReleaseRepository(Database.open(load_settings()))
