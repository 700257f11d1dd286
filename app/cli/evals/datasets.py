"""`ragloop eval datasets`, `import`, `export`, `schema`: sets of questions with gold answers, in versions."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.console import JsonOption, note, print_json, say

if TYPE_CHECKING:
    from core.settings import Settings
    from core.storage.database import Database
    from evals.cases.dataset_store import Dataset, DatasetStore, DatasetSummary


def list_datasets(
    name: Annotated[str, typer.Argument(help="A dataset, to list its versions. Default: the newest of each.")] = "",
    as_json: JsonOption = False,
) -> None:
    """List the datasets: versions, cases, tags, how many are unanswerable and how many locked."""
    from evals.cases.cases import DATASETS

    with open_store() as store:
        found = store.versions(name) if name else store.all()
    stored = {summary.name for summary in found}
    shipped = [] if name else sorted(path.stem for path in DATASETS.glob("*.jsonl") if path.stem not in stored)
    if as_json:
        print_json({"datasets": [_summary_json(summary) for summary in found], "shipped": shipped})
        return
    for summary in found:
        say(f"{summary.name}@{summary.version}  {_counts(summary.cases, summary.unanswerable, summary.locked)}")
        say(f"    {summary.created_at:%Y-%m-%d %H:%M} by {summary.created_by}: {summary.reason}")
        if summary.tags:
            say("    " + ", ".join(f"{tag} {count}" for tag, count in sorted(summary.tags.items())))
    if shipped:
        note(f"Shipped with RAGLoop, and stored when first used: {', '.join(shipped)}.")


def import_dataset(
    format_name: Annotated[str, typer.Argument(metavar="FORMAT", help="jsonl, or csv for a table of a spreadsheet.")],
    path: Annotated[Path, typer.Argument(help="The file to read.")],
    name: Annotated[str | None, typer.Option(help="The dataset's name. Default: the file's.")] = None,
    source: Annotated[
        str | None, typer.Option(help="With csv: what the URIs of its documents begin with, the name of their source.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Take a sample of this many cases.")] = None,
    seed: Annotated[int, typer.Option(help="Which sample: the same seed takes the same one.")] = 7,
    as_json: JsonOption = False,
) -> None:
    """Read a file of cases as the next version of a dataset.

    All of it is read or nothing: what is wrong is said with file, line and field.
    """
    from app.cli.actor import current_actor
    from evals.cases.dataset_store import DatasetStore, check_name, name_of
    from evals.cases.formats import import_cases

    cases = import_cases(format_name, path, source=source, limit=limit, seed=seed)
    dataset_name = name or name_of(path)
    check_name(dataset_name)
    with open_database() as (settings, database):
        actor = current_actor(settings, database)
        reason = f"Imported from {path.name} ({format_name})."
        dataset = DatasetStore(database).save(dataset_name, cases, actor=actor.name, reason=reason)
    if as_json:
        print_json(_dataset_json(dataset))
        return
    say(f"{dataset.label}: {_counts(len(dataset.cases), dataset.unanswerable, dataset.locked)}.")


def export(
    dataset: Annotated[str, typer.Argument(help="NAME or NAME@VERSION.")],
    as_json: JsonOption = False,
) -> None:
    """Print a dataset as JSONL, one case a line; the newest version unless told which."""
    with open_store() as store:
        found = store.resolve(dataset)
    cases = [case.model_dump(mode="json") for case in found.cases]
    if as_json:
        print_json({"dataset": found.name, "version": found.version, "sha256": found.sha256, "cases": cases})
        return
    for case in cases:
        say(json.dumps(case, ensure_ascii=False))


def schema() -> None:
    """Print the JSON Schema of a case: what a line of a dataset's file holds."""
    from evals.cases.cases import Case

    sys.stdout.write(json.dumps(Case.model_json_schema(), indent=2) + "\n")


@contextmanager
def open_store() -> Iterator[DatasetStore]:
    """The datasets of this installation."""
    from evals.cases.dataset_store import DatasetStore

    with open_database() as (_, database):
        yield DatasetStore(database)


@contextmanager
def open_database() -> Iterator[tuple[Settings, Database]]:
    """The settings and the database they name."""
    from core.settings import load_settings
    from core.storage.database import Database

    settings = load_settings()
    with Database.open(settings) as database:
        yield settings, database


def _counts(cases: int, unanswerable: int, locked: int) -> str:
    return ", ".join(
        [f"{cases} cases", *(f"{n} {what}" for n, what in ((unanswerable, "unanswerable"), (locked, "locked")) if n)]
    )


def _dataset_json(dataset: Dataset) -> dict[str, Any]:
    return {
        "dataset": dataset.name,
        "version": dataset.version,
        "sha256": dataset.sha256,
        "cases": len(dataset.cases),
        "unanswerable": dataset.unanswerable,
        "locked": dataset.locked,
    }


def _summary_json(summary: DatasetSummary) -> dict[str, Any]:
    shown = {field: getattr(summary, field) for field in summary.__dataclass_fields__}
    return {**shown, "tags": dict(summary.tags), "created_at": summary.created_at.isoformat()}
