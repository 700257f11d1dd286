"""Charts and diagrams of a Word document put in words: a table or lines behind the paragraph that shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from lxml import etree
from lxml.etree import _Element as Element

from core.errors import ConversionError
from ingestion.converters.drawings import chart_table, diagram_lines
from ingestion.converters.xml_tree import attribute, like, named


def say_drawings(body: Element, targets: Mapping[str, str], tree: Callable[[str], Element | None]) -> tuple[str, ...]:
    """Changes `body`; gives the parts that were read. `targets` are the body's relations, `tree` opens a part."""
    read = []
    for drawing in [*named(body, "chart", "relIds")]:
        paragraph = next(drawing.iterancestors("{*}p"), None)
        name = targets.get(attribute(drawing, "id") or attribute(drawing, "dm"), "")
        try:
            root = tree(name)
        except ConversionError:
            continue  # a damaged drawing is no reason to lose the words; it is named as not read
        if paragraph is None or root is None:
            continue
        said = [*_said(root, paragraph)]
        read += [name] if said else []
        for block in reversed(said):
            paragraph.addnext(block)
    return tuple(read)


def _said(drawing: Element, paragraph: Element) -> Iterator[Element]:
    if (figures := chart_table(drawing)) is None:
        yield from (_paragraph(line, paragraph) for line in diagram_lines(drawing))
        return
    if figures.title:
        yield _paragraph(figures.title, paragraph)
    table = etree.Element(like(paragraph, "tbl"))
    for row in figures.rows:
        cells = etree.SubElement(table, like(paragraph, "tr"))
        for cell in row:
            etree.SubElement(cells, like(paragraph, "tc")).append(_paragraph(cell, paragraph))
    yield table


def _paragraph(words: str, beside: Element) -> Element:
    paragraph = etree.Element(like(beside, "p"))
    text = etree.SubElement(etree.SubElement(paragraph, like(beside, "r")), like(beside, "t"))
    text.text = words
    text.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
    return paragraph
