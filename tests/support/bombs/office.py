"""Office files: archives of XML, and the compound files of older programs."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping

from tests.support.bombs.archives import Part, archive, repeated, understated

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_P = "http://schemas.openxmlformats.org/presentationml/2006/main"
_A = "http://schemas.openxmlformats.org/drawingml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument"
_LAUGHS = "<!DOCTYPE x [<!ENTITY a0 'ha'>{}]>".format(
    "".join(f"<!ENTITY a{n + 1} '{f'&a{n};' * 10}'>" for n in range(10))
)


def _word(body: Part, **others: Part) -> dict[str, Part]:
    return {
        "[Content_Types].xml": _types("/word/document.xml", "wordprocessingml.document"),
        "_rels/.rels": _relations("word/document.xml"),
        "word/document.xml": body,
        **{name.replace("__", "/") + ".xml": part for name, part in others.items()},
    }


def _types(part: str, kind: str, more: str = "") -> str:
    return (
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/><Default Extension="png" ContentType="image/png"/>'
        f'<Override PartName="{part}" ContentType="{_TYPE}.{kind}.main+xml"/>{more}</Types>'
    )


def _relations(*targets: str, kind: str = "officeDocument") -> str:
    each = "".join(
        f'<Relationship Id="rId{n}" Type="{_R}/{kind}" Target="{target}"/>' for n, target in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{each}</Relationships>'


def _docx(body: str, count: int = 1, head: str = "", tail: str = "", **others: Part) -> bytes:
    before, after = f'{head}<w:document xmlns:w="{_W}" xmlns:r="{_R}"><w:body>', f"{tail}</w:body></w:document>"
    return archive(_word(repeated(before, body, count, after), **others))


def _text(words: str) -> str:
    return f"<w:p><w:r><w:t>{words}</w:t></w:r></w:p>"


def _nested_tables(depth: int) -> bytes:
    return _docx("<w:tbl><w:tr><w:tc>" * depth + _text("deep") + "</w:tc></w:tr></w:tbl>" * depth)


def _xlsx(sheet: Part, strings: Part = "", sheets: int = 1) -> bytes:
    names = [f"worksheets/sheet{n}.xml" for n in range(1, sheets + 1)]
    listed = "".join(f'<sheet name="S{n}" sheetId="{n}" r:id="rId{n}"/>' for n in range(1, sheets + 1))
    override = '<Override PartName="/xl/{}" ContentType="{}.spreadsheetml.{}+xml"/>'
    types = "".join(override.format(name, _TYPE, "worksheet") for name in names)
    shared = [("sharedStrings", f"{_R}/sharedStrings", "sharedStrings.xml")] if strings else []
    types += override.format("sharedStrings.xml", _TYPE, "sharedStrings") if strings else ""
    relations = _relations(*names, kind="worksheet").replace(
        "</Relationships>",
        "".join(f'<Relationship Id="{i}" Type="{t}" Target="{to}"/>' for i, t, to in shared) + "</Relationships>",
    )
    parts: dict[str, Part] = {
        "[Content_Types].xml": _types("/xl/workbook.xml", "spreadsheetml.sheet", types),
        "_rels/.rels": _relations("xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{_S}" xmlns:r="{_R}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations,
        **{f"xl/{name}": sheet for name in names},
    }
    return archive({**parts, "xl/sharedStrings.xml": strings} if strings else parts)


def _sheet(rows: str, count: int = 1, dimension: str = "A1", tail: str = "") -> Iterable[bytes]:
    head = f'<worksheet xmlns="{_S}"><dimension ref="{dimension}"/><sheetData>'
    return repeated(head, rows, count, f"</sheetData>{tail}</worksheet>")


def _inline(place: str, words: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{words}</t></is></c>'


def _merged(ranges: int) -> str:
    whole = '<mergeCell ref="A1:XFD1048576"/>' * ranges
    return f"<mergeCells>{whole}</mergeCells>"


def _shared_giant(size: int, cells: int) -> bytes:
    strings = repeated(f'<sst xmlns="{_S}" count="1"><si><t>', "giant ", size // 6, "</t></si></sst>")
    return _xlsx(_sheet('<row><c t="s"><v>0</v></c></row>', cells), strings)


def _pptx(slide: Part, slides: int = 1) -> bytes:
    names = [f"slides/slide{n}.xml" for n in range(1, slides + 1)]
    listed = "".join(f'<p:sldId id="{255 + n}" r:id="rId{n}"/>' for n in range(1, slides + 1))
    types = "".join(
        f'<Override PartName="/ppt/{name}" ContentType="{_TYPE}.presentationml.slide+xml"/>' for name in names
    )
    show = f'<p:presentation xmlns:p="{_P}" xmlns:r="{_R}"><p:sldIdLst>{listed}</p:sldIdLst></p:presentation>'
    return archive(
        {
            "[Content_Types].xml": _types("/ppt/presentation.xml", "presentationml.presentation", types),
            "_rels/.rels": _relations("ppt/presentation.xml"),
            "ppt/presentation.xml": show,
            "ppt/_rels/presentation.xml.rels": _relations(*names, kind="slide"),
            **{f"ppt/{name}": slide for name in names},
        }
    )


def _slide(inside: str, count: int = 1, middle: str = "", inner: str = "") -> Iterable[bytes]:
    head = f'<p:sld xmlns:p="{_P}" xmlns:a="{_A}"><p:cSld><p:spTree>'
    tail = f"{middle}{inner * count}</p:spTree></p:cSld></p:sld>"
    return repeated(head, inside, count, tail)


_SHAPE = "<p:sp><p:txBody><a:p><a:r><a:t>words on a slide</a:t></a:r></a:p></p:txBody></p:sp>"


def _open_document(kind: str, body: str, count: int = 1, tail: str = "", head: str = "") -> bytes:
    spaces = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "text", "table", "draw", "presentation")
    )
    before = f"{head}<office:document-content{spaces}><office:body><office:{kind}>"
    after = f"{tail}</office:{kind}></office:body></office:document-content>"
    return archive(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "META-INF/manifest.xml": "<manifest/>",
            "content.xml": repeated(before, body, count, after),
        }
    )


def _ods(row: str) -> bytes:
    return _open_document("spreadsheet", f'<table:table table:name="S">{row}</table:table>')


def _repeated_cells() -> bytes:
    cell = '<table:table-cell table:number-columns-repeated="16384"><text:p>x</text:p></table:table-cell>'
    return _ods(f'<table:table-row table:number-rows-repeated="1048576">{cell}</table:table-row>')


def _epub(chapter: Part, chapters: int = 1, spine: int = 1, links: str = "") -> bytes:
    items = "".join(f'<item id="c{n}" href="c{n}.xhtml" media-type="application/xhtml+xml"/>' for n in range(chapters))
    order = "".join(f'<itemref idref="c{n}"/>' for n in range(chapters)) * spine
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata/>'
        f"<manifest>{items}{links}</manifest><spine>{order}</spine></package>"
    )
    container = (
        '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="o.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    return archive(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": container,
            "o.opf": package,
            **{f"c{n}.xhtml": chapter for n in range(chapters)},
        }
    )


def _page(body: str, count: int = 1, head: str = "", tail: str = "") -> Iterable[bytes]:
    return repeated(f'{head}<html xmlns="http://www.w3.org/1999/xhtml"><body>', body, count, f"{tail}</body></html>")


def compound(stream: str, content: bytes, *, cycle: bool = False) -> bytes:
    """A compound file ([MS-CFB]) with one stream of at least 4,096 bytes; in a `cycle` its sectors have no end."""
    content += bytes(-len(content) % 512)
    sectors = len(content) // 512
    tables = -(-(sectors + 2) // 127)
    free, end, own = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
    chain = [*range(tables + 2, tables + 1 + sectors), tables + 1 if cycle else end]
    entries = [own] * tables + [end, *chain]
    table = struct.pack(f"<{len(entries)}I", *entries).ljust(tables * 512, b"\xff")
    head = struct.pack("<8s16x5H6x", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<9I", 0, tables, tables, 0, 4096, end, 0, end, 0)
    head += struct.pack("<109I", *[*range(tables), *[free] * 109][:109])
    root = _entry("Root Entry", 5, 1, end, 0)
    size = 0xFFFFFFF0 if cycle else len(content)
    return head + table + root + _entry(stream, 2, free, tables + 1, size) + bytes(256) + content


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    written = name.encode("utf-16-le") + b"\x00\x00"
    return struct.pack("<64sHBB3I36xIQ", written, len(written), kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child, start, size)


def _rtf(body: bytes, count: int, tail: bytes = b"") -> bytes:
    return b"{\\rtf1\\ansi " + body * count + tail + b"}"


def _workbook(record: bytes, count: int) -> bytes:
    start = struct.pack("<HHHHHHII", 0x0809, 16, 0x0600, 5, 0, 1997, 0, 6)
    return compound("Workbook", (start + record * count).ljust(8192, b"\0"))


def _atoms(depth: int) -> bytes:
    """Records of a presentation in one another, each as long as all that is in it."""
    nested = b"".join(struct.pack("<HHI", 0x000F, 1000, 8 * (depth - level)) for level in range(depth))
    return compound("PowerPoint Document", nested.ljust(8192, b"\0"))


_PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBBI", 13, b"IHDR", 200_000, 200_000, 8, 6, 0, 0, 0, 0)
_PICTURE = f'<w:p><w:r><w:drawing><a:blip xmlns:a="{_A}" r:embed="rId1"/></w:drawing></w:r></w:p>'

FILES: Mapping[str, Callable[[], bytes]] = {
    "inflates.docx": lambda: _docx(" ", 1_000_000_000),
    "inflates_unsaid.docx": lambda: understated(_docx(" ", 500_000_000)),
    "empty_paragraphs.docx": lambda: _docx("<w:p/>", 8_000_000),
    "short_paragraphs.docx": lambda: _docx(_text("a"), 900_000),
    "nested_tables.docx": lambda: _nested_tables(5_000),
    "nested_tables_200.docx": lambda: _nested_tables(80),
    "runs_in_one_paragraph.docx": lambda: _docx(f"<w:p>{'<w:r><w:t>a </w:t></w:r>' * 1_000_000}</w:p>"),
    "laughs.docx": lambda: _docx(_text("&a10;"), head=_LAUGHS),
    "spans.docx": lambda: _docx(
        '<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val="2000000000"/></w:tcPr>' + _text("a") + "</w:tc></w:tr></w:tbl>"
    ),
    "many_tables.docx": lambda: _docx("<w:tbl><w:tr><w:tc>" + _text("a") + "</w:tc></w:tr></w:tbl>", 300_000),
    "wide_table.docx": lambda: _docx(
        "<w:tbl><w:tr>" + ("<w:tc>" + _text("a") + "</w:tc>") * 200_000 + "</w:tr></w:tbl>"
    ),
    "notes.docx": lambda: _docx(
        '<w:p><w:r><w:footnoteReference w:id="1"/></w:r></w:p>', 300_000,
        word__footnotes=f'<w:footnotes xmlns:w="{_W}"><w:footnote w:id="1">{_text("n") * 1000}</w:footnote></w:footnotes>',
    ),
    "members.docx": lambda: archive({**_word("<a/>"), **{f"word/{n}.xml": "" for n in range(200_000)}}),
    "picture.docx": lambda: archive({
        **_word(f'<w:document xmlns:w="{_W}" xmlns:r="{_R}"><w:body>{_PICTURE}</w:body></w:document>'),
        "word/_rels/document.xml.rels": _relations("media/a.png", kind="image"), "word/media/a.png": _PNG,
    }),
    "inflates.pptx": lambda: _pptx(_slide(" ", 1_000_000_000)),
    "shapes.pptx": lambda: _pptx(_slide(_SHAPE, 500_000)),
    "nested_groups.pptx": lambda: _pptx(_slide("<p:grpSp>", 50_000, _SHAPE, "</p:grpSp>")),
    "slides.pptx": lambda: _pptx(b"".join(_slide(_SHAPE)), 20_000),
    "inflates.xlsx": lambda: _xlsx(_sheet(" ", 1_000_000_000)),
    "merged.xlsx": lambda: _xlsx(_sheet(f"<row r='1'>{_inline('A1', 'm')}</row>", tail=_merged(1000))),
    "far_cell.xlsx": lambda: _xlsx(
        _sheet(f"<row r='1'>{_inline('A1', 'a')}</row><row r='1048576'>{_inline('XFD1048576', 'z')}</row>",
               dimension="A1:XFD1048576")
    ),
    "far_cells_of_sheets.xlsx": lambda: _xlsx(
        b"".join(_sheet(f"<row r='1'>{_inline('A1', 'a')}</row><row r='9000'>{_inline('ZZ9000', 'z')}</row>")),
        sheets=300,
    ),
    "shared_string.xlsx": lambda: _shared_giant(5_000_000, 1_000_000),
    "shared_strings_small.xlsx": lambda: _shared_giant(30_000, 200_000),
    "rows.xlsx": lambda: _xlsx(_sheet("<row><c><v>1</v></c></row>", 2_000_000)),
    "columns.xlsx": lambda: _xlsx(_sheet("<row>" + "<c><v>1</v></c>" * 16_384 + "</row>", 150)),
    "laughs.xlsx": lambda: _xlsx(f'{_LAUGHS}<worksheet xmlns="{_S}"><sheetData><row><c t="str"><v>&a10;</v></c></row></sheetData></worksheet>'),
    "inflates.odt": lambda: _open_document("text", " ", 1_000_000_000),
    "spaces.odt": lambda: _open_document("text", '<text:p>a<text:s text:c="2000000000"/>b</text:p>'),
    "sections.odt": lambda: _open_document("text", "<text:section>", 100_000, "<text:p>a</text:p>" + "</text:section>" * 100_000),
    "nested_cells.odt": lambda: _open_document(
        "text", "<table:table><table:table-row><table:table-cell>", 80,
        "<text:p>a</text:p>" + "</table:table-cell></table:table-row></table:table>" * 80,
    ),
    "paragraphs.odt": lambda: _open_document("text", "<text:p>a</text:p>", 2_500_000),
    "laughs.odt": lambda: _open_document("text", "<text:p>&a10;</text:p>", head=_LAUGHS),
    "repeated.ods": _repeated_cells,
    "repeated_empty.ods": lambda: _ods(
        '<table:table-row table:number-rows-repeated="1048576"><table:table-cell '
        'table:number-columns-repeated="16384"/></table:table-row>'
    ),
    "table.odp": lambda: _open_document(
        "presentation", '<draw:page><draw:frame><table:table>' + "<table:table-row>"
        "<table:table-cell><text:p>a</text:p></table:table-cell></table:table-row>" * 300_000
        + "</table:table></draw:frame></draw:page>",
    ),
    "lists.odp": lambda: _open_document(
        "presentation", "<draw:page><draw:frame>" + "<text:list><text:list-item>" * 2_000 + "<text:p>a</text:p>" * 5_000
        + "</text:list-item></text:list>" * 2_000 + "</draw:frame></draw:page>",
    ),
    "inflates.epub": lambda: _epub(_page(" ", 1_000_000_000)),
    "chapters.epub": lambda: _epub(b"".join(_page("<p>One more chapter.</p>")), 20_000),
    "spine.epub": lambda: _epub(b"".join(_page("<p>Again and again.</p>", 100)), 1, 100_000),
    "laughs.epub": lambda: _epub(b"".join(_page("<p>&a10;</p>", head=_LAUGHS))),
    "nested.epub": lambda: _epub(b"".join(_page("<div>", 100_000))),
    "groups.rtf": lambda: _rtf(b"{", 1_000_000, b"a" + b"}" * 1_000_000),
    "binary.rtf": lambda: _rtf(b"\\bin2000000000 ", 1_000),
    "tables.rtf": lambda: _rtf(b"\\trowd\\cellx1 a\\cell\\row ", 500_000),
    "cycle.doc": lambda: compound("WordDocument", b"\xec\xa5" + bytes(8_190), cycle=True),
    "zeros.doc": lambda: compound("WordDocument", b"\xec\xa5\xc1\x00" + b"\xff" * 5_000_000),
    "cycle.xls": lambda: compound("Workbook", bytes(8192), cycle=True),
    "far_cells.xls": lambda: _workbook(
        struct.pack("<HHHHHd", 0x0203, 14, 65_535, 255, 0, 1.0) + struct.pack("<HHHHHd", 0x0203, 14, 0, 0, 0, 1.0), 1_000
    ),
    "records.ppt": lambda: _atoms(200_000),
    "cycle.ppt": lambda: compound("PowerPoint Document", bytes(8192), cycle=True),
}  # fmt: skip
