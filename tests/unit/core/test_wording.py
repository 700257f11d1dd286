"""Which texts say the same."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.wording import plain_words, wording_sha256
from core.types import Document, TextFormat
from ingestion.facts import wording_of

RULES = "Whoever travels for work books the train in the second class. A night in a hotel may cost 120 euros, or 95.50 abroad."


def test_marks_and_spaces_say_nothing() -> None:
    marked = "# Travel\n\n**Whoever** _travels_ for\u00a0`work`, ***now***\n\n* the first\n\n| a | b |\n| --- | :-: |\n| *1* | -2 |\n"
    assert plain_words(marked) == "Travel Whoever travels for work, now - the first a b 1 -2"


@pytest.mark.parametrize("mark", ["*a ", " a* ", "_a ", "`a ", "*", "| a ", "*_`", "** "])
def test_many_marks_take_no_time(mark: str) -> None:
    begun = time.process_time()
    plain_words(mark * 200_000)
    assert time.process_time() - begun < 5


def test_front_matter_is_no_part_of_what_a_document_says() -> None:
    def document(text: str) -> Document:
        return Document("d/a.md", "A", text, TextFormat.MARKDOWN, "text/markdown", "0" * 64)

    assert wording_of(document(RULES)) == wording_of(document(f"---\nauthor: Kim\n---\n\n{RULES}")) != ""
    assert wording_of(document("Thirty days.")) == ""


@pytest.mark.parametrize(
    ("said", "other"),
    [
        ("120", "121"), ("120", "-120"), ("120", "1200"), ("95.50", "95,50"), ("95.50", "9550"), ("120", "> 120"),
        ("may", "may not"), ("120 euros", "120 dollars"), ("A night", "#1 A night"), ("or", "and"),
        ("120", "1*20"), ("120", "1_20"), ("train", "trаin"), ("120", "12⁰"), ("120", "１２０"), ("euros", "Euros"),
    ],
)  # fmt: skip
def test_two_versions_that_differ_by_a_number_a_sign_or_a_word_are_never_the_same(said: str, other: str) -> None:
    assert wording_sha256(RULES) != wording_sha256(RULES.replace(said, other, 1))


@pytest.mark.parametrize(
    ("said", "other"),
    [
        ("10⁵ units", "105 units"), ("5 MW", "5 mW"), ("5*3", "5 3"), ("5 * 3", "5 3"), ("x²", "x2"), ("x_1", "x 1"),
        ("½", "1⁄2"), ("|x| < 5", "x < 5"), ("2*3*4", "234"), ("a_b_c", "abc"), ("a `b", "a b"), ("5 *", "5"),
        ("2 * 3 * 4", "2 3 4"), ("5* and 6", "5 and 6"), ("IT", "it"),
    ],
)  # fmt: skip
def test_two_texts_that_differ_in_a_sign_or_in_how_a_number_or_a_unit_is_written_are_two(said: str, other: str) -> None:
    assert wording_sha256(f"{RULES} {said}.") != wording_sha256(f"{RULES} {other}.")


@given(
    st.text(alphabet=st.characters(exclude_categories=["C", "Z"], exclude_characters="|*_`#"), min_size=1, max_size=3)
)
def test_whatever_is_added_to_a_text_it_says_something_else(added: str) -> None:
    if plain_words(added):
        assert wording_sha256(RULES) != wording_sha256(f"{RULES} {added}")


@given(st.lists(st.sampled_from(["कि", "की", "कु", "5", "-5", "5%", "é", "e"]), min_size=25, max_size=30), st.data())
def test_vowel_signs_and_accents_count(words: list[str], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(words) - 1))
    other = data.draw(st.sampled_from([word for word in ("कि", "की", "5", "-5", "é", "e") if word != words[place]]))
    changed = [*words[:place], other, *words[place + 1 :]]
    assert wording_sha256(" ".join(words)) != wording_sha256(" ".join(changed))
