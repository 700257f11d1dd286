"""What of a passage belongs together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.text.passage_parts import (
    as_record,
    body,
    cells,
    column_names,
    is_table_head,
    list_around,
    row_around,
    section,
    text_lines,
)

TEXT = """Before it.

## Travel

Do this:

1. Ask the lead.

2. Book the train
   in second class.

After it.

## Sites

| Site | Doors |
|---|---|
| A | 1 |
| B | 2 |
"""


def at(words: str) -> int:
    return TEXT.index(words)


def stretch(span: tuple[int, int] | None) -> str:
    return TEXT[slice(*span)] if span else ""


def test_a_section_goes_from_its_heading_to_the_next() -> None:
    assert stretch(section(TEXT, at("Ask"))).startswith("## Travel\n")
    assert stretch(section(TEXT, at("Ask"))).rstrip().endswith("After it.")
    assert stretch(body(TEXT, at("Ask"))).startswith("Do this:")
    assert stretch(body(TEXT, at("Before"))) == "Before it."


def test_a_list_is_all_its_items_with_the_lines_that_go_on_with_them() -> None:
    assert stretch(list_around(TEXT, at("class"))) == "1. Ask the lead.\n\n2. Book the train\n   in second class."
    assert list_around(TEXT, at("After")) is None


def test_a_row_knows_the_names_of_its_columns() -> None:
    assert stretch(row_around(TEXT, at("| B"))) == "| B | 2 |"
    assert column_names(TEXT, at("| B")) == ("Site", "Doors")
    assert column_names(TEXT, at("| Site")) == ()
    assert is_table_head(TEXT, at("| Site"))
    assert not is_table_head(TEXT, at("| B"))
    assert column_names("| B | 2 |\n| C | 3 |", 12) == ()
    assert row_around(TEXT, at("After")) is None


def test_rows_without_their_head_have_the_columns_that_their_last_heading_names() -> None:
    rows = "| B | 2 |\n| C | 3 |\n\nAnother table:\n\n| D | 4 |"
    assert column_names(rows, rows.index("| C"), ["Site | Doors"]) == ("Site", "Doors")
    assert column_names(rows, rows.index("| C"), ["Site | Doors | Staff"]) == ()
    assert column_names(rows, rows.index("| D"), ["Site | Doors"]) == ()


def test_a_row_in_words_has_its_cells_behind_the_names_of_the_columns() -> None:
    assert as_record("| B | 2 | |", ("Site", "Doors", "Staff")) == "Site: B; Doors: 2"
    assert as_record("| B | 2 | |", ()) == "B: 2"


def test_a_cell_may_hold_an_escaped_bar() -> None:
    assert cells(r"| a \| b |  | c |") == (r"a \| b", "", "c")


def test_what_looks_like_a_heading_in_code_is_none() -> None:
    text = "```\n# no heading\n```\nafter"
    assert section(text, text.index("after")) == (0, len(text))


@given(st.text(alphabet="ab |-#\n`1.", max_size=80), st.data())
def test_every_stretch_lies_in_the_text_and_holds_its_place(text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, max(0, len(text) - 1)))
    if not text_lines(text):
        return
    start, end = section(text, place)
    assert 0 <= start <= place
    assert end <= len(text)
    for span in (body(text, place), list_around(text, place), row_around(text, place)):
        if span is not None:
            assert 0 <= span[0] <= span[1] <= len(text)
    column_names(text, place)
