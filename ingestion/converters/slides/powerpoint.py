"""PowerPoint presentations (.pptx) as markdown, by python-pptx: a heading for every slide, what it shows, its notes."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lxml import etree

from core.errors import ConversionError
from core.types import TextFormat
from ingestion.clean_text import tidy
from ingestion.converters.checks.office_text import checked
from ingestion.converters.content import DAMAGE, Content, RawFile, damaged
from ingestion.converters.drawings import chart_table, diagram_lines
from ingestion.converters.office import check_archive
from ingestion.converters.texts.separated_values import markdown_table
from ingestion.converters.titles import first_good, name_title
from ingestion.converters.xml_tree import attribute, choose_alternatives, named, parsed
from ingestion.converters.zip_parts import part, with_parts

if TYPE_CHECKING:
    from pptx.chart.chart import Chart
    from pptx.opc.package import Part
    from pptx.slide import Slide
    from pptx.table import Table
    from pptx.text.text import TextFrame

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation"

# A damaged picture is no reason to lose the words.
_UNREAD = ("ppt/media/", "ppt/embeddings/")

_TYPES = "[Content_Types].xml"
_SLIDE = re.compile(r"ppt/(?:slides|notesSlides)/\w+\.xml")
_DRAWING = re.compile(r"ppt/(?:charts|diagrams)/\w+\.xml")
# Slide shows and templates, which are presentations too.
_OTHER_KINDS = re.compile(
    rb"application/vnd\.(?:openxmlformats-officedocument\.presentationml|ms-powerpoint)"
    rb"\.(?:slideshow|template)(?:\.macroEnabled)?\.main\+xml"
)
_PRESENTATION = f"{MEDIA_TYPE}.main+xml".encode()

# What differs from slide to slide and says nothing of it.
_COUNTED = frozenset(["DATE", "SLIDE_NUMBER"])
_LISTS = frozenset(["BODY", "OBJECT", "VERTICAL_BODY", "VERTICAL_OBJECT"])

_BULLETS = frozenset(["buChar", "buBlip"])


class PowerPointReader:
    """What stands in a slide is read in the order in which a screen reader would say it."""

    def read(self, file: RawFile) -> Content:
        from pptx import Presentation
        from pptx.exc import PythonPptxError

        check_archive(file, "ppt/")
        with zipfile.ZipFile(io.BytesIO(file.data)) as archive:
            try:
                presentation = Presentation(io.BytesIO(_prepared(archive)))
                slides = [_Slide.of(slide) for slide in presentation.slides]
            except PythonPptxError as error:
                raise damaged(error) from error
            drawings = (drawing for slide in slides for drawing in slide.drawings)
            left = with_parts(archive, {}, without=(*_UNREAD, *drawings))
        footers = dict.fromkeys(slide.footer for slide in slides if slide.footer)
        said = [*footers, *(slide.markdown(number) for number, slide in enumerate(slides, 1))]
        text, missing = checked(tidy("\n\n".join(said)), file.data, left)
        title = first_good(presentation.core_properties.title, *(slide.title for slide in slides))
        return Content(text, title or name_title(file.name), TextFormat.MARKDOWN, MEDIA_TYPE, missing=missing)


@dataclass(slots=True)
class _Slide:
    """What a slide says, part by part. `drawings` are the archive's parts of which charts and diagrams were read."""

    title: str = ""
    parts: list[str] = field(default_factory=list)
    notes: str = ""
    footer: str = ""
    drawings: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, slide: Slide) -> _Slide:
        title = slide.shapes.title
        read = cls(title=" ".join(title.text_frame.text.split()) if title is not None else "")
        for shape in _shapes(slide.shapes):
            if title is None or shape.shape_id != title.shape_id:
                read.add(shape)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            read.notes = slide.notes_slide.notes_text_frame.text.strip()
        return read

    def add(self, shape: Any) -> None:
        """What a shape says: its text, its table, its chart's figures, or what stands in a picture's place."""
        kind = shape.placeholder_format.type.name if shape.is_placeholder else ""
        if kind == "FOOTER" and shape.has_text_frame:
            self.footer = " ".join(shape.text_frame.text.split())
        elif shape.has_text_frame and kind not in _COUNTED:
            self.parts.append(_paragraphs(shape.text_frame, listed=kind in _LISTS))
        if getattr(shape, "has_table", False):
            self.parts.append(_table(shape.table))
        with suppress(ConversionError, *DAMAGE):  # a damaged one is no reason to lose the words: it is told
            if getattr(shape, "has_chart", False):
                self.add_chart(shape.chart)
            for diagram in named(shape._element, "relIds"):
                self.add_diagram(shape.part.related_part(attribute(diagram, "dm")))
        if description := shape._element.xpath("string(.//p:nvPicPr/p:cNvPr/@descr)"):
            self.parts.append(f"![{' '.join(description.split())}](picture)")

    def add_chart(self, chart: Chart) -> None:
        if (figures := chart_table(chart.element)) is not None:
            self.parts += [figures.title, markdown_table(figures.rows)]
            self.drawings.append(chart.part.partname.membername)

    def add_diagram(self, part: Part) -> None:
        self.parts.append("\n".join(f"- {line}" for line in diagram_lines(parsed(part.blob))))
        self.drawings.append(part.partname.membername)

    def markdown(self, number: int) -> str:
        notes = ["Notes:", self.notes] if self.notes else []
        said = [part for part in (*self.parts, *notes) if part.strip()]
        if not said and not self.title:
            return ""
        return "\n\n".join([f"## {self.title or f'Slide {number}'}", *said])


def _prepared(archive: zipfile.ZipFile) -> bytes:
    """The archive as python-pptx reads it whole: a slide show as a presentation, of two ways to draw a shape the one
    that has text, and without drawings that are damaged."""
    changed, without = {}, [*_UNREAD]
    for name in archive.namelist():
        if name == _TYPES:
            changed[name] = _OTHER_KINDS.sub(_PRESENTATION, part(archive, name))
        elif _SLIDE.fullmatch(name) and b"AlternateContent" in (source := part(archive, name)):
            root = parsed(source)
            choose_alternatives(root)
            changed[name] = bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True))
        elif _DRAWING.fullmatch(name) and not _is_whole(archive, name):
            without.append(name)
    return with_parts(archive, changed, without=tuple(without))


def _is_whole(archive: zipfile.ZipFile, name: str) -> bool:
    try:
        parsed(part(archive, name))
    except ConversionError:
        return False
    return True


def _shapes(shapes: Iterable[Any]) -> Iterator[Any]:
    """The shapes, those of a group one by one."""
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _shapes(shape.shapes)
        else:
            yield shape


def _paragraphs(frame: TextFrame, listed: bool) -> str:
    """The text, its lists as lists. `listed` where paragraphs have bullets unless they say that they have none."""
    paragraphs = [paragraph for paragraph in frame.paragraphs if paragraph.text.strip()]
    listed = listed and len(paragraphs) > 1
    parts = []
    counts: list[int] = []  # of numbered paragraphs, level by level
    for paragraph in paragraphs:
        form = paragraph._p.pPr
        has = {etree.QName(one).localname for one in form} if form is not None else set()
        level = paragraph.level
        words = " ".join(paragraph.text.split())
        counts = (counts + [0] * level)[: level + ("buAutoNum" in has)]
        if "buAutoNum" in has:
            counts += [0] * (level + 1 - len(counts))
            counts[level] = counts[level] + 1 if counts[level] else _start(form)
            parts.append(f"{'   ' * level}{counts[level]}. {words}")
        elif has & _BULLETS or (listed and "buNone" not in has):
            parts.append(f"{'   ' * level}- {words}")
        else:
            parts.append(f"\n{words}\n")
    return "\n".join(parts)


def _start(form: Any) -> int:
    """The number that a list begins with."""
    start = next(named(form, "buAutoNum")).get("startAt", "1")
    return int(start) if start.isdecimal() and len(start) < 6 else 1


def _table(table: Table) -> str:
    """A row says what spans it; a line over the whole width is said once."""
    rows = [[cell.text for cell in row.cells] for row in table.rows]
    width = max(map(len, rows), default=0)
    for top, row in enumerate(table.rows):
        for left, cell in enumerate(row.cells):
            if cell.is_merge_origin and cell.span_width < max(width, 2):
                for spanned in rows[top : top + cell.span_height]:
                    spanned[left : left + cell.span_width] = [cell.text] * len(spanned[left : left + cell.span_width])
    return markdown_table(rows)
