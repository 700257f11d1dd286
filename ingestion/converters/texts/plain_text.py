"""Markdown, light markup, source code and plain text: the file's own text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from core.errors import ConversionError, FailureKind
from core.types import TextFormat
from ingestion.clean_text import canonical
from ingestion.converters.content import Content, RawFile
from ingestion.converters.file_type import FileType, looks_like
from ingestion.converters.texts.decoder import decode
from ingestion.converters.titles import first_good, markdown_title, name_title, one_line
from ingestion.splitting.outlines import outline


@dataclass(frozen=True, slots=True)
class TextReader:
    """Decodes the file. Its text is canonical: spans hold in what `Path.read_text` gives. Where it
    `declares`, such a file may name its own encoding, as XML does; where it is `named_whole`, its title is its name."""

    format: TextFormat
    media_type: str = "text/plain"
    declares: bool = False
    named_whole: bool = False

    def read(self, file: RawFile) -> Content:
        what = looks_like(file.data)
        if what not in (None, FileType.HTML):  # a text may well begin with HTML
            raise ConversionError(FailureKind.MISMATCH, f"The file is named {file.suffix} but is {what}.")
        decoded = decode(file.data, declared=self.declares)
        text = canonical(decoded.text)
        return Content(text, self._title(text, file.name), self.format, self.media_type, missing=decoded.doubt)

    def _title(self, text: str, name: str) -> str:
        if self.format is TextFormat.MARKDOWN:
            return markdown_title(text, name)
        if self.named_whole:
            return one_line(PurePosixPath(name).name)
        return first_good(*(heading.words for heading in outline(text, self.format)[:1])) or name_title(name)
