"""A Word document made ready for its reader, which overlooks some of what a person sees and shows some of what nobody
sees: XML in, XML out.

Text boxes, notes, charts and diagrams stand in words behind the paragraph that holds them, headers and footers once
around the body, tracked insertions are text; hidden runs, deletions, comments and marks of emphasis (they break words)
are gone.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree
from lxml.etree import _Element as Element

from ingestion.converters.word.drawn import say_drawings
from ingestion.converters.xml_tree import (
    attribute,
    children,
    choose_alternatives,
    drop,
    like,
    local_name,
    named,
    parsed,
    tags,
)
from ingestion.converters.zip_parts import part, with_parts

_BODY = "word/document.xml"

# Parts that are in the body afterwards, and pictures, which nobody looks at.
_MERGED = ("word/footnotes", "word/endnotes", "word/header", "word/footer", "word/media/")

_REMOVED = ("del", "moveFrom", "commentRangeStart", "commentRangeEnd", "commentReference", "annotationRef", "delText")
_UNWRAPPED = ("ins", "moveTo", "smartTag", "customXml")
_EMPHASIS = ("b", "bCs", "i", "iCs", "u", "strike", "dstrike", "em")
_NOTES = {"footnoteReference": "footnotes", "endnoteReference": "endnotes"}
_OFF = ("0", "false", "off")

# What a header says has so many words or a number that is not the page's; "Page 1 of 3" has two.
_HEADER_WORDS = 3
_WORD = re.compile(r"\w+")
_PAGE_FIELD = re.compile(r"\b(?:NUMPAGES|PAGE|SECTIONPAGES)\b")


def prepared(data: bytes) -> bytes:
    """The docx file with a body in which all that is to be read stands once. Raises ConversionError (damaged)."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = _Parts(archive)
        body = parts.tree(_BODY)
        if body is None:
            return data
        _put_in_order(body, parts)
        drawings = say_drawings(body, parts.targets(), parts.tree)
        changed = {_BODY: etree.tostring(body, xml_declaration=True, encoding="UTF-8", standalone=True)}
        return with_parts(archive, changed, without=(*_MERGED, *drawings))


@dataclass
class _Parts:
    """The XML parts of an archive, each parsed once."""

    archive: zipfile.ZipFile
    hidden_styles: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        styles = self.tree("word/styles.xml")
        self.hidden_styles = frozenset() if styles is None else _hidden_styles(styles)

    def tree(self, name: str) -> Element | None:
        """The root of a part; None where the archive has none of that name."""
        return parsed(part(self.archive, name)) if name in self.archive.namelist() else None

    def targets(self) -> dict[str, str]:
        """The body's relations: the id of each and the part it names."""
        relations = self.tree("word/_rels/document.xml.rels")
        if relations is None:
            return {}
        return {
            relation.get("Id", ""): posixpath.normpath(posixpath.join("/word", relation.get("Target", ""))).lstrip("/")
            for relation in relations
            if relation.get("TargetMode") != "External"
        }


def _put_in_order(body: Element, parts: _Parts) -> None:
    notes = {kind: _notes(parts, kind) for kind in _NOTES.values()}
    _clean(body, parts.hidden_styles)
    _number_notes(body, notes)
    _hoist_boxes(body)
    content = next(named(body, "body"), None)
    if content is None:
        return
    top, bottom = _margins(content, parts)
    for position, block in enumerate(top):
        content.insert(position, block)
    end = next((child for child in reversed(content) if local_name(child) == "sectPr"), None)
    for block in bottom:
        content.append(block) if end is None else end.addprevious(block)


# -- what is seen


def _clean(root: Element, hidden_styles: frozenset[str]) -> None:
    """Without what nobody sees, and without wrappers that its reader passes over."""
    choose_alternatives(root)
    for node in [*named(root, *_REMOVED)]:
        drop(node)
    # Looked at before their runs, of which one may have thousands.
    hidden_paragraphs = {
        style.getparent().getparent()
        for style in root.iterfind(".//{*}p/{*}pPr/{*}pStyle")
        if _value(style) in hidden_styles
    }
    for node in [*named(root, "r")]:
        if _is_hidden(node, hidden_styles, hidden_paragraphs):
            drop(node)
    # Each on its own would cost what its paragraph holds: there are documents with thousands in one.
    etree.strip_tags(root, *tags(*_UNWRAPPED))
    for properties in [*named(root, "rPr")]:
        for mark in [*children(properties, *_EMPHASIS)]:
            properties.remove(mark)


def _is_hidden(run: Element, hidden_styles: frozenset[str], hidden_paragraphs: set[Element]) -> bool:
    properties = next(children(run, "rPr"), None)
    if properties is not None:
        for mark in children(properties, "vanish"):
            return _is_on(mark)
        for style in children(properties, "rStyle"):
            if _value(style) in hidden_styles:
                return True
    return next(run.iterancestors("{*}p"), None) in hidden_paragraphs


def _hidden_styles(styles: Element) -> frozenset[str]:
    """The ids of the styles whose text is hidden, by themselves or by what they are based on."""
    own: dict[str, bool | None] = {}
    based: dict[str, str] = {}
    for style in children(styles, "style"):
        name = attribute(style, "styleId")
        mark = next(style.iterfind("{*}rPr/{*}vanish"), None)
        own[name] = None if mark is None else _is_on(mark)
        for base in children(style, "basedOn"):
            based[name] = _value(base)
    return frozenset(name for name in own if _inherited(name, own, based))


def _inherited(name: str, own: dict[str, bool | None], based: dict[str, str]) -> bool:
    seen = set()
    while name in own and name not in seen:
        if (value := own[name]) is not None:
            return value
        seen.add(name)
        name = based.get(name, "")
    return False


# -- boxes and notes


def _hoist_boxes(root: Element) -> None:
    """Text boxes as paragraphs behind the one they are anchored in; an inner box goes out first."""
    for box in reversed([*named(root, "txbxContent")]):
        shape = next(box.iterancestors("{*}drawing", "{*}pict", "{*}object"), box)
        paragraph = next(shape.iterancestors("{*}p"), None)
        if paragraph is None:
            continue
        for block in reversed(box):
            paragraph.addnext(block)
        if next(named(shape, "txbxContent"), None) is box:
            drop(shape)
        else:
            drop(box)


def _notes(parts: _Parts, kind: str) -> dict[str, list[Element]]:
    """The paragraphs of each footnote or endnote by its id, without the lines that separate them from the page."""
    root = parts.tree(f"word/{kind}.xml")
    if root is None:
        return {}
    _clean(root, parts.hidden_styles)
    return {
        attribute(note, "id"): [*children(note, "p", "tbl")]
        for note in children(root, kind[:-1])
        if attribute(note, "type") in ("", "normal")
    }


def _number_notes(body: Element, notes: dict[str, dict[str, list[Element]]]) -> None:
    """References as numbers, each note behind the paragraph that refers to it first, under its number."""
    numbers: dict[tuple[str, str], int] = {}
    behind: dict[Element, Element] = {}
    for reference in [*named(body, *_NOTES)]:
        kind, name = _NOTES[local_name(reference)], attribute(reference, "id")
        blocks = notes[kind].get(name, [])
        paragraph = next(reference.iterancestors("{*}p"), None)
        if not blocks or paragraph is None:
            drop(reference)
            continue
        new = (kind, name) not in numbers
        count = numbers.setdefault((kind, name), len(numbers) + 1)
        mark = reference.makeelement(like(reference, "t"))
        mark.text = f" ({count})"
        mark.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
        reference.getparent().replace(reference, mark)
        for number, block in enumerate(blocks if new else ()):
            if number == 0 and local_name(block) == "p":
                _lead(block, f"({count}) ")
            behind.get(paragraph, paragraph).addnext(block)
            behind[paragraph] = block


def _lead(paragraph: Element, words: str) -> None:
    run = etree.Element(like(paragraph, "r"))
    text = etree.SubElement(run, like(paragraph, "t"))
    text.text = words
    text.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
    first = next(children(paragraph, "pPr"), None)
    paragraph.insert(0, run) if first is None else first.addnext(run)


# -- headers and footers


def _margins(body: Element, parts: _Parts) -> tuple[list[Element], list[Element]]:
    """What stands in the headers and in the footers of the sections, each text once."""
    targets = parts.targets()
    said: set[str] = set()
    top, bottom = (
        [
            block
            for part_name in dict.fromkeys(targets.get(attribute(node, "id"), "") for node in named(body, name))
            for block in _margin(parts, part_name, said)
        ]
        for name in ("headerReference", "footerReference")
    )
    return top, bottom


def _margin(parts: _Parts, name: str, said: set[str]) -> Iterator[Element]:
    root = parts.tree(name) if name else None
    if root is None:
        return
    _clean(root, parts.hidden_styles)
    _drop_page_numbers(root)
    _hoist_boxes(root)
    for shape in [*named(root, "drawing", "pict", "object")]:
        drop(shape)  # its picture is named by this part's relations, not by the body's
    for block in [*children(root, "p", "tbl", "sdt")]:
        words = " ".join(" ".join(text.text or "" for text in named(block, "t")).split())
        says = len(_WORD.findall(words)) >= _HEADER_WORDS or any(character.isdigit() for character in words)
        if not says or words in said:
            continue
        said.add(words)
        for style in [*block.iterfind(".//{*}pPr/{*}pStyle")]:
            drop(style)  # a header is no heading
        yield block


def _drop_page_numbers(root: Element) -> None:
    for simple in [*named(root, "fldSimple")]:
        if _PAGE_FIELD.search(attribute(simple, "instr")):
            drop(simple)
    for paragraph in named(root, "p"):
        instruction = None  # of the field that is open; its result is in the runs up to its end
        for run in [*named(paragraph, "r")]:
            for mark in children(run, "fldChar"):
                instruction = {"begin": "", "end": None}.get(attribute(mark, "fldCharType"), instruction)
            if instruction is not None:
                instruction += "".join(text.text or "" for text in children(run, "instrText"))
                if _PAGE_FIELD.search(instruction):
                    drop(run)


def _value(node: Element) -> str:
    return attribute(node, "val")


def _is_on(mark: Element) -> bool:
    return _value(mark).lower() not in _OFF
