"""The formats that are read, each with its reader: the one list that help, handbook and folder sources go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from core.errors import ConversionError, FailureKind
from core.types import TextFormat
from ingestion.converters import sheets
from ingestion.converters.content import Content, FormatReader, RawFile, damage_named
from ingestion.converters.file_type import FileType, suffix_by_content
from ingestion.converters.mail.mbox import MboxReader
from ingestion.converters.mail.message import MessageReader
from ingestion.converters.mail.outlook import OutlookReader
from ingestion.converters.markup import open_document
from ingestion.converters.office import CompoundReader, OfficeReader
from ingestion.converters.pdf.reader import PdfReader
from ingestion.converters.slides.open_document import OpenDocumentSlidesReader
from ingestion.converters.slides.powerpoint import PowerPointReader
from ingestion.converters.slides.powerpoint97 import PowerPoint97Reader
from ingestion.converters.texts.notebook import NotebookReader
from ingestion.converters.texts.plain_text import TextReader
from ingestion.converters.texts.separated_values import SeparatedValuesReader
from ingestion.converters.web_page import WebPageReader
from ingestion.converters.word import markup as word_markup
from ingestion.converters.word import word97

_OPEN_XML = "application/vnd.openxmlformats-officedocument"
_OPEN_DOCUMENT = "application/vnd.oasis.opendocument"


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A format by the name that people know, and the file name suffixes that it goes by, in lower case."""

    name: str
    suffixes: tuple[str, ...]
    reader: FormatReader


def read_file(file: RawFile) -> Content:
    """What is in a file, by what it certainly is or else by what it is named."""
    with damage_named():
        return READERS[format_of(file)].read(file)


_SOURCE_CODE = (
    "bash bat c cc clj cmake cpp cs css cxx dart diff dockerfile erl ex exs go gradle graphql groovy h hpp hs "
    "java js jsx kt kts lua m mjs mk patch php pl pm po proto ps1 py pyi r rb rs scala scss sh sql swift tex "
    "tf ts tsx vue zsh "
)

_TEXT = TextReader(TextFormat.PLAIN)
_NAMED_TEXT = TextReader(TextFormat.PLAIN, named_whole=True)
_XML = TextReader(TextFormat.PLAIN, "application/xml", declares=True, named_whole=True)
_open_sheets = partial(open_document.prepared, across=False)

FORMATS = (
    FileFormat(
        "Markdown", (".md", ".markdown", ".mdx", ".qmd", ".rmd"), TextReader(TextFormat.MARKDOWN, "text/markdown")
    ),
    FileFormat("reStructuredText", (".rst",), TextReader(TextFormat.RESTRUCTURED, "text/x-rst")),
    FileFormat("AsciiDoc", (".adoc", ".asciidoc"), TextReader(TextFormat.ASCIIDOC, "text/asciidoc")),
    FileFormat("Org", (".org",), TextReader(TextFormat.ORG, "text/org")),
    FileFormat("plain text", (".txt", ".text", ".log", ".srt", ".vtt"), _TEXT),
    FileFormat("HTML", (".html", ".htm", ".xhtml", ".xht"), WebPageReader()),
    FileFormat("PDF", (".pdf",), PdfReader()),
    FileFormat(
        "Word",
        (".docx", ".docm"),
        OfficeReader(f"{_OPEN_XML}.wordprocessingml.document", "word/", word_markup.prepared),
    ),
    FileFormat("PowerPoint", (".pptx", ".pptm"), PowerPointReader()),
    FileFormat(
        "Excel",
        (".xlsx", ".xlsm"),
        OfficeReader(f"{_OPEN_XML}.spreadsheetml.sheet", "xl/", sheets.prepared, sheets.titles_above),
    ),
    FileFormat("Word 97", (".doc",), CompoundReader("application/msword", form="plain", finish=word97.markdown)),
    FileFormat("PowerPoint 97", (".ppt",), PowerPoint97Reader()),
    FileFormat("Excel 97", (".xls",), CompoundReader("application/vnd.ms-excel", finish=sheets.titles_above)),
    FileFormat(
        "OpenDocument text", (".odt",), OfficeReader(f"{_OPEN_DOCUMENT}.text", "content.xml", open_document.prepared)
    ),
    FileFormat(
        "OpenDocument spreadsheet",
        (".ods",),
        OfficeReader(f"{_OPEN_DOCUMENT}.spreadsheet", "content.xml", _open_sheets, sheets.titles_above),
    ),
    FileFormat("OpenDocument presentation", (".odp",), OpenDocumentSlidesReader()),
    FileFormat("RTF", (".rtf",), CompoundReader("application/rtf", FileType.RTF)),
    FileFormat("EPUB", (".epub",), OfficeReader("application/epub+zip", "META-INF/container.xml")),
    FileFormat("CSV", (".csv",), SeparatedValuesReader()),
    FileFormat("TSV", (".tsv", ".tab"), SeparatedValuesReader("\t")),
    FileFormat("JSON", (".json", ".jsonl", ".ndjson"), _NAMED_TEXT),
    FileFormat("XML", (".xml", ".nxml"), _XML),
    FileFormat("YAML and other settings", (".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf"), _NAMED_TEXT),
    FileFormat("Jupyter notebooks", (".ipynb",), NotebookReader()),
    FileFormat("e-mail", (".eml",), MessageReader()),
    FileFormat("Outlook messages", (".msg",), OutlookReader()),
    FileFormat("mailboxes", (".mbox",), MboxReader()),
    FileFormat("source code", tuple(f".{language}" for language in _SOURCE_CODE.split()), _NAMED_TEXT),
    FileFormat("files without a suffix, by what is in them", ("",), _NAMED_TEXT),
)

READERS: Mapping[str, FormatReader] = {suffix: one.reader for one in FORMATS for suffix in one.suffixes}
"""The readers by file name suffix, in lower case."""


def format_of(file: RawFile) -> str:
    """The suffix of a file's format, which may not be the one in its name. Raises ConversionError for one that is not
    read."""
    named, certain = READERS.get(file.suffix), suffix_by_content(file.data)
    a_text_with_html = certain == ".html" and file.suffix != "" and isinstance(named, TextReader)
    if certain is not None and not a_text_with_html:
        return certain
    if named is None:
        raise ConversionError(FailureKind.MISMATCH, f"Files named {file.suffix} are not supported.")
    return file.suffix
