"""An OpenDocument text made ready for its reader, which passes over words in a style of their own and, in the cells of
tables, over all but the first paragraph: XML in, XML out."""

from __future__ import annotations

import io
import zipfile

from lxml import etree
from lxml.etree import _Element as Element

from ingestion.converters.markup.covered_cells import write_out_spans
from ingestion.converters.xml_tree import like, named, parsed, tags
from ingestion.converters.zip_parts import part, with_parts

_BODY = "content.xml"
_INLINE = ("span", "ruby", "ruby-base", "meta", "bookmark-ref", "reference-mark")
_BLANKS = ("s", "tab", "line-break")
_UNSEEN = ("annotation", "annotation-end", "tracked-changes", "ruby-text")


def prepared(data: bytes, *, across: bool = True) -> bytes:
    """The file with a body whose every word is where its reader looks; what spans columns is repeated if `across`.

    Raises ConversionError (damaged)."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        body = parsed(part(archive, _BODY))
        clean(body)
        write_out_spans(body, across=across)
        # The inner tables first: what their cells say is then a paragraph of the outer cell.
        for cell in reversed([*named(body, "table-cell")]):
            _in_one_paragraph(cell)
        changed = {_BODY: etree.tostring(body, xml_declaration=True, encoding="UTF-8")}
        return with_parts(archive, changed, without=("Pictures/",))


def clean(root: Element) -> None:
    """Without what nobody sees; spaces, tabs and line breaks, which are elements, become spaces: without them words are
    glued, or lost."""
    etree.strip_elements(root, *tags(*_UNSEEN), with_tail=False)
    for blank in named(root, *_BLANKS):
        blank.text = " "
    etree.strip_tags(root, *tags(*_BLANKS, *_INLINE))


def _in_one_paragraph(cell: Element) -> None:
    paragraphs = [*named(cell, "p", "h")]
    if len(paragraphs) < 2 and (not paragraphs or paragraphs[0].getparent() is cell):
        return
    words = [" ".join("".join(paragraph.itertext()).split()) for paragraph in paragraphs]
    for child in [*cell]:
        cell.remove(child)
    etree.SubElement(cell, like(paragraphs[0], "p")).text = " ".join(filter(None, words))
