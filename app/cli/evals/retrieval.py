"""`ragloop eval retrieval`: what a release's search finds of a dataset's evidence, without answering."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.console import JsonOption, note, print_json, say, visible
from core.errors import InputError

if TYPE_CHECKING:
    from evals.run.retrieval import RetrievalReport


def retrieval(
    dataset: Annotated[str, typer.Argument(help="NAME, NAME@VERSION or a JSONL file of cases.")],
    release: Annotated[str, typer.Option(help="The release: an id, its beginning, or champion.")] = "champion",
    misses: Annotated[Path | None, typer.Option(help="Write what was missed as one HTML file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Search for a dataset's questions and say how far up their evidence stands, with 95 % intervals, by tag,
    source and language. Follow-ups are searched with the question before them. Nothing is answered or recorded.
    """
    from core.settings import load_settings
    from core.storage.documents import DocumentRepository
    from core.telemetry import configure_logging
    from evals.cases.dataset_store import DatasetStore
    from evals.run.retrieval import RetrievalExam
    from evals.run.retrieval_page import misses_page
    from serving.factory import build_answerer, open_services
    from serving.releases.champion import current_champion
    from serving.releases.service import ReleaseService

    configure_logging("warning")
    with open_services(load_settings()) as services:
        found = DatasetStore(services.database).resolve(dataset)
        examined = current_champion(services) if release == "champion" else ReleaseService(services).get(release)
        retriever = build_answerer(services, examined, recorded=False).retriever
        report = RetrievalExam(retriever, DocumentRepository(services.database).get).examine(found.cases)
    if misses is not None:
        _write(misses, misses_page(found.label, examined.id, report))
    if as_json:
        print_json(_json(found.label, examined.id, report))
        return
    _say(report)
    if misses is not None:
        note(f"What was missed is in {misses}.")


def _json(dataset: str, release: str, report: RetrievalReport) -> dict[str, object]:
    return {
        "dataset": dataset,
        "release": release,
        "slices": {name: {key: asdict(each) for key, each in row.items()} for name, row in report.slices.items()},
        "misses": [each.case.id for each in report.misses],
        "unusable": [{"case": case, "reason": reason} for case, reason in report.unusable],
    }


def _say(report: RetrievalReport) -> None:
    for name, figures in report.slices.items():
        row = "  ".join(f"{key} {each.mean:.3f} ({each.low:.3f}-{each.high:.3f})" for key, each in figures.items())
        cases = next(iter(figures.values())).cases
        say(visible(f"{name}, {_counted(cases)}: {row}"))
    verb = "has" if len(report.misses) == 1 else "have"
    say(f"{_counted(len(report.misses))} {verb} evidence that is not among the first passages.")
    for case, reason in report.unusable:
        note(visible(f"{case} was left out: {reason}"))


def _counted(cases: int) -> str:
    return f"{cases} case" if cases == 1 else f"{cases} cases"


def _write(path: Path, page: str) -> None:
    try:
        path.expanduser().write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror}.", hint="Name a file that you may write."
        ) from error
