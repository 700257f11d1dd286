"""How much of messy files is read, by format: `python -m tests.benchmarks.recall FOLDER`.

Each stored text is held against a second reader of the file: pdf_oxide for every page of a PDF, the XML of office
files. Recall is of words, and of letters where words are glued or split. Other formats are counted only.
"""

from __future__ import annotations

import io
import statistics
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from core.errors import ConversionError, FailureKind
from core.ports import LocalFile
from core.types import Document, SourceItem
from ingestion.converters.checks.office_text import paragraphs
from ingestion.converters.checks.word_recall import LEAST_RECALL, word_recall
from ingestion.converters.pdf.second_reader import SecondReader
from ingestion.converters.registry import FileConverter
from ingestion.converters.word import markup as word_markup

_MOST_BYTES = 60_000_000


@dataclass
class FormatRow:
    """What became of the files of one format."""

    converted: int = 0
    partial: int = 0
    refused: int = 0
    recalls: list[float] = field(default_factory=list)
    unnamed: int = 0
    """Pages and documents below the least recall of which nothing is said to be missing."""
    seconds: float = 0.0


def measured(folder: Path) -> tuple[dict[str, FormatRow], list[str]]:
    """The rows by suffix, and a line for each file that is not read whole."""
    rows: dict[str, FormatRow] = {}
    told: list[str] = []
    converter = FileConverter(_MOST_BYTES)
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        suffix = path.suffix.lower() or "(none)"
        row = rows.setdefault(suffix, FormatRow())
        started = time.perf_counter()
        try:
            document = converter.convert(LocalFile(path, path.name), SourceItem("bench/x", "bench", "1", 1))
        except ConversionError as error:
            row.refused += 1
            if error.kind is not FailureKind.MISMATCH:
                told.append(f"{path.name}: refused, {error.message}")
            continue
        finally:
            row.seconds += time.perf_counter() - started
        row.partial += bool(document.missing)
        row.converted += not document.missing
        recalls = list(_recalls(document, path))
        row.recalls.extend(recalls)
        row.unnamed += 0 if document.missing else sum(recall < LEAST_RECALL for recall in recalls)
        if document.missing:
            told.append(f"{path.name}: partial, {document.missing}")
    return rows, told


def _recalls(document: Document, path: Path) -> Iterator[float]:
    data = path.read_bytes()
    if path.suffix.lower() == ".pdf":
        second = SecondReader(data)
        bounds = [*document.page_starts, len(document.text)]
        for number, (start, end) in enumerate(pairwise(bounds)):
            if other := second.page(number):
                yield word_recall(document.text[start:end], other)
    elif zipfile.is_zipfile(path):
        if path.suffix.lower() == ".docx":
            data = word_markup.prepared(data)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield word_recall(document.text, "\n".join(paragraphs(archive)))


def main() -> None:
    rows, told = measured(Path(sys.argv[1]))
    print(
        f"{'format':12}{'files':>6}{'whole':>7}{'partial':>8}{'refused':>8}{'median':>8}{'worst':>7}{'unnamed':>8}{'s':>7}"
    )
    for suffix, row in sorted(rows.items()):
        files = row.converted + row.partial + row.refused
        recall = f"{statistics.median(row.recalls):8.3f}{min(row.recalls):7.3f}" if row.recalls else f"{'-':>8}{'-':>7}"
        counts = f"{files:6}{row.converted:7}{row.partial:8}{row.refused:8}"
        print(f"{suffix:12}{counts}{recall}{row.unnamed:8}{row.seconds:7.1f}")
    print("\n".join(told))


if __name__ == "__main__":
    main()
