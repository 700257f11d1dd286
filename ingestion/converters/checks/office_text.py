"""What an office file says by its XML alone: the text of its parts, paragraph by paragraph, without form. Pure.

The second reader of office files. It knows nothing of styles, tables and lists, so nothing of them can hide a word.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator

from lxml import etree
from lxml.etree import _Element as Element

from core.errors import ConversionError
from ingestion.converters.checks.word_recall import LEAST_RECALL, word_count, word_recall
from ingestion.converters.xml_tree import attribute, drop, local_name, named, parsed, tags
from ingestion.converters.zip_parts import part

_PARTS = re.compile(
    r"word/(?:document|footnotes|endnotes)\.xml|ppt/(?:slides/slide|notesSlides/notesSlide)\d+\.xml|content\.xml|.+\.x?html?"
    r"|xl/(?:sharedStrings|worksheets/sheet\d+)\.xml"
)
# A sheet's charts draw what stands in its cells.
_CHART = re.compile(r"(?:word|ppt)/charts/chart\d+\.xml")
_DIAGRAM = re.compile(r"(?:word|ppt|xl)/diagrams/data\d+\.xml")
_PICTURE = re.compile(r"(?:(?:word|ppt|xl)/media|Pictures)/.+\.(?:png|jpe?g|tiff?|gif|bmp|webp)", re.IGNORECASE)

# What is drawn once more for older programs, is deleted, is said about the text, or is not shown.
_UNREAD = ("Fallback", "del", "moveFrom", "tracked-changes", "annotation", "head", "script", "style", "ruby-text")
# What stands on each slide again.
_REPEATED = ("dt", "ftr", "hdr", "sldNum")
_BLOCKS = frozenset(
    ["p", "h", "br", "tab", "row", "si", "c", "li", "td", "th", "tr", "div", "h1", "h2", "h3", "h4", "h5", "h6", "s"]
)

# A document of fewer characters says hardly anything: what it shows is in its pictures.
_SHORT_TEXT = 40


def checked(text: str, data: bytes, read: bytes) -> tuple[str, str]:
    """The text to keep, which is the XML's own where too little was made of it; and what is missing.

    `data` is the archive as it came, `read` as it was read: without what is hidden, and without charts that were read.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        damaged = [name for name in names if _PARTS.fullmatch(name) and _is_damaged(archive, name)]
    with zipfile.ZipFile(io.BytesIO(read)) as archive:
        left = archive.namelist()
        plain = "\n\n".join(paragraphs(archive))
    if word_recall(text, plain) < LEAST_RECALL and word_count(text) < word_count(plain):
        text = plain
    told = [*_told(text, names, left), *([f"damaged parts: {', '.join(damaged[:3])}"] if damaged else [])]
    return text, "; ".join(told)


def _is_damaged(archive: zipfile.ZipFile, name: str) -> bool:
    try:
        part(archive, name)
    except ConversionError:
        return True
    return False


def _told(text: str, names: list[str], left: list[str]) -> Iterator[str]:
    for kind, pattern in (("charts", _CHART), ("diagrams", _DIAGRAM)):
        if count := sum(1 for name in left if pattern.fullmatch(name)):
            yield f"{kind} without text: {count}"
    if len(text.strip()) < _SHORT_TEXT and (pictures := sum(1 for name in names if _PICTURE.fullmatch(name))):
        yield f"pictures, no OCR: {pictures}"


def paragraphs(archive: zipfile.ZipFile) -> Iterator[str]:
    """What the archive's parts say, a paragraph at a time."""
    for name in archive.namelist():
        if not _PARTS.fullmatch(name):
            continue
        try:
            root = parsed(part(archive, name))
        except ConversionError:
            continue  # an HTML part that is no XML, or one that is damaged; its own reader has looked at it
        # Text stands in elements of its own in Office files, anywhere in the others.
        only = frozenset(("t", "v")) if name.startswith(("word/", "ppt/", "xl/")) else None
        _drop_unread(root)
        yield from (" ".join(line.split()) for line in "".join(_text(root, only)).split("\n") if line.strip())


def _drop_unread(root: Element) -> None:
    etree.strip_elements(root, etree.Comment, *tags(*_UNREAD), with_tail=False)
    for mark in [*named(root, "ph")]:
        if attribute(mark, "type") in _REPEATED:
            drop(next(mark.iterancestors("{*}sp"), mark))
    for run in [*named(root, "r")]:
        if next(run.iterfind("{*}rPr/{*}vanish"), None) is not None:
            drop(run)
    for value in [*named(root, "v")]:
        if attribute(value.getparent(), "t") == "s":
            drop(value)  # the number of a string, which stands with the others


def _text(root: Element, only: frozenset[str] | None) -> Iterator[str]:
    """The text in its order, with a line end where a block begins or ends; `only` of elements of these names."""
    for event, node in etree.iterwalk(root, events=("start", "end")):
        name = local_name(node)
        if name in _BLOCKS:
            yield "\n"
        if event == "start" and (only is None or name in only):
            yield node.text or ""
        if event == "end" and only is None and node is not root:
            yield node.tail or ""
