"""What of a Word document is read: what a person sees, once, and nothing else."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from time import process_time

import pytest

from ingestion.converters import xml_tree
from ingestion.converters.word import markup as word_markup
from ingestion.converters.word import word97
from ingestion.converters.word.markup import prepared
from tests.support.conversion import Convert

DATA = Path(__file__).parents[2] / "data" / "documents"
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="word/document.xml"/></Relationships>'
)


def word_file(body: str, **parts: str) -> bytes:
    """A docx with that body; `parts` are further parts of word/ by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr("_rels/.rels", RELATIONS)
        archive.writestr("word/document.xml", f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>')
        for name, content in parts.items():
            archive.writestr(f"word/{name}" if "." in name else f"word/{name}.xml", content)
    return buffer.getvalue()


def paragraph(*runs: str) -> str:
    return f"<w:p>{''.join(runs)}</w:p>"


def run(words: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{words}</w:t></w:r>'


def lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "textbox.docx",
            [
                "First plain paragraph about lions.",
                "The approval limit for travel is 400 euros per trip.",
                "Note in the box",
                "Last plain paragraph about tigers.",
            ],
        ),
        (
            "header.docx",
            [
                "Document number QM-5521 of the harbour office",
                "Body of the header test: the ferry leaves at noon.",
                "Valid until the end of 2027",
            ],
        ),
        ("hidden.docx", ["The visible run says the alarm is tested on Mondays."]),
        ("runs.docx", ["The split word is Hafenmeisterei.", "First step", "Second step"]),
        (
            "footnote.docx",
            ["The pier rule has a note. (1)", "(1) The footnote says dogs are allowed on the pier after six."],
        ),
        (
            "merged.docx",
            [
                "| Zone | Boat | Berths |",
                "| --- | --- | --- |",
                "| East | Sail | 12 |",
                "| East | Motor | 7 |",
                "| West | Sail | 3 |",
            ],
        ),
    ],
)
def test_a_word_document_is_read_as_it_is_seen(convert: Convert, name: str, expected: list[str]) -> None:
    assert lines(convert(name, (DATA / name).read_bytes()).text) == expected


def test_tracked_insertions_are_text_and_deletions_and_comments_are_not(convert: Convert) -> None:
    body = paragraph(
        run("The fee is "),
        f"<w:del>{run('ten').replace('w:t', 'w:delText')}</w:del>",
        f"<w:ins>{run('twelve')}</w:ins>",
        "<w:moveFrom>" + run(" old") + "</w:moveFrom>",
        "<w:moveTo>" + run(" euros") + "</w:moveTo>",
        '<w:r><w:commentReference w:id="0"/></w:r>',
    )
    comments = (
        f'<w:comments xmlns:w="{WORD}"><w:comment w:id="0">{paragraph(run("who says?"))}</w:comment></w:comments>'
    )

    assert convert("a.docx", word_file(body, comments=comments)).text == "The fee is twelve euros"


@pytest.mark.parametrize(
    ("properties", "hidden"),
    [
        ("<w:vanish/>", True),
        ('<w:vanish w:val="1"/>', True),
        ('<w:vanish w:val="0"/>', False),
        ('<w:rStyle w:val="Secret"/>', True),
        ('<w:rStyle w:val="Child"/>', True),
        ('<w:rStyle w:val="Open"/>', False),
        ('<w:rStyle w:val="Secret"/><w:vanish w:val="false"/>', False),
        ("<w:webHidden/>", False),
    ],
)
def test_a_run_is_hidden_by_itself_or_by_its_style(convert: Convert, properties: str, hidden: bool) -> None:
    styles = (
        f'<w:styles xmlns:w="{WORD}"><w:style w:styleId="Secret"><w:rPr><w:vanish/></w:rPr></w:style>'
        '<w:style w:styleId="Child"><w:basedOn w:val="Secret"/></w:style>'
        '<w:style w:styleId="Open"><w:basedOn w:val="Child"/><w:rPr><w:vanish w:val="0"/></w:rPr></w:style>'
        '<w:style w:styleId="Round"><w:basedOn w:val="Round"/></w:style></w:styles>'
    )
    text = convert("a.docx", word_file(paragraph(run("Seen."), run(" Code 4711.", properties)), styles=styles)).text

    assert ("4711" not in text) is hidden
    assert "Seen." in text


def test_a_paragraph_of_a_hidden_style_is_not_read_but_for_what_is_shown_again(convert: Convert) -> None:
    styles = f'<w:styles xmlns:w="{WORD}"><w:style w:styleId="S"><w:rPr><w:vanish/></w:rPr></w:style></w:styles>'
    shown = run("Shown.", '<w:vanish w:val="0"/>')
    hidden = paragraph(
        '<w:pPr><w:pStyle w:val="S"/></w:pPr>', run("Code 4711."), f"<w:ins>{run('4712')}</w:ins>", shown
    )
    text = convert("a.docx", word_file(paragraph(run("Seen.")) + hidden, styles=styles)).text

    assert lines(text) == ["Seen.", "Shown."]


def test_what_is_drawn_in_two_ways_is_read_once(convert: Convert) -> None:
    box = f"<w:txbxContent>{paragraph(run('Ring twice.'))}</w:txbxContent>"
    drawn = (
        '<w:r><mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        f'<mc:Choice Requires="wps"><w:drawing>{box}</w:drawing></mc:Choice>'
        f"<mc:Fallback><w:pict>{box}</w:pict></mc:Fallback></mc:AlternateContent></w:r>"
    )
    body = paragraph(run("The bell."), drawn) + paragraph(run("The gate."))

    assert lines(convert("a.docx", word_file(body)).text) == ["The bell.", "Ring twice.", "The gate."]


@pytest.mark.parametrize(
    ("words", "kept"), [("Page ", False), ("QM-77, page ", True), ("Rules of the harbour, page ", True)]
)
def test_a_page_number_alone_is_no_header(convert: Convert, words: str, kept: bool) -> None:
    number = (
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText> PAGE </w:instrText></w:r>'
        f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{run("31")}<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    section = "".join(
        f'<w:sectPr xmlns:r="{office}"><w:headerReference w:type="{kind}" r:id="h"/></w:sectPr>'
        for kind in ("default", "first")
    )
    header = f'<w:hdr xmlns:w="{WORD}">{paragraph(run(words), number)}</w:hdr>'
    data = word_file(paragraph(run("The body.")) + section, header1=header)
    with_relations = io.BytesIO(data)
    with zipfile.ZipFile(with_relations, "a") as archive:
        archive.writestr(
            "word/_rels/document.xml.rels",
            f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="h" '
            f'Type="{office}/header" Target="header1.xml"/></Relationships>',
        )

    expected = [words.strip(), "The body."] if kept else ["The body."]
    assert lines(convert("a.docx", with_relations.getvalue()).text) == expected


def test_thousands_of_insertions_in_one_paragraph_take_no_longer_than_in_many() -> None:
    def seconds(count: int) -> float:
        data = word_file(paragraph(*(f"<w:ins>{run('word ')}</w:ins>" for _ in range(count))))
        began = process_time()
        prepared(data)
        return process_time() - began

    assert min(seconds(8000) for _ in range(3)) < 24 * min(seconds(1000) for _ in range(3))


CHART = """<c:chartSpace xmlns:c="urn:c" xmlns:a="urn:a"><c:chart><c:title><c:tx><c:rich><a:p><a:r><a:t>Ships a day</a:t></a:r></a:p>
</c:rich></c:tx></c:title><c:plotArea><c:pieChart><c:ser><c:tx><c:strRef><c:strCache><c:pt idx="0"><c:v>Boats</c:v></c:pt></c:strCache>
</c:strRef></c:tx><c:cat><c:strRef><c:strCache><c:pt idx="0"><c:v>Mon</c:v></c:pt></c:strCache></c:strRef></c:cat><c:val><c:numRef>
<c:numCache><c:pt idx="0"><c:v>120</c:v></c:pt></c:numCache></c:numRef></c:val></c:ser></c:pieChart></c:plotArea></c:chart></c:chartSpace>"""
DIAGRAM = """<d:dataModel xmlns:d="urn:d" xmlns:a="urn:a"><d:pt><d:t><a:p><a:r><a:t>Moor</a:t></a:r></a:p></d:t></d:pt>
<d:pt><d:t><a:p><a:r><a:t>Pay</a:t></a:r></a:p></d:t></d:pt></d:dataModel>"""


def drawn(chart: str = CHART) -> bytes:
    """A document with a chart and a diagram between two paragraphs."""
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    targets = {"c": "charts/chart1.xml", "d": "diagrams/data1.xml"}
    relations = "".join(f'<Relationship Id="{name}" Target="{target}"/>' for name, target in targets.items())
    body = paragraph(run("Before."))
    for shape in ('<x:chart xmlns:x="urn:c" x:id="c"/>', '<x:relIds xmlns:x="urn:d" x:dm="d"/>'):
        body += paragraph(f"<w:r><w:drawing>{shape}</w:drawing></w:r>")
    return word_file(
        body + paragraph(run("After.")),
        **{"_rels/document.xml.rels": f'<Relationships xmlns="{package}">{relations}</Relationships>'},
        **{"charts/chart1.xml": chart, "diagrams/data1.xml": DIAGRAM},
    )


def test_charts_and_diagrams_stand_in_words_where_they_are_shown(convert: Convert) -> None:
    document = convert("a.docx", drawn())

    assert lines(document.text) == [
        *("Before.", "Ships a day", "|  | Boats |", "| --- | --- |", "| Mon | 120 |", "Moor", "Pay", "After.")
    ]
    assert document.missing == ""


def test_a_damaged_chart_is_named_and_costs_none_of_the_words(convert: Convert) -> None:
    document = convert("a.docx", drawn("<c:chartSpace"))

    assert lines(document.text) == ["Before.", "Moor", "Pay", "After."]
    assert document.missing == "charts without text: 1"


def test_an_old_document_has_its_paragraphs_its_tables_and_no_codes_of_fields(convert: Convert) -> None:
    text = convert("rules.doc", (DATA / "rules.doc").read_bytes()).text

    assert text == (
        "Rules of the harbour\n\nBoats moor at the pier.\n\n|  | Zone | Fee |\n| --- | --- | --- |\n"
        "| North | A | 14 |\n| South | B |  |\n\nFees are paid in advance."
    )
    assert word97.markdown('See HYPERLINK "http://a.org" the list.\nTable SEQ Table \\* ARABIC 1: Fees') == (
        "See the list.\n\nTable 1: Fees"
    )
    assert word97.markdown("a\tb") == "a b"
    for prose in (
        'CREATE INDEX "mail" ON users (mail);',
        'The INDEX "Dow Jones" rose.',
        "TOC and XE and REF in prose.",
    ):
        assert word97.markdown(prose) == prose


@pytest.mark.parametrize("blank", [" ", "\t"])
def test_a_line_of_blanks_in_an_old_document_costs_nothing(blank: str) -> None:
    began = process_time()
    word97.markdown(blank * 30_000)

    assert process_time() - began < 5


def test_a_note_with_two_references_is_read_once_and_both_have_its_number(convert: Convert) -> None:
    notes = (
        f'<w:footnotes xmlns:w="{WORD}"><w:footnote w:id="4">{paragraph(run("Dogs too."))}</w:footnote></w:footnotes>'
    )
    reference = '<w:r><w:footnoteReference w:id="4"/></w:r>'
    body = paragraph(run("The pier."), reference) + paragraph(run("The quay."), reference)

    expected = ["The pier. (1)", "(1) Dogs too.", "The quay. (1)"]
    assert lines(convert("a.docx", word_file(body, footnotes=notes)).text) == expected


def test_a_header_of_many_sections_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    section = f'<w:sectPr xmlns:r="{office}"><w:headerReference r:id="h"/></w:sectPr>'
    header = f'<w:hdr xmlns:w="{WORD}">{paragraph(run("Rules of the harbour"))}</w:hdr>'
    relations = f'<Relationships xmlns="{package}"><Relationship Id="h" Target="header1.xml"/></Relationships>'
    parts = {"header1": header, "_rels/document.xml.rels": relations}
    data = word_file(paragraph(run("The body.")) + section * 50, **parts)
    parsed: list[bytes] = []
    monkeypatch.setattr(word_markup, "parsed", lambda source: parsed.append(source) or xml_tree.parsed(source))
    prepared(data)

    assert parsed.count(header.encode()) == 1
