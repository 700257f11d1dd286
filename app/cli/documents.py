"""`ragloop ingest`, `ragloop delete`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.console import JsonOption, note, print_json, say
from app.cli.loop.erasures import print_erased
from core.text.personal_data import PersonalDataPolicy

# Files left alone that are named on the screen: a folder may hold thousands.
_FIRST_LEFT_ALONE = 10


def ingest(
    folder: Annotated[Path, typer.Argument(help="The folder to read, with all its subfolders.")],
    source: Annotated[
        str | None, typer.Option(help="The name its documents go by in URIs. Default: the folder's name.")
    ] = None,
    access: Annotated[
        list[str] | None,
        typer.Option("--access", help="Access label of its documents; repeatable. Default: public."),
    ] = None,
    personal_data: Annotated[
        PersonalDataPolicy | None,
        typer.Option(
            "--personal-data",
            help="E-mail addresses, phone, card, account, social security numbers and IP addresses: keep them, report "
            "which documents hold some, or mask them before anything is stored. Remembered for the source; at first "
            "they are kept.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    allow_mass_delete: Annotated[
        bool, typer.Option("--allow-mass-delete", help="Go on even if most of the source's documents are gone.")
    ] = False,
    relocated: Annotated[
        bool, typer.Option("--relocated", help="The source of this name has moved to this folder.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring a folder's documents in, or up to date.

    What is unchanged is skipped, what is gone from the folder is deleted. Read are:
    Markdown, reStructuredText, AsciiDoc, Org, plain text, HTML, PDF, Word, PowerPoint, Excel, Word 97, PowerPoint
    97, Excel 97, OpenDocument text, OpenDocument spreadsheet, OpenDocument presentation, RTF, EPUB, CSV, TSV,
    JSON, XML, YAML and other settings, Jupyter notebooks, e-mail, Outlook messages, mailboxes, source code, files
    without a suffix, by what is in them.
    Files that cannot be read are listed with the reason and the rest goes on.
    """
    from core.progress import open_progress
    from core.settings import load_settings
    from core.telemetry import configure_logging
    from core.types import PUBLIC
    from ingestion.factory import folder_source, open_pipeline
    from ingestion.pipeline import Permissions

    settings = load_settings()
    configure_logging("warning")
    permissions = Permissions(mass_delete=allow_mass_delete, relocated=relocated, personal_data=personal_data)
    with open_pipeline(settings) as pipeline:
        documents = folder_source(pipeline, folder, source, tuple(access or (PUBLIC,)))
        if dry_run:
            report = pipeline.dry_run(documents, permissions=permissions)
        else:
            with open_progress() as progress:
                report = pipeline.run(documents, permissions=permissions, progress=progress)
    if as_json:
        print_json(report)
    else:
        _print_report(report)


def delete(
    uri: Annotated[str, typer.Argument(help="The document's URI, as citations show it: handbook/team/index.md")],
    keep_out: Annotated[
        bool, typer.Option("--keep-out", help="Leave it out from now on, though its file is still in its folder.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Erase a document from everything: index, texts, answers, votes, cases, training rows, reports.

    Prints what was removed from where. A file that is still in its folder comes back with the next ingestion, unless
    --keep-out forbids it. What an adapter was trained on stays in its weights: those adapters are named.
    """
    from app.cli.actor import current_actor
    from core.permissions import Deed, require
    from core.settings import load_settings
    from core.telemetry import configure_logging
    from ingestion.factory import open_stores
    from loop.erasure.eraser import Eraser

    settings = load_settings()
    configure_logging("warning")
    with open_stores(settings) as (database, stores):
        actor = current_actor(settings, database)
        require(actor, Deed.ERASE_DOCUMENTS)
        erased = Eraser(settings, database, stores.index).document(uri, actor, keep_out=keep_out)
    print_erased({"uri": uri}, erased, as_json=as_json)


def verify(as_json: JsonOption = False) -> None:
    """Compare the live index with the manifest and the stored texts: every chunk of every document.

    Each ingestion compares all counts and a sample of the texts. This one changes nothing, waits for one that
    is under way, and answers go on meanwhile.
    """
    from dataclasses import asdict

    from core.settings import load_settings
    from core.telemetry import configure_logging
    from ingestion.factory import open_pipeline

    settings = load_settings()
    configure_logging("warning")
    with open_pipeline(settings) as pipeline:
        compared = pipeline.verify_all()
    if as_json:
        print_json(asdict(compared))
    else:
        say(f"{compared.documents:,} documents of {compared.collection}, {compared.chunks:,} chunks: all as stored.")


def _print_report(report: dict[str, Any]) -> None:
    from ingestion.report import summary

    for failure in report["failures"]:
        note(f"not read: {failure['uri']}: {failure['reason']}")
    for partial in report["partial"]:
        note(f"read in part: {partial['uri']}: {partial['missing']}")
    found = report["personal_data"]
    for document in found["documents"]:
        kinds = ", ".join(f"{count} {kind}" for kind, count in document["kinds"].items())
        note(f"personal data{' masked' if found['policy'] == 'mask' else ''}: {document['uri']}: {kinds}")
    if report["kept_out"]:
        note(f"left out, because they were erased with --keep-out: {report['kept_out']}")
    if report["skipped"]:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in report["skipped"].items())
        for one in report["left_alone"][:_FIRST_LEFT_ALONE]:
            note(f"left alone: {one['uri']}: {one['reason']}")
        note(f"left alone in all: {kinds} (--json names them)")
    say(summary(report))
