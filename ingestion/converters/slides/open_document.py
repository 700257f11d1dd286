"""OpenDocument presentations (.odp) as markdown: a heading for every slide, its texts and notes below."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

from lxml.etree import _Element as Element

from core.types import TextFormat
from ingestion.clean_text import tidy
from ingestion.converters.content import Content, RawFile
from ingestion.converters.markup.covered_cells import write_out_spans
from ingestion.converters.markup.open_document import clean
from ingestion.converters.office import check_archive
from ingestion.converters.texts.separated_values import markdown_table
from ingestion.converters.titles import first_good, name_title
from ingestion.converters.xml_tree import attribute, children, local_name, named, parsed
from ingestion.converters.zip_parts import part

MEDIA_TYPE = "application/vnd.oasis.opendocument.presentation"


class OpenDocumentSlidesReader:
    """A slide's name is its title's text."""

    def read(self, file: RawFile) -> Content:
        check_archive(file, "content.xml")
        with zipfile.ZipFile(io.BytesIO(file.data)) as archive:
            root = parsed(part(archive, "content.xml"))
        clean(root)
        write_out_spans(root, across=True)
        slides = [_slide(page, number) for number, page in enumerate(named(root, "page"), 1)]
        first = next((words for page in named(root, "page") if (words := _title(page))), "")
        text = tidy("\n\n".join(slides))
        return Content(text, first_good(first) or name_title(file.name), TextFormat.MARKDOWN, MEDIA_TYPE)


def _slide(page: Element, number: int) -> str:
    title = _title(page)
    parts = [f"## {title or f'Slide {number}'}"]
    for frame in page.iterchildren():
        if attribute(frame, "class") == "title":
            continue
        parts += ["Notes:"] if local_name(frame) == "notes" and any(_paragraphs(frame)) else []
        for table in named(frame, "table"):
            parts.append(markdown_table(_cells(row) for row in named(table, "table-row")))
        parts += _paragraphs(frame)
    return "\n\n".join(parts)


def _cells(row: Element) -> list[str]:
    return [_words(cell) for cell in children(row, "table-cell", "covered-table-cell")]


def _title(page: Element) -> str:
    titles = (frame for frame in children(page, "frame") if attribute(frame, "class") == "title")
    return next((_words(frame) for frame in titles), "")


def _paragraphs(node: Element) -> Iterator[str]:
    for paragraph in named(node, "p", "h"):
        if not any(local_name(above) == "table" for above in paragraph.iterancestors()) and (
            words := _words(paragraph)
        ):
            yield (
                f"- {words}" if any(local_name(above) == "list-item" for above in paragraph.iterancestors()) else words
            )


def _words(node: Element) -> str:
    return " ".join("".join(_pieces(node)).split())


def _pieces(node: Element) -> Iterator[str]:
    """The text of a node, its paragraphs apart."""
    for each in node.iter():
        name = local_name(each)
        if name == "p":
            yield " "
        yield each.text or "" if name else ""
        if each is not node:
            yield each.tail or ""
