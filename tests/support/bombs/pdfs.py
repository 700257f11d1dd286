"""PDF files: trees of pages without end, streams that inflate, drawings that draw one another."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence

_PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<<%s>>>>"
_FONT = b"/Font<</F1 5 0 R>>"
_HELVETICA = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
_HELLO = b"BT /F1 12 Tf 72 700 Td (Hello) Tj ET"


def _file(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """As `tests.support.written_pdf`, for what is no document."""
    body, offsets = [b"%PDF-1.4\n"], []
    length = len(body[0])
    for number, one in enumerate(objects, 1):
        offsets.append(length)
        body.append(b"%d 0 obj\n%s\nendobj\n" % (number, one))
        length += len(body[-1])
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n"
    return b"".join(body) + end % (size, table, size, trailer, length)


def _stream(content: bytes, *, packed: bool = False, more: bytes = b"") -> bytes:
    data = zlib.compress(content, 1) if packed else content
    how = b"/Filter/FlateDecode" if packed else b""
    return b"<</Length %d%s%s>>\nstream\n%s\nendstream" % (len(data), how, more, data)


def _one_page(content: bytes, resources: bytes = _FONT, others: Sequence[bytes] = ()) -> bytes:
    catalog, pages = b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
    return _file([catalog, pages, _PAGE % resources, content, _HELVETICA, *others])


def _tree(pages: bytes, *others: bytes) -> bytes:
    return _file([b"<</Type/Catalog/Pages 2 0 R>>", pages, _PAGE % _FONT, _stream(_HELLO), _HELVETICA, *others])


def _packed_twice(size: int) -> bytes:
    data = zlib.compress(zlib.compress(b" " * size, 9), 9)
    return b"<</Length %d/Filter[/FlateDecode/FlateDecode]>>\nstream\n%s\nendstream" % (len(data), data)


def _forms_in_forms(depth: int) -> bytes:
    """Each form draws the next ten times."""
    forms = []
    for level in range(depth):
        last = level == depth - 1
        content = b"BT /F1 9 Tf (ha) Tj ET" if last else b"/X Do " * 10
        inner = _FONT if last else b"/XObject<</X %d 0 R>>" % (7 + level)
        forms.append(_stream(content, more=b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<<%s>>" % inner))
    return _one_page(_stream(b"/X Do"), b"/XObject<</X 6 0 R>>", forms)


def _many_fonts(count: int) -> bytes:
    fonts = b"".join(b"/F%d %d 0 R" % (n, 5 + n) for n in range(1, count + 1))
    drawn = b"BT " + b"".join(b"/F%d 12 Tf (a) Tj " % n for n in range(1, count + 1)) + b"ET"
    return _one_page(_stream(drawn, packed=True), b"/Font<<%s>>" % fonts, [_HELVETICA] * count)


def _unicode_map(ranges: int) -> bytes:
    entries = b"<0000><ffff><0041>\n" * ranges
    cmap = b"begincmap 1 begincodespacerange <0000><ffff> endcodespacerange 100 beginbfrange\n%sendbfrange" % entries
    font = (
        b"<</Type/Font/Subtype/Type0/BaseFont/A/Encoding/Identity-H/ToUnicode 7 0 R/DescendantFonts[<</Type/Font"
        b"/Subtype/CIDFontType2/BaseFont/A/CIDSystemInfo<</Registry(A)/Ordering(I)/Supplement 0>>>>]>>"
    )
    page = b"/Font<</F1 6 0 R>>"
    return _one_page(_stream(b"BT /F1 12 Tf <00410042> Tj ET"), page, [font, _stream(cmap, packed=True)])


def _glyphs(count: int, where: bytes = b"72 700 Td") -> bytes:
    return b"BT /F1 1 Tf %s (%s) Tj ET" % (where, b"word " * (count // 5))


FILES: Mapping[str, Callable[[], bytes]] = {
    "count.pdf": lambda: _tree(b"<</Type/Pages/Kids[3 0 R]/Count 2000000000>>"),
    "cycle.pdf": lambda: _tree(b"<</Type/Pages/Kids[2 0 R 3 0 R]/Count 100000>>"),
    "same_page.pdf": lambda: _tree(b"<</Type/Pages/Kids[%s]/Count 100000>>" % (b"3 0 R " * 100_000)),
    "deep_tree.pdf": lambda: _tree(
        b"<</Type/Pages/Kids[6 0 R]/Count 1>>",
        *(b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % (7 + n) for n in range(100_000)),
        _PAGE % _FONT,
    ),
    "pages.pdf": lambda: _tree(
        b"<</Type/Pages/Kids[%s]/Count 50000>>" % b" ".join(b"%d 0 R" % n for n in range(6, 50_006)),
        *[_PAGE % _FONT] * 50_000,
    ),
    "inflates.pdf": lambda: _one_page(_stream(b" " * 500_000_000, packed=True)),
    "inflates_twice.pdf": lambda: _one_page(_packed_twice(1_000_000_000)),
    "saved_states.pdf": lambda: _one_page(_stream(b"q " * 50_000_000, packed=True)),
    "lines.pdf": lambda: _one_page(_stream(b"0 0 m 9 9 l S " * 3_000_000, packed=True)),
    "forms.pdf": lambda: _forms_in_forms(9),
    "form_of_itself.pdf": lambda: _one_page(
        _stream(b"/X Do"), b"/XObject<</X 6 0 R>>",
        [_stream(b"/X Do", more=b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 6 0 R>>>>")],
    ),
    "fonts.pdf": lambda: _many_fonts(20_000),
    "unicode_map.pdf": lambda: _unicode_map(20_000),
    "glyphs.pdf": lambda: _one_page(_stream(_glyphs(20_000_000), packed=True)),
    "far_glyphs.pdf": lambda: _one_page(_stream(_glyphs(100_000, b"1e30 -1e30 Td"), packed=True)),
    "box.pdf": lambda: _one_page(_stream(_HELLO)).replace(b"[0 0 612 792]", b"[-1e9 -1e9 1e9 1e9]"),
    "arrays.pdf": lambda: _one_page(_stream(b"[" * 5_000_000 + b"]" * 5_000_000, packed=True)),
    "arrays_in_object.pdf": lambda: _tree(b"<</Type/Pages/Kids[3 0 R]/Count 1/X " + b"[" * 500_000 + b">>"),
    "previous.pdf": lambda: _file([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]>>"], b"/Prev 9/XRefStm 9"),
    "image.pdf": lambda: _one_page(
        _stream(b"/I Do"), b"/XObject<</I 6 0 R>>",
        [_stream(bytes(100_000_000), packed=True, more=b"/Type/XObject/Subtype/Image/Width 100000/Height 100000"
                 b"/ColorSpace/DeviceRGB/BitsPerComponent 8")],
    ),
    "predictor.pdf": lambda: _one_page(
        _stream(b" " * 100_000, packed=True, more=b"/DecodeParms<</Predictor 15/Columns 2000000000/Colors 32>>")
    ),
    "objects.pdf": lambda: _file([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>", *[b"<<>>"] * 2_000_000]),
}  # fmt: skip
