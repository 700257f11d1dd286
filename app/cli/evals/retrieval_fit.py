"""`ragloop eval fit-retrieval`: how far the search relies on the embedder, fitted on a dataset; a candidate with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.console import JsonOption, note, print_json, say, visible

if TYPE_CHECKING:
    from core.release import Release
    from loop.remedies.dataset_fit import DatasetFit
    from loop.remedies.share_fit import ShareFit


def fit_retrieval(
    dataset: Annotated[str, typer.Argument(help="NAME, NAME@VERSION or a JSONL file of cases.")],
    base: Annotated[
        str, typer.Option("--from", metavar="ID", help="The release to begin with: champion, or an id.")
    ] = "champion",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell; make no candidate.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Fit the embedder's share in the search, language by language, on a dataset's evidence, and make a candidate.

    Each fifth of the questions is searched with the share that the other four choose. A share is taken where that is
    better with 95 % certainty; without one there is no candidate. It answers nothing until it is promoted: evaluate it
    on other cases than these. Locked cases and follow-ups take no part.
    """
    from app.cli.actor import current_actor
    from core.settings import load_settings
    from core.telemetry import configure_logging
    from evals.cases.dataset_store import DatasetStore
    from loop.remedies.dataset_fit import fit_to_cases
    from serving.factory import open_services
    from serving.releases.champion import current_champion
    from serving.releases.service import ReleaseService

    configure_logging("warning")
    with open_services(load_settings()) as services:
        actor = None if dry_run else current_actor(services.settings, services.database)
        found = DatasetStore(services.database).resolve(dataset)
        releases = ReleaseService(services)
        start = current_champion(services) if base == "champion" else releases.get(base)
        fit = fit_to_cases(services, start.manifest, found.cases)
        candidate = None
        if fit.changes and actor is not None:
            reason = f"The embedder's share as fitted on {found.label}."
            candidate = releases.create(actor, base=start.id, changes=fit.changes, reason=reason)
    if as_json:
        print_json(_json(found.label, start.id, fit, candidate))
        return
    _say(fit, candidate)


def _json(dataset: str, release: str, fit: DatasetFit, candidate: Release | None) -> dict[str, object]:
    return {
        "dataset": dataset,
        "release": release,
        "shares": [
            {
                "language": each.language or None,
                "live": each.live,
                "best": each.best,
                "gain": each.gain.model_dump(mode="json"),
                "taken": each.taken,
            }
            for each in fit.fits
        ],
        "changes": fit.changes,
        "candidate": candidate.id if candidate else None,
        "left_out": [{"case": case, "reason": reason} for case, reason in fit.left_out],
    }


def _say(fit: DatasetFit, candidate: Release | None) -> None:
    for each in fit.fits:
        say(_line(each))
    for case, reason in fit.left_out:
        note(visible(f"{case} was left out: {reason}"))
    if not fit.changes:
        say("Nothing is better than what there is, as far as these questions can tell.")
    elif candidate is None:
        assignments = " ".join(f"--set {path}={value}" for path, value in fit.changes.items())
        say(f"Better: {assignments}")
    else:
        say(f"{candidate.id}  {candidate.status.value}")
        note(f"Next: ragloop eval run {candidate.id[:12]} compares it with the champion; name other cases than these.")


def _line(fit: ShareFit) -> str:
    gain = fit.gain
    low, high = gain.interval or (0.0, 0.0)
    return (
        f"{fit.path}: {fit.live:g} now, best {fit.best:g}; "
        f"gain {gain.live:.3f}, cross-validated {gain.candidate:.3f}, "
        f"difference {gain.difference:+.3f} ({low:+.3f} to {high:+.3f}); "
        f"{gain.questions} questions, {gain.better} better, {gain.worse} worse: {'taken' if fit.taken else 'not taken'}"
    )
