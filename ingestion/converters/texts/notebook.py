"""Jupyter notebooks as markdown: prose as it stands, code in fences, printed results below it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from core.errors import ConversionError, FailureKind
from core.types import TextFormat
from ingestion.clean_text import tidy
from ingestion.converters.content import Content, RawFile, damaged
from ingestion.converters.texts.decoder import decode
from ingestion.converters.titles import markdown_title

# A printed result beyond this is a log or a dump of data, and no reading matter.
_LONGEST_RESULT = 4_000
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class NotebookReader:
    """Images and other results that are no text are left out."""

    def read(self, file: RawFile) -> Content:
        decoded = decode(file.data)
        try:
            notebook = json.loads(decoded.text)
        except (ValueError, RecursionError) as error:
            raise damaged("it is no JSON") from error
        parts, cut = [], 0
        for cell in _cells(notebook):
            source = _joined(cell.get("source", cell.get("input", "")))
            code = cell.get("cell_type") == "code"
            parts.append(_fenced(source, _language(notebook)) if code and source.strip() else source)
            for result in _results(cell):
                parts.append(_fenced(result[:_LONGEST_RESULT], ""))
                cut += len(result) > _LONGEST_RESULT
        text = tidy("\n\n".join(part for part in parts if part.strip()))
        shortened = f"Of {cut} long printed results only the beginning is in the text." if cut else ""
        missing = " ".join(filter(None, (decoded.doubt, shortened)))
        title = markdown_title(text, file.name)
        return Content(text, title, TextFormat.MARKDOWN, "application/x-ipynb+json", missing=missing)


def _cells(notebook: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(notebook, dict):
        raise ConversionError(FailureKind.MISMATCH, "The file is named as a notebook but is other JSON.")
    sheets = notebook.get("worksheets") or [notebook]  # notebooks of version 3
    for sheet in sheets if isinstance(sheets, list) else []:
        cells = sheet.get("cells") if isinstance(sheet, dict) else None
        if not isinstance(cells, list):
            raise ConversionError(FailureKind.MISMATCH, "The file is named as a notebook but is other JSON.")
        yield from (cell for cell in cells if isinstance(cell, dict))


def _results(cell: Mapping[str, Any]) -> Iterator[str]:
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else []:
        if not isinstance(output, dict):
            continue
        data = output.get("data")
        told = data.get("text/plain") if isinstance(data, dict) else output.get("text")
        if output.get("output_type") == "error":
            told = f"{output.get('ename', '')}: {output.get('evalue', '')}"
        if text := _COLOUR.sub("", _joined(told)).strip():
            yield text


def _joined(source: Any) -> str:
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""


def _fenced(code: str, language: str) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", code)), default=0))
    return f"{fence}{language}\n{code.rstrip()}\n{fence}"


def _language(notebook: Mapping[str, Any]) -> str:
    metadata = notebook.get("metadata")
    info = metadata.get("language_info") if isinstance(metadata, dict) else None
    name = info.get("name") if isinstance(info, dict) else None
    return name if isinstance(name, str) and name.isalnum() else ""
