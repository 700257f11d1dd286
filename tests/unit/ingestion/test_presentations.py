"""What of a presentation is read: what its slides show, their notes, and the numbers behind their charts."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections.abc import Callable, Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from pptx import Presentation
from pptx.chart.data import CategoryChartData, XyChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from core.errors import ConversionError, FailureKind
from ingestion.converters.drawings import chart_table
from ingestion.converters.slides.powerpoint97 import shown_slides
from ingestion.converters.xml_tree import parsed
from tests.support.conversion import Convert

DATA = Path(__file__).parents[2] / "data" / "documents"
BOX = (Inches(1), Inches(2), Inches(6), Inches(3))


def saved(*fill: Callable[[Any], object], layout: int = 5) -> bytes:
    """A presentation with a slide for each function, which fills it."""
    presentation = Presentation()
    for one in fill:
        one(presentation.slides.add_slide(presentation.slide_layouts[layout]))
    buffer = io.BytesIO()
    presentation.save(buffer)
    return buffer.getvalue()


def titled(title: str, fill: Callable[[Any], object] = lambda slide: None) -> Callable[[Any], object]:
    def both(slide: Any) -> None:
        slide.shapes.title.text = title
        fill(slide)

    return both


def without(data: bytes, *begins: str) -> bytes:
    return changed(data, lambda name, content: None if name.startswith(begins) else content)


def changed(data: bytes, change: Callable[[str, bytes], bytes | None]) -> bytes:
    """The archive with each part as `change` makes it; None leaves it out."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(buffer, "w") as copy:
        for name in archive.namelist():
            if (content := change(name, archive.read(name))) is not None:
                copy.writestr(name, content)
    return buffer.getvalue()


def say(slide: Any, *lines: str) -> Any:
    frame = slide.shapes.add_textbox(*BOX).text_frame
    frame.text = "\n".join(lines)
    return frame


def test_a_slide_is_a_section_with_its_texts_and_the_speakers_notes(convert: Convert) -> None:
    def fill(slide: Any) -> None:
        say(slide, "The office opens at eight.")
        slide.notes_slide.notes_text_frame.text = "Say that it closes at five."

    document = convert("a.pptx", saved(titled("Opening hours", fill), titled("Fees")))

    assert document.title == "Opening hours"
    assert document.text == (
        "## Opening hours\n\nThe office opens at eight.\n\nNotes:\n\nSay that it closes at five.\n\n## Fees"
    )


def test_lists_stay_lists_and_a_word_in_two_runs_is_one_word(convert: Convert) -> None:
    def fill(slide: Any) -> None:
        frame = slide.placeholders[1].text_frame
        frame.text = "Bring:\nropes"
        paragraph = frame.add_paragraph()
        paragraph.level = 1
        for letters in ("fend", "ers"):
            paragraph.add_run().text = letters

    text = convert("a.pptx", saved(titled("Mooring", fill), layout=1)).text

    assert text == "## Mooring\n\n- Bring:\n- ropes\n   - fenders"


def test_a_list_that_goes_on_from_another_slide_keeps_its_numbers(convert: Convert) -> None:
    def fill(slide: Any) -> None:
        for paragraph in say(slide, "Moor", "Pay").paragraphs:
            mark = paragraph._p.makeelement(ns("buAutoNum"), type="arabicPeriod", startAt="4")
            paragraph._p.get_or_add_pPr().insert(0, mark)

    assert convert("a.pptx", saved(titled("Landing", fill))).text == "## Landing\n\n4. Moor\n5. Pay"


def test_numbered_steps_keep_their_numbers(convert: Convert) -> None:
    def fill(slide: Any) -> None:
        frame = say(slide, "Steps", "Stop", "Look", "Engine off", "Moor")
        for paragraph in frame.paragraphs[1:]:
            paragraph._p.get_or_add_pPr().insert(0, paragraph._p.makeelement(ns("buAutoNum"), type="arabicPeriod"))
        frame.paragraphs[3].level = 1

    text = convert("a.pptx", saved(titled("Landing", fill))).text

    assert text == "## Landing\n\nSteps\n\n1. Stop\n2. Look\n   1. Engine off\n3. Moor"


def ns(name: str) -> str:
    return f"{{http://schemas.openxmlformats.org/drawingml/2006/main}}{name}"


def test_a_cell_that_spans_rows_or_columns_is_said_in_each_and_a_line_over_all_once(convert: Convert) -> None:
    def fill(slide: Any) -> None:
        table = slide.shapes.add_table(4, 3, *BOX).table
        rows = (("Fees", "", ""), ("Zone", "Boat", "Euros"), ("South", "small", "14"), ("", "large", "20"))
        for row, cells in enumerate(rows):
            for column, words in enumerate(cells):
                table.cell(row, column).text = words
        table.cell(0, 0).merge(table.cell(0, 2))
        table.cell(2, 0).merge(table.cell(3, 0))

    lines = convert("a.pptx", saved(titled("Berths", fill))).text.split("\n")

    assert "| Fees |  |  |" in lines
    assert "| South | large | 20 |" in lines


def test_the_numbers_of_a_chart_are_a_table_with_its_title(convert: Convert) -> None:
    def fill(slide: Any) -> None:
        data = CategoryChartData()
        data.categories = ["2024", "2025"]
        data.add_series("Boats", (120, None))
        data.add_series("Ferries", (7, 8.5))
        chart = slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *BOX, data).chart
        bars = chart._chartSpace.find(".//{*}barChart")
        bars.tag = bars.tag.replace("barChart", "bar3DChart")  # a kind that python-pptx does not know
        chart.has_title = True
        chart.chart_title.text_frame.text = "Ships a day"

    document = convert("a.pptx", saved(titled("Traffic", fill)))

    assert document.text == (
        "## Traffic\n\nShips a day\n\n|  | Boats | Ferries |\n| --- | --- | --- |\n| 2024 | 120 | 7 |\n| 2025 |  | 8.5 |"
    )
    assert document.missing == ""


def test_points_of_a_scatter_chart_are_rows_by_their_x(convert: Convert) -> None:
    def fill(slide: Any) -> None:
        data = XyChartData()
        series = data.add_series("Depth")
        series.add_data_point(1.5, 10)
        series.add_data_point(2, 12)
        slide.shapes.add_chart(XL_CHART_TYPE.XY_SCATTER, *BOX, data)

    assert "| 1.5 | 10 |\n| 2 | 12 |" in convert("a.pptx", saved(titled("Quay", fill))).text


def test_a_chart_that_keeps_no_numbers_is_named(convert: Convert) -> None:
    def fill(slide: Any) -> None:
        data = CategoryChartData()
        data.categories = ["2024"]
        data.add_series("Boats", (None,))
        slide.shapes.add_chart(XL_CHART_TYPE.PIE, *BOX, data)

    assert convert("a.pptx", saved(titled("Traffic", fill))).missing == "charts without text: 1"


def test_a_lost_chart_costs_none_of_the_words(convert: Convert) -> None:
    assert "Words." in convert("a.pptx", without(saved(titled("Traffic", charted)), "ppt/charts/")).text


def charted(slide: Any) -> None:
    data = CategoryChartData()
    data.categories = ["2024"]
    data.add_series("Boats", (120,))
    slide.shapes.add_chart(XL_CHART_TYPE.PIE, *BOX, data)
    say(slide, "Words.")


@pytest.mark.parametrize(
    "damage", [lambda xml: xml[:500], lambda xml: xml.replace(b'idx="0"', b'idx="' + b"9" * 5000 + b'"')]
)
def test_a_damaged_chart_is_named_and_costs_none_of_the_words(
    convert: Convert, damage: Callable[[bytes], bytes]
) -> None:
    data = changed(
        saved(titled("Traffic", charted)),
        lambda name, content: damage(content) if name.startswith("ppt/charts/chart") else content,
    )
    document = convert("a.pptx", data)

    assert document.text == "## Traffic\n\nWords."
    assert document.missing == "charts without text: 1"


def test_a_shape_that_is_drawn_in_two_ways_is_read_once(convert: Convert) -> None:
    def fill(slide: Any) -> None:
        shape = say(slide, "Said only here.")._txBody.getparent()
        compatible = "http://schemas.openxmlformats.org/markup-compatibility/2006"
        both = shape.makeelement(f"{{{compatible}}}AlternateContent")
        shape.getparent().replace(shape, both)
        for name in ("Choice", "Fallback"):
            way = both.makeelement(f"{{{compatible}}}{name}")
            way.append(deepcopy(shape))
            both.append(way)

    assert convert("a.pptx", saved(titled("Depth", fill))).text == "## Depth\n\nSaid only here."


@pytest.mark.parametrize("kind", [b"slideshow", b"template"])
def test_a_slide_show_is_read_as_a_presentation(convert: Convert, kind: bytes) -> None:
    data = changed(
        saved(titled("Traffic", charted)),
        lambda _, content: content.replace(b"presentationml.presentation.main", b"presentationml." + kind + b".main"),
    )

    assert "Words." in convert("a.pptx", data).text


def test_dates_and_shares_of_a_chart_are_shown_as_such_and_each_quarter_has_its_year() -> None:
    def cache(kind: str, code: str, *values: str) -> str:
        points = "".join(f'<pt idx="{place}"><v>{value}</v></pt>' for place, value in enumerate(values))
        return f"<{kind}><formatCode>{code}</formatCode>{points}</{kind}>"

    def rows(labels: str) -> list[list[str]]:
        values = f"<val><numRef>{cache('numCache', '0.0%', '0.12', '0.5')}</numRef></val>"
        table = chart_table(parsed(f"<ser><cat>{labels}</cat>{values}</ser>".encode()))
        assert table is not None
        return table.rows[1:]

    dates = f"<numRef>{cache('numCache', 'dd/mm/yyyy', '45292', '45323')}</numRef>"
    quarters = '<lvl><pt idx="0"><v>Q1</v></pt><pt idx="1"><v>Q2</v></pt></lvl><lvl><pt idx="0"><v>2024</v></pt></lvl>'

    assert rows(dates) == [["2024-01-01", "12 %"], ["2024-02-01", "50 %"]]
    assert rows(f"<multiLvlStrRef>{quarters}</multiLvlStrRef>") == [["2024 Q1", "12 %"], ["2024 Q2", "50 %"]]
    assert rows(dates.replace("45292", "9" * 400)) == [["9" * 400, "12 %"], ["2024-02-01", "50 %"]]


def test_what_stands_in_a_group_is_read_in_its_order(convert: Convert) -> None:
    def fill(slide: Any) -> None:
        say(slide, "first")
        inner = slide.shapes.add_group_shape().shapes.add_group_shape()
        inner.shapes.add_textbox(*BOX).text_frame.text = "second"
        say(slide, "third")

    assert convert("a.pptx", saved(titled("Order", fill))).text == "## Order\n\nfirst\n\nsecond\n\nthird"


def test_a_footer_is_read_once_and_numbers_of_slides_are_not(convert: Convert) -> None:
    def fill(slide: Any) -> None:
        for place, kind, words in ((10, "ftr", "Harbour rules, 3rd edition"), (11, "sldNum", "17")):
            box = slide.shapes.add_textbox(*BOX)
            box.text_frame.text = words
            mark = box._element.nvSpPr.nvPr
            mark.append(mark.makeelement(ns("ph").replace("drawingml", "presentationml"), type=kind, idx=str(place)))

    text = convert("a.pptx", saved(titled("One", fill), titled("Two", fill))).text

    assert text == "Harbour rules, 3rd edition\n\n## One\n\n## Two"


@pytest.mark.parametrize("part", ["ppt/presentation.xml", "ppt/slides/slide1.xml"])
def test_a_presentation_that_lacks_a_part_is_damaged(convert: Convert, part: str) -> None:
    with pytest.raises((ConversionError, LookupError)):
        convert("a.pptx", without(saved(titled("One")), part))


def test_an_old_presentation_has_its_slides_and_notes_and_none_of_its_masters_samples(convert: Convert) -> None:
    document = convert("fees.ppt", gzip.decompress((DATA / "fees.ppt.gz").read_bytes()))

    assert document.title == "Fees of the harbour"
    assert document.text == (
        "## Fees of the harbour\n\nA berth costs 14 euros.\n\nFuel costs 2 euros.\n\nNotes:\n\n"
        "The fees were decided in May.\n\n## Opening hours\n\nThe office opens at eight."
    )


# -- the records of PowerPoint 97


def record(kind: int, body: bytes, *, container: bool = False, instance: int = 0) -> bytes:
    return struct.pack("<HHI", instance << 4 | (15 if container else 0), kind, len(body)) + body


def text(kind: int, words: str) -> bytes:
    return record(3999, struct.pack("<I", kind)) + record(4000, words.encode("utf-16-le"))


def directory(places: Iterable[int]) -> bytes:
    offsets = list(places)
    return record(6002, struct.pack(f"<I{len(offsets)}I", len(offsets) << 20 | 1, *offsets))


def user_edit(before: int, directory_at: int) -> bytes:
    return record(4085, struct.pack("<IHBBIII", 0, 0, 0, 3, before, directory_at, 1) + bytes(12))


class Stream:
    """A file's stream, record by record; `edit` is where that of the last saving begins."""

    def __init__(self) -> None:
        self.data = b""
        self.edit = 0

    def add(self, data: bytes) -> int:
        self.data += data
        return len(self.data) - len(data)

    def save(self, *places: int) -> None:
        at = self.add(directory(places))
        self.edit = self.add(user_edit(self.edit, at))


def listing(*texts: bytes) -> bytes:
    persist = record(1011, struct.pack("<IIIII", 2, 0, 0, 256, 0))
    return record(1000, record(4080, persist + b"".join(texts), container=True), container=True)


def test_of_a_slide_that_was_changed_the_last_version_is_read() -> None:
    stream = Stream()
    document = stream.add(listing())
    first = stream.add(record(1006, text(0, "Draft") + text(4, "The fee is 10 euros."), container=True))
    stream.save(document, first)
    second = stream.add(record(1006, text(0, "Fees") + text(4, "The fee is 14 euros."), container=True))
    stream.save(document, second)

    assert list(shown_slides(stream.data, stream.edit)) == [("Fees", "## Fees\n\nThe fee is 14 euros.")]


def test_a_slides_text_may_stand_in_the_outline() -> None:
    stream = Stream()
    document = stream.add(listing(text(0, "Fees"), text(1, "Berth\rFuel")))
    slide = stream.add(record(1006, record(4086, struct.pack("<I", 1)) + record(4086, bytes(4)), container=True))
    stream.save(document, slide)

    assert list(shown_slides(stream.data, stream.edit)) == [("Fees", "## Fees\n\n- Berth\n- Fuel")]


def test_a_second_title_box_is_read_as_text() -> None:
    stream = Stream()
    document = stream.add(listing())
    slide = stream.add(record(1006, text(0, "Fees") + text(6, "of 2026") + text(4, "14 euros"), container=True))
    stream.save(document, slide)

    assert list(shown_slides(stream.data, stream.edit)) == [("Fees", "## Fees\n\nof 2026\n\n14 euros")]


def test_a_saving_that_names_itself_as_the_one_before_ends() -> None:
    stream = Stream()
    document, slide = stream.add(listing()), stream.add(record(1006, text(0, "Fees"), container=True))
    at = stream.add(directory([document, slide]))
    edit = len(stream.data)
    stream.add(user_edit(edit, at))

    assert list(shown_slides(stream.data, edit)) == [("Fees", "## Fees")]


def test_records_in_records_in_records_end() -> None:
    deep = text(0, "Fees")
    for _ in range(3_000):
        deep = record(61440, deep, container=True)
    stream = Stream()
    document, slide = stream.add(listing()), stream.add(deep)
    stream.save(document, slide)

    assert list(shown_slides(stream.data, stream.edit)) == [("Fees", "## Fees")]


@pytest.mark.parametrize("cut", [10, 200, 5_000, 15_000])
def test_an_old_presentation_that_is_cut_off_is_damaged(convert: Convert, cut: int) -> None:
    data = gzip.decompress((DATA / "fees.ppt.gz").read_bytes())
    with pytest.raises((ConversionError, LookupError)) as refused:
        convert("fees.ppt", data[: len(data) - cut * 40])
    if isinstance(refused.value, ConversionError):
        assert refused.value.kind in (FailureKind.MALFORMED, FailureKind.MISMATCH)
