"""The corpus of the walk-through with a model: its pages, its questions, and that nothing held out is ever taught."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import InputError
from core.loop.enums import FeedbackSide
from evals.cases.cases import load_cases
from ingestion.sources.folder import FolderSource
from loop.feedback.sides import Placed, hashed_side, taught_cases
from tools.walk_through.amended_rules import (
    SOURCE,
    Rule,
    is_right,
    read_rules,
    write_pages,
    write_questions,
)

RULES = read_rules()


def test_there_are_rules_enough_for_the_gate_and_for_both_sides_of_feedback() -> None:
    assert len(RULES.held_out) >= 40
    assert len(RULES.unchanged_held_out) >= 10
    sides = [hashed_side(rule.question) for rule in RULES.asked]
    assert min(sides.count(FeedbackSide.CASE), sides.count(FeedbackSide.TRAINING)) >= 15


def test_every_page_and_every_question_is_there_once() -> None:
    for texts in ([rule.uri for rule in RULES.all], [rule.question for rule in RULES.all]):
        assert len(set(texts)) == len(texts)


def test_a_page_says_the_superseded_rule_and_then_the_one_in_force() -> None:
    rule = RULES.asked[0]
    assert rule.text == "# Receipts\n\nA receipt is sent within ten days. Since 2026 it is three days.\n"
    assert (rule.superseded, rule.in_force) == ("A receipt is sent within ten days.", "Since 2026 it is three days.")
    assert RULES.unchanged_asked[0].text == "# Tools\n\nA tool is put back within two days.\n"


def test_nothing_that_is_held_out_is_taught_by_what_people_ask() -> None:
    held_out = [placed(rule) for rule in (*RULES.held_out, *RULES.unchanged_held_out)]
    assert taught_cases(held_out, [placed(rule) for rule in asked()]) == set()


def test_the_questions_fall_on_their_sides_by_their_own_words_alone() -> None:
    """None is near another, so which side it falls on does not depend on what was asked before."""
    for rule in asked():
        others = [placed(other) for other in asked() if other is not rule]
        assert taught_cases([placed(rule)], others) == set()


def test_the_pages_are_documents_of_the_source_that_the_questions_name(tmp_path: Path) -> None:
    write_pages(tmp_path / SOURCE, RULES.all)
    listed = {each.uri for each in FolderSource(SOURCE, tmp_path / SOURCE, {".md"}).list()}
    assert listed == {rule.uri for rule in RULES.all}


def test_the_questions_of_the_evaluation_are_about_held_out_rules_and_name_the_sentence_in_force(
    tmp_path: Path,
) -> None:
    write_questions(tmp_path / "questions.jsonl", RULES)
    cases = load_cases(tmp_path / "questions.jsonl")
    rules = {rule.uri: rule for rule in (*RULES.held_out, *RULES.unchanged_held_out)}
    assert len(cases) == len(rules)
    for case in cases:
        (evidence,) = case.evidence
        assert (case.question, evidence.quote) == (rules[evidence.uri].question, rules[evidence.uri].in_force)
        assert evidence.span(rules[evidence.uri].text) is not None
        assert case.tags == ("amended" if rules[evidence.uri].superseded else "unchanged",)


@pytest.mark.parametrize(
    ("said", "quoted", "degraded", "right"),
    [
        ("Since 2026 it is three days. [1]", "Since 2026 it is three days.", False, True),
        ("A receipt is sent within ten days. [1]", "A receipt is sent within ten days.", False, False),
        ("Since 2026 it is three days. [1]", "A receipt is sent within ten days.", False, False),
        ("Since 2026 it is three days. [1]", "Since 2026 it is three days.", True, False),
    ],
)
def test_an_answer_is_right_if_the_model_says_and_cites_what_is_in_force(
    said: str, quoted: str, degraded: bool, right: bool
) -> None:
    rule = RULES.asked[0]
    answer = {"answer": said, "citations": [{"uri": rule.uri, "quote": quoted}], "degraded": degraded}
    assert is_right(rule, answer) is right
    elsewhere = {**answer, "citations": [{"uri": "rules/other.md", "quote": quoted}]}
    assert not is_right(rule, elsewhere)


def test_a_file_without_amended_rules_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rules.csv"
    path.write_text("page,question,rule,before,now\nTea,Who drinks tea?,tea is drunk by,,all\n")
    with pytest.raises(InputError, match="no amended rules"):
        read_rules(path)


def asked() -> list[Rule]:
    return [*RULES.asked, *RULES.unchanged_asked]


def placed(rule: Rule) -> Placed:
    return Placed(rule.question, FeedbackSide.CASE, rule.in_force, (rule.in_force,))
