"""`ragloop triggers`: what fires, why, how far the others are from it, and what is done about it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.console import JsonOption, note, print_json, say, visible
from core.errors import InputError
from core.loop.enums import FiringState
from loop.remedies.catalogue import remedy_names

if TYPE_CHECKING:
    from core.loop.feedback import Firing
    from core.types import Actor
    from loop.triggers.decision import Weighed
    from loop.triggers.firings import FiringService
    from loop.triggers.monitor import Checked
    from serving.factory import Services

application = typer.Typer(
    help="See what fires and why, and have something done about it: a candidate, or a request for content.",
    no_args_is_help=True,
)

FiringId = Annotated[str, typer.Argument(metavar="ID", help="The firing's id or its beginning.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why. It goes on record.")]

RemedyChoice = StrEnum("RemedyChoice", {name: name for name in remedy_names()})  # type: ignore[misc]

_SECONDS_BETWEEN_NOTES = 5.0
_NEXT = {
    FiringState.OPEN: "Next: ragloop triggers run {id}, or ragloop triggers close {id} --reason '…'",
    FiringState.CANDIDATE: "Next: ragloop eval run {release} compares the candidate with what is live.",
    FiringState.REQUESTED: "Next: once the documents say it, ragloop triggers close {id} --reason '…'",
    FiringState.FAILED: "Next: mend that, then ragloop triggers run {id}",
}
_HELD = {
    None: "fires",
    "unmeasured": "too little to measure",
    "below": "below its threshold",
    "chance": "may be chance",
    "unfinished": "waits for its last firing",
    "cooling_down": "cooling down",
}


@application.command("list")
def list_firings(
    state: Annotated[FiringState | None, typer.Option("--state", help="Only those that are so far.")] = None,
    trigger: Annotated[str, typer.Option("--trigger", help="Only those of this trigger.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most, newest first.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List the triggers that fired, newest first, and what became of it."""
    from core.settings import load_settings
    from core.storage.database import Database
    from loop.remedies.registry import open_firings

    with Database.open(load_settings()) as database:
        found = open_firings(database).all()
    shown = [each for each in found if state in (None, each.state) and trigger in ("", each.trigger)][:limit]
    if as_json:
        print_json({"firings": [firing_json(firing) for firing in shown]})
        return
    for firing in shown:
        say(f"{firing.id[:8]}  {firing.at:%Y-%m-%d %H:%M}  {firing.trigger:16}  {firing.remedy:8}  {firing.state}")
    if not shown:
        note("No trigger has fired so. `ragloop triggers check` tells how far each is from it.")


@application.command()
def show(
    firing_id: Annotated[
        str, typer.Argument(metavar="ID", help="The firing's id or its beginning; default: the newest.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Show a firing: why, on what evidence, what its remedy is to do, and what became of it."""
    with _service() as (service, _services):
        firing = service.find(firing_id) if firing_id else service.newest()
    _show(firing, as_json)


@application.command()
def check(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell; diagnose nothing and store nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Diagnose new votes, and fire the triggers whose thresholds are reached. The DAG monitor_feedback does the same.

    Tells how far every trigger is from firing and what holds it back. What fires does nothing yet: `ragloop triggers
    run` carries its remedy out.
    """
    from loop.triggers.monitor import Monitor

    with _service() as (_, services):
        monitor, now = Monitor(services), datetime.now(UTC)
        checked = monitor.look(now) if dry_run else monitor.examine(now, _diagnosing())
    if as_json:
        print_json(_checked_json(checked))
        return
    for weighed in checked.weighed:
        say(_line(weighed))
    if light := sum(_light(each) for each in checked.weighed):
        note(f"{light} negative votes weigh nothing until a person accepts them on /feedback, or more people agree.")
    if checked.undiagnosed:
        note(f"{checked.undiagnosed} votes are not diagnosed yet, and count only then.")
    for firing in checked.firings:
        note(f"Fired: {firing.id[:8]}  {firing.trigger}. {visible(firing.reason)}")
        note(_next_step(firing))


@application.command()
def run(
    firing_id: Annotated[str, typer.Argument(metavar="[ID]", help="The firing's id or its beginning.")] = "",
    trigger: Annotated[
        str, typer.Option("--trigger", help="Fire this trigger by hand, instead of naming a firing.")
    ] = "",
    remedy: Annotated[
        RemedyChoice | None, typer.Option("--remedy", help="With --trigger: another remedy than the trigger's own.")
    ] = None,
    reason: ReasonOption = "",
    as_json: JsonOption = False,
) -> None:
    """Carry out the remedy of a firing here and now: makes a candidate, or asks for content. Nothing live changes.

    Needs the role review, and whoever runs it has made the candidate: somebody else approves it. Rebuilding an index
    takes minutes, tuning longer.
    """
    from core.permissions import Deed, require
    from loop.remedies.execution import carry_out

    if bool(firing_id) == bool(trigger):
        raise InputError("Name a firing, or --trigger NAME to fire one by hand.", hint="`ragloop triggers list`")
    if remedy is not None and not trigger:
        raise InputError("--remedy goes with --trigger.", hint="A firing has its remedy already.")
    with _service() as (service, services):
        actor = _actor(services)
        require(actor, Deed.HANDLE_FIRINGS)
        firing = service.open(trigger, actor, reason, remedy) if trigger else service.find(firing_id)
        done = carry_out(services, firing, note, actor)
    _show(done, as_json)


@application.command()
def close(firing_id: FiringId, reason: ReasonOption = "", as_json: JsonOption = False) -> None:
    """Close a firing: it is done, or nothing needs to be. Needs the role review and a reason.

    What it was about does not fire its trigger again. A candidate that it led to stays until it is promoted or
    rejected.
    """
    with _service() as (service, services):
        closed = service.close(firing_id, _actor(services), reason)
    _show(closed, as_json)


def firing_json(firing: Firing) -> dict[str, Any]:
    """A firing as every command shows it."""
    from core.loop.feedback import form_json

    return asdict(firing) | {
        "at": firing.at.isoformat(),
        "changed_at": firing.changed_at.isoformat(),
        "evidence": form_json(firing.evidence),
        "proposal": form_json(firing.proposal),
    }


def _checked_json(checked: Checked) -> dict[str, Any]:
    from core.loop.feedback import form_json

    return {
        "fired": [firing_json(firing) for firing in checked.firings],
        "triggers": [
            {
                "trigger": each.trigger,
                "remedy": each.remedy,
                "value": each.value,
                "threshold": each.threshold,
                "held": each.held,
                "reason": each.reason,
                "evidence": form_json(each.evidence),
            }
            for each in checked.weighed
        ],
        "undiagnosed": checked.undiagnosed,
    }


def _light(weighed: Weighed) -> int:
    """How many of the trigger's complaints weigh nothing."""
    from core.loop.feedback import SeenComplaints

    seen = weighed.evidence.seen
    return seen.complaints - int(weighed.value or 0) if isinstance(seen, SeenComplaints) else 0


def _line(weighed: Weighed) -> str:
    value = "–" if weighed.value is None else f"{weighed.value:.2f}".rstrip("0").rstrip(".")
    return f"{weighed.trigger:16}  {value:>8} of {weighed.threshold:<6g}  {weighed.remedy:8}  {_HELD[weighed.held]}"


def _show(firing: Firing, as_json: bool) -> None:
    from core.loop.feedback import form_json
    from loop.remedies.registry import in_words

    if as_json:
        print_json(firing_json(firing))
        return
    say(f"{firing.id}  {firing.state}")
    say(f"{firing.trigger} → {firing.remedy}, {firing.at:%Y-%m-%d %H:%M} UTC")
    say(visible(firing.reason))
    if firing.detail:
        say(visible(firing.detail))
    if firing.release_id:
        say(f"Release {firing.release_id}")
    if firing.proposal is not None:
        say(f"Proposed: {visible(in_words(firing))}")
    for name, form in (("Evidence", firing.evidence), ("Proposal", firing.proposal)):
        if form is not None:
            say(f"{name}: {visible(json.dumps(form_json(form), indent=2, ensure_ascii=False))}")
    if step := _next_step(firing):
        note(step)


def _next_step(firing: Firing) -> str:
    return _NEXT.get(firing.state, "").format(id=firing.id[:8], release=(firing.release_id or "")[:12])


def _diagnosing() -> Callable[[int, int], None]:
    """What tells the person waiting how far it is: a line every few seconds."""
    said = [time.monotonic()]

    def progress(done: int, of: int) -> None:
        if time.monotonic() - said[0] >= _SECONDS_BETWEEN_NOTES:
            said[0] = time.monotonic()
            note(f"{done} of {of} votes are diagnosed")

    return progress


def _actor(services: Services) -> Actor:
    from app.cli.actor import current_actor

    return current_actor(services.settings, services.database)


@contextmanager
def _service() -> Iterator[tuple[FiringService, Services]]:
    from core.settings import load_settings
    from core.telemetry import configure_logging
    from loop.triggers.firings import FiringService
    from serving.factory import open_services

    settings = load_settings()
    configure_logging("warning")
    with open_services(settings) as services:
        yield FiringService(services), services
