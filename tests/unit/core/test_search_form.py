"""The form in which texts are compared: every input below failed once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.search_form import identifiers, search_form

TEXTS = Path(__file__).parents[2] / "data" / "text"


def form(name: str, language: str = "english") -> str:
    return search_form((TEXTS / name).read_text(encoding="utf-8"), language)


def test_a_ligature_is_its_letters() -> None:
    assert "office of the chief financial officer keeps the official workflow for fixtures" in form("ligature.txt")


def test_what_is_not_seen_is_not_there() -> None:
    assert "file system of the Vandermeer node" in form("zwsp.txt")
    assert search_form("co\u00adoperate", "english") == "cooperate"


def test_a_number_set_apart_by_unbreakable_spaces_is_one_number() -> None:
    assert "is 22000 euros for Delmarva branch" in form("nbsp.txt")


def test_every_hyphen_is_a_hyphen_and_an_identifier_is_one_word_too() -> None:
    assert "QX-7741" in form("nbhyphen.txt")
    assert form("nbhyphen.txt").endswith(" QX7741")


def test_arabic_is_compared_without_vowel_marks_and_stretching() -> None:
    assert form("arabic.txt", "arabic") == "مدير المكتب يوقع العقود كل خميس."
    assert search_form("كتـــاب", "arabic") == "كتاب"


def test_the_two_letters_i_of_turkish_stay_two() -> None:
    assert form("turkish.txt", "turkish").startswith("iSTANBUL ofisinin sorumlusu ıŞıK")
    assert search_form("ISTANBUL", "english") == "ISTANBUL"


@pytest.mark.parametrize(
    ("name", "word"), [("korean.txt", "회의실"), ("thai.txt", "ห้องประชุม"), ("zh.md", "住宿标准"), ("ja.md", "有給休暇")]
)
def test_a_word_of_a_text_without_spaces_is_found_in_it_piece_by_piece(name: str, word: str) -> None:
    pieces = set(form(name).split())
    assert set(search_form(word, "english").split()) <= pieces


def test_identifiers_are_told_from_words_and_numbers() -> None:
    named = identifiers((TEXTS / "code_ids.txt").read_text(encoding="utf-8"))
    assert {"getuserbyid", "KeyErrorE4012", "httpclientcc", "v2143rc1"} <= set(named)
    assert identifiers("In 2023 the well-known office paid 3.5 to 24/7 staff, by e-mail.") == []
    assert identifiers("Order 4400128 and kit QX‑7741") == ["4400128", "QX7741"]
    assert identifiers("Set retry.limit in config.yaml. Then wait, e.g. until 9 a.m.") == ["retrylimit", "configyaml"]


def test_a_version_is_one_word_with_its_v_or_without_and_no_other_number() -> None:
    assert identifiers("v5.1.2") == identifiers("5.1.2") == ["5x1x2"]
    assert identifiers("51.2") == []
    assert search_form("since 5.1.2", "english") == "since 5.1.2 5x1x2"


def test_a_word_with_something_unseen_in_it_is_the_word() -> None:
    assert search_form("file\u200bsystem", "english") == "filesystem"


@given(st.text(max_size=200))
def test_any_text_has_a_form_and_no_more_than_a_few_times_as_long(text: str) -> None:
    assert len(search_form(text, "english")) <= 60 * len(text) + 10
