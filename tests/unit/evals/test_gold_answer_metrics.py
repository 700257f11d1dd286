"""The answer beside the gold answer."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import SettingsError
from evals.metrics.catalogue import plain_metrics
from evals.metrics.text import overlap
from evals.metrics.text.words import squad_tokens
from tests.fakes import FakeEmbedder
from tests.support.metric_rows import answer, row, score, skipped

NAMES = [
    "exact_match",
    "token_f1",
    "answer_contained",
    "answer_similarity",
    "bleu",
    "rouge_l",
]


def measured(name: str, given: str, gold: str) -> float:
    return score(name, row(answer(given), gold_answer=gold))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["Tea.", "Tea is free for everyone. Travel is not. The lead decides.", "42"])
def test_the_gold_answer_itself_is_perfect(name: str, text: str) -> None:
    assert measured(name, f"{text} [1]", text) == pytest.approx(1.0)


@pytest.mark.parametrize("name", NAMES)
def test_a_refusal_says_none_of_the_gold_answer(name: str) -> None:
    assert score(name, row(answer(abstained=True), gold_answer="I could not find this in the documents.")) == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_cases_without_a_gold_answer_are_skipped(name: str) -> None:
    assert skipped(name, row(answer()))


@pytest.mark.parametrize(
    ("name", "given", "gold", "expected"),
    [
        # SQuAD: case, punctuation and articles do not count.
        ("exact_match", "the Tea, is free!", "Tea is free", 1.0),
        ("exact_match", "Tea is free for all", "Tea is free", 0.0),
        # Shared 2 of 3 and 4 tokens: 2 * 2 / 7.
        ("token_f1", "tea is cheap", "the tea is free today", 4 / 7),
        ("token_f1", "coffee", "tea", 0.0),
        # A word counts as often as both have it: 2 * 1 / (3 + 1).
        ("token_f1", "tea tea tea", "tea", 0.5),
        # Longest common sequence "tea free everyone" of 3 in 4 and 5: 2 * 3/4 * 3/5 / (3/4 + 3/5).
        ("rouge_l", "tea is free everyone", "tea costs free for everyone", 2 / 3),
        ("rouge_l", "coffee", "tea", 0.0),
        ("answer_contained", "All tea is free here.", "tea is free", 1.0),
        ("answer_contained", "All Tea is free here.", "tea is free", 0.0),
        # Unigrams 3/4, bigrams 1/3 smoothed off, lengths equal: see sacrebleu; here only that order counts.
        ("bleu", "coffee", "tea", 0.0),
    ],
)
def test_values_worked_out_by_hand(name: str, given: str, gold: str, expected: float) -> None:
    assert measured(name, given, gold) == pytest.approx(expected, abs=1e-9)


def test_bleu_reads_all_sentences_of_an_answer() -> None:
    gold = "Tea is free for all of us. Travel needs approval by the lead."
    assert measured("bleu", "Something else first. Travel needs approval by the lead.", gold) > 0.3


def test_bleu_of_known_counts() -> None:
    # Unigrams 4/5, bigrams 3/4, trigrams 2/3, four-grams 1/2; equal lengths: the fourth root of 1/5.
    assert measured("bleu", "tea is free for everyone", "tea is free for all") == pytest.approx(0.2**0.25)


def test_answers_that_share_words_are_nearer_in_meaning() -> None:
    near = measured("answer_similarity", "tea is free", "free tea")
    assert near > measured("answer_similarity", "lead approves travel", "free tea")


@settings(max_examples=30, deadline=None)
@given(
    st.text(max_size=60), st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=60).filter(str.strip)
)
@pytest.mark.parametrize("name", NAMES)
def test_every_score_is_a_share_whatever_the_texts(name: str, given: str, gold: str) -> None:
    assert 0.0 <= measured(name, given, gold) <= 1.0


@given(st.lists(st.sampled_from(["tea", "is", "free", "the", "Lead!"])))
def test_tokens_do_not_depend_on_spacing(words: list[str]) -> None:
    assert squad_tokens("  ".join(words)) == squad_tokens("\n".join(words))


def test_bleu_and_rouge_are_computed_where_the_gates_file_asks_for_them() -> None:
    def names(*asked: str) -> set[str]:
        return {each.name for each in plain_metrics(FakeEmbedder(), "english", asked=asked)}

    assert names("correct", "bleu") - names("correct") == {"bleu"}
    assert {"bleu", "rouge_l"}.isdisjoint(names())


def test_whoever_asks_for_a_metric_whose_package_is_missing_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing = dataclasses.replace(overlap.OVERLAPS["bleu"], package="no-such-package")
    monkeypatch.setitem(overlap.OVERLAPS, "bleu", missing)
    with pytest.raises(SettingsError, match="bleu") as refused:
        overlap.overlap_metrics(["bleu"])
    assert "ragloop[overlap]" in str(refused.value.hint)
