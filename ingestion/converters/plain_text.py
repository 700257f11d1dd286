"""Markdown and plain text: the file's own text."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import ConversionError, FailureKind
from core.types import TextFormat
from ingestion.clean_text import canonical
from ingestion.converters.content import Content, RawFile
from ingestion.converters.decoder import decode
from ingestion.converters.file_type import looks_like
from ingestion.converters.titles import markdown_title, name_title


@dataclass(frozen=True, slots=True)
class TextReader:
    """Decodes the file. Its text is canonical: spans hold in what `Path.read_text` gives."""

    format: TextFormat

    def read(self, file: RawFile) -> Content:
        what = looks_like(file.data)
        if what is not None and what != "an HTML page":  # a text may well begin with HTML
            raise ConversionError(FailureKind.MISMATCH, f"The file is named {file.suffix} but is {what}.")
        text = canonical(decode(file.data).text)
        markdown = self.format is TextFormat.MARKDOWN
        title = markdown_title(text, file.name) if markdown else name_title(file.name)
        return Content(text, title, self.format, "text/markdown" if markdown else "text/plain")
