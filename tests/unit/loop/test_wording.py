"""How far one text says what another says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loop.diagnosis.wording import Held, Wording

WORDING = Wording("english")
PAGE = """# Travel

We book trips in the travel tool. Employees get 25 days of leave each year.

The office is not open on Sundays.
"""


def held(statement: str, text: str = PAGE, heading: str = "") -> Held:
    [only] = WORDING.statements(statement)
    return WORDING.held(only, WORDING.read(text, heading))


def test_a_sentence_is_held_where_it_stands() -> None:
    found = held("Employees get 25 days of leave each year.")
    assert found.score == 1.0
    assert PAGE[found.start : found.end] == "Employees get 25 days of leave each year."


def test_other_small_words_and_another_order_change_nothing() -> None:
    assert held("Each year, of leave an employee gets 25 days!").score > 0.9


def test_another_number_opposes() -> None:
    found = held("Employees get 30 days of leave each year.")
    assert found.score < 0.6
    assert found.opposing is not None
    assert "25 days" in PAGE[slice(*found.opposing)]


def test_a_denial_opposes() -> None:
    found = held("The office is open on Sundays.")
    assert found.score < 0.6
    assert found.opposing is not None


def test_what_is_nowhere_is_not_held_and_not_opposed() -> None:
    found = held("Invoices are paid by the finance department in Lisbon.")
    assert found.score < 0.3
    assert found.opposing is None


def test_a_sentence_is_read_under_its_heading() -> None:
    text = "It is free on weekends."
    assert (
        held("Parking is free on weekends.", text, "Parking").score > held("Parking is free on weekends.", text).score
    )


def test_short_sentences_are_read_with_their_neighbours() -> None:
    assert len(WORDING.statements("No. Employees get 25 days of leave each year.")) == 1


def test_citation_markers_are_not_part_of_what_is_said() -> None:
    assert WORDING.statements("Employees get leave [12].")[0].said == WORDING.statements("Employees get leave.")[0].said


@given(st.text(max_size=400), st.text(max_size=400))
def test_any_text_can_be_compared_with_any_other(one: str, other: str) -> None:
    read = WORDING.read(other)
    for statement in WORDING.statements(one):
        found = WORDING.held(statement, read)
        assert found.score <= 1
        assert 0 <= found.start <= found.end <= len(other)
