"""Two sentences contradict one another where they say the same of the same thing, but for a value. Rather none than a
wrong one."""

from __future__ import annotations

import pytest

from serving.grounding.opposed import Opposed, opposed, opposed_rows

CONTRADICTIONS = [
    ("The hotel limit is 130 euros per night.", "The hotel limit is 120 euros per night.", "130", "120"),
    ("A ticket costs 9 euros.", "A ticket costs 11 euros.", "9", "11"),
    ("A ticket costs €9 for adults.", "A ticket costs €9.50 for adults.", "9", "9.50"),
    ("The canteen opens at 11:15.", "The canteen opens at 11:45.", "11:15", "11:45"),
    ("Flour is delivered on Tuesdays.", "Flour is delivered on Thursdays.", "Tuesdays", "Thursdays"),
    ("The policy takes effect on 1 March 2024.", "The policy takes effect on 15 April 2024.", "1 March", "15 April"),
    ("The contract ends on 2025-06-30.", "The contract ends on 2026-06-30.", "2025-06-30", "2026-06-30"),
    ("Each baker has 28 days of holiday a year.", "Each baker has 30 days of holiday a year.", "28", "30"),
    ("Requests are handed in eight weeks ahead.", "Requests are handed in six weeks ahead.", "eight", "six"),
    ("Remote work is allowed on Fridays.", "Remote work is not allowed on Fridays.", "", "not"),
    ("Visitors need no badge in the lobby.", "Visitors need a badge in the lobby.", "no", ""),
    ("The supplier of flour is Mill Oberdorf.", "The supplier of flour is Hansen.", "Mill Oberdorf", "Hansen"),
    ("Night work is paid with a supplement of 35 percent.", "Night work is paid with a supplement of 25 percent.",
     "35", "25"),
    ("The library was founded in 1999.", "The library was founded in 2001.", "1999", "2001"),
    ("- Hotel limit: 130 euros", "2. Hotel limit: 140 euros", "130", "140"),
]  # fmt: skip
NONE = [
    ("The hotel limit is 130 euros per night.", "The hotel limit is 130 euros per night."),
    ("The fee is 1,250.50 euros a season.", "The fee is 1250.5 euros a season."),
    ("The hotel limit is 130 euros per night.", "The hotel limit is 130 euros per night, 180 in London."),
    ("The hotel limit is 130 euros per night.", "The breakfast limit is 20 euros per day."),
    ("Kit 6 has four bolts in red.", "Kit 7 has four bolts in red."),
    ("The price of ZRX-9078 is shown in red.", "The price of ZRX-1044 is shown in red."),
    ("Step 2: open the file of the report.", "Step 3: open the file of the report."),
    ("In 2019 the revenue was 5 million euros.", "In 2020 the revenue was 6 million euros."),
    ("The revenue of 2019 was 5 million euros.", "The revenue of 2020 was 6 million euros."),
    ("On Mondays the shop is closed all day.", "On Tuesdays the shop is closed all day."),
    ("The office in Berlin opens at nine.", "The office in Munich opens at nine."),
    ("If the key is not set, the server starts.", "If the key is set, the server starts."),
    ("The phone benefit includes a monthly reimbursement of 75 dollars for every teammate.",
     "The internet benefit includes a monthly reimbursement of 50 dollars for every teammate."),
    ("Zone 3: the pay is 60 percent of the first.", "Zone 2: the pay is 80 percent of the first."),
    ("Note: Managers on leave are not eligible.", "Note: Engineers on leave are not eligible."),
    ("The till is counted by two people.", "The till is counted twice by people at noon in the back room."),
    ("A room is free.", "B room is not free."),
    ("", "The hotel limit is 130 euros."),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "here", "there"), CONTRADICTIONS)
def test_sentences_that_differ_in_a_value_alone_contradict_one_another(
    one: str, other: str, here: str, there: str
) -> None:
    assert opposed(one, other, "english") == Opposed(here, there)
    assert opposed(other, one, "english") == Opposed(there, here)


@pytest.mark.parametrize(("one", "other"), NONE)
def test_sentences_about_different_things_do_not(one: str, other: str) -> None:
    assert opposed(one, other, "english") is None


def test_german_sentences_are_compared_by_their_own_words() -> None:
    assert opposed("Die Kantine öffnet um 11:15.", "Die Kantine öffnet um 11:45.", "german") == Opposed(
        "11:15", "11:45"
    )
    assert opposed("Schmuck ist in der Backstube erlaubt.", "Schmuck ist in der Backstube nicht erlaubt.", "german")
    assert opposed("Der Preis für Brot ist hoch.", "Der Preis für Milch ist hoch.", "german") is None


def test_rows_of_one_name_contradict_one_another_in_their_numbers_alone() -> None:
    assert opposed_rows(("Hotel", "130 euros"), ("Hotel", "120 euros")) == Opposed("130 euros", "120 euros")
    assert opposed_rows(("Hotel", "130 euros"), ("Train", "120 euros")) is None
    assert opposed_rows(("Hotel", "the limit"), ("Hotel", "the cap")) is None
    assert opposed_rows(("1", "130 euros"), ("1", "120 euros")) is None
