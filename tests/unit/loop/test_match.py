"""Which texts hold what is looked for."""

from __future__ import annotations

from loop.diagnosis.match import MOST_STATEMENTS, Looked, Matcher
from loop.diagnosis.wording import Wording
from tests.fakes import FakeEmbedder

PAGE = "We book trips in the travel tool. Employees get 25 days of leave each year. Dogs come on Fridays."
FACT = "Employees get 25 days of leave each year."


def matcher() -> Matcher:
    return Matcher(Wording("english"), FakeEmbedder())


def score(sought: str, text: str = PAGE, heading: str = "") -> float:
    matching = matcher()
    return matching.match(matching.statements(sought), [Looked(text, heading)])[0].score


def test_a_text_that_says_it_scores_one_and_names_the_place() -> None:
    matching = matcher()
    [match] = matching.match(matching.statements(FACT), [Looked(PAGE)])
    [place] = match.places
    assert match.score == 1.0
    assert PAGE[place.start : place.end] == FACT


def test_a_text_about_something_else_scores_nothing() -> None:
    assert score("The canteen serves soup made of pumpkins on Thursday evenings.") == 0.0


def test_a_text_that_says_a_half_scores_in_between() -> None:
    both = f"{FACT} The canteen serves soup made of pumpkins on Thursday evenings."
    assert 0.3 < score(both) < 0.7


def test_another_number_costs_more_than_other_words() -> None:
    assert score("Employees get 30 days of leave each year.") < score("People have 25 days of leave each year.")


def test_texts_are_scored_in_their_order() -> None:
    matching = matcher()
    found = matching.match(matching.statements(FACT), [Looked("Dogs come on Fridays."), Looked(PAGE)])
    assert [match.score == 1.0 for match in found] == [False, True]


def test_nothing_sought_is_held_nowhere() -> None:
    assert score("") == 0.0
    assert score("the of and") == 0.0


def test_a_correction_of_any_length_is_looked_for_in_bounded_time() -> None:
    assert len(matcher().statements("Cats purr at night alone. " * 500)) == MOST_STATEMENTS
