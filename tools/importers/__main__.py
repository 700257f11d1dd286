"""Turn a public research set into cases that `ragloop eval import jsonl` reads, and its documents into files that
`ragloop ingest` reads.

    python -m tools.importers xquad xquad.en.json --cases wiki.jsonl --documents wiki --limit 100
    ragloop ingest wiki && ragloop eval import jsonl wiki.jsonl

With --documents, the URIs of the evidence are those that ingesting the folder gives.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from core.errors import InputError, RagloopError
from tools.importers.formats import FORMATS, Format, read_set
from tools.importers.research_set import write_documents, write_lines


def main(arguments: Sequence[str]) -> int:
    """Read, write, and say what was written. 2 if the set cannot be read; then nothing is written."""
    formats = "\n".join(f"  {each.name:14}{each.about} ({each.path})" for each in FORMATS.values())
    parser = argparse.ArgumentParser(
        prog="python -m tools.importers",
        description=f"{__doc__}\nFormats:\n{formats}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("format", metavar="FORMAT", choices=FORMATS, help="one of those above")
    parser.add_argument("path", type=Path, help="the file or folder to read")
    parser.add_argument("--cases", type=Path, required=True, metavar="FILE", help="the JSONL file to write")
    parser.add_argument("--documents", type=Path, metavar="FOLDER", help="also write its documents to this new folder")
    parser.add_argument("--source", help="what the URIs of its documents begin with: the name they are ingested by")
    parser.add_argument("--limit", type=int, metavar="N", help="take a sample of this many cases")
    parser.add_argument("--seed", type=int, default=7, help="which sample: the same seed takes the same one")
    chosen = parser.parse_args(arguments)
    try:
        _convert(FORMATS[chosen.format], chosen)
    except RagloopError as error:
        print(f"Error: {error.message}\n{error.hint}", file=sys.stderr)
        return 2
    return 0


def _convert(format: Format, chosen: argparse.Namespace) -> None:
    source, folder = chosen.source, chosen.documents
    if folder and not format.documents:
        raise InputError(f"The format {format.name} brings no documents.", hint="Leave --documents away.")
    if folder and source is None:
        source = folder.expanduser().absolute().name
    found = read_set(format, chosen.path, source=source, limit=chosen.limit, seed=chosen.seed)
    if folder:
        write_documents(folder, found.documents)
    write_lines(chosen.cases, (case.model_dump_json() for case in found.cases))
    for note in found.notes:
        print(note, file=sys.stderr)
    print(f"{len(found.cases)} cases in {chosen.cases}: ragloop eval import jsonl {chosen.cases}")
    if folder:
        print(f"{len(found.documents)} documents in {folder}: ragloop ingest {folder} --source {source}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
