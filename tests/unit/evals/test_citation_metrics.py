"""Citations and grounding."""

from __future__ import annotations

import pytest

from tests.support.metric_rows import (
    TEXT,
    answer,
    citation,
    outcome,
    passage,
    quoted,
    row,
    score,
    skipped,
)

TEA, TRAVEL, COFFEE = quoted("Tea is free"), quoted("approves travel"), quoted("Coffee costs")


def test_precision_is_the_share_of_citations_that_point_at_evidence() -> None:
    cited = [citation("Tea is"), citation("lead approves", marker=2), citation("Coffee", marker=3)]
    assert score("citation_precision", row(answer(citations=cited), [TEA, COFFEE])) == pytest.approx(2 / 3)


def test_recall_is_the_share_of_the_evidence_that_is_cited() -> None:
    cited = [citation("Tea is"), citation("is free", marker=2)]
    assert score("citation_recall", row(answer(citations=cited), [TEA, TRAVEL, COFFEE])) == pytest.approx(1 / 3)


def test_an_answer_without_citations_has_no_precision_and_no_recall() -> None:
    measured = row(answer(abstained=True), [TEA])
    assert skipped("citation_precision", measured)
    assert score("citation_recall", measured) == 0.0


@pytest.mark.parametrize("name", ["citation_precision", "citation_recall"])
def test_questions_without_evidence_are_skipped(name: str) -> None:
    assert skipped(name, row(answer(citations=[citation("Tea")])))


def test_a_quote_is_exact_when_it_stands_word_for_word_in_its_passage() -> None:
    good = citation("Tea is free")
    wrong_words = good.model_copy(update={"quote": "Tea is fine", "marker": 2})
    wrong_place = good.model_copy(update={"start": good.start + 1, "end": good.end + 1, "marker": 3})
    no_passage = good.model_copy(update={"chunk_id": "another", "marker": 4})
    measured = row(answer(passages=[passage()], citations=[good, wrong_words, wrong_place, no_passage]))
    assert score("quote_exact", measured) == 0.25
    assert outcome("quote_exact", measured).detail["wrong"] == [2, 3, 4]  # type: ignore[union-attr]


def test_a_quote_is_checked_at_the_passages_own_place_in_the_document() -> None:
    later = passage(start=1_000)
    assert score("quote_exact", row(answer(passages=[later], citations=[citation("Tea", later)]))) == 1.0


def test_without_quotes_there_is_nothing_to_check() -> None:
    assert skipped("quote_exact", row(answer()))


def grounding(text: str) -> float:
    return score("grounding", row(answer(text, passages=[passage()], citations=[citation("Tea is free")])))


def test_sentences_out_of_the_cited_passage_are_grounded() -> None:
    assert grounding("Tea is free for everyone. [1]\n\n- The **team lead** approves travel. [1]") == 1.0


def test_an_invented_sentence_is_not() -> None:
    assert grounding("Tea is free for everyone. Champagne flows in Barcelona every Friday.") == 0.5


def test_a_changed_number_is_not() -> None:
    assert grounding("Coffee costs 1250.5 euros.") == 1.0
    assert grounding("Coffee costs 1,300.50 euros.") == 0.0


def test_a_passage_that_is_not_cited_grounds_nothing() -> None:
    other = passage(7, uri="docs/b.md", text="Champagne flows in Barcelona every Friday.")
    given = answer("Champagne flows in Barcelona.", passages=[passage(), other], citations=[citation("Tea")])
    assert score("grounding", row(given)) == 0.0
    assert score("grounding", row(answer(TEXT, passages=[passage()]))) == 0.0


def test_refusals_and_empty_answers_have_nothing_to_ground() -> None:
    assert skipped("grounding", row(answer(abstained=True)))
    assert skipped("grounding", row(answer("[1]")))
