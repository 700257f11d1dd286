"""Evidence ranks the sentences that answer above those that do not, and quotes nothing that is no statement."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.release import AbstentionModel, ReadingParameters
from core.types import Chunk, Passage, document_id
from retrieval.sparse import SparseEncoder
from serving.grounding.evidence import EvidenceScorer, confidence, is_statement
from serving.releases.first import default_abstention
from tests.fakes import FakeEmbedder
from tools.fits.abstention import FEATURES

MODEL = AbstentionModel(weights={"sentence": 4.0}, bias=-2.0, threshold=0.5, fitted_on="this test")


def passage(text: str, uri: str = "docs/a.md", start: int = 50) -> Passage:
    chunk = Chunk(document_id(uri), 0, uri, "Title", ("Travel",), None, start, start + len(text), text)
    return Passage(chunk, "0" * 64, 1.0, {"dense": 0.5, "bm25": 4.0, "fused": 1.0})


@pytest.fixture
def scorer() -> EvidenceScorer:
    return EvidenceScorer(FakeEmbedder(), SparseEncoder("english"), MODEL, "english")


def test_the_sentence_that_answers_comes_first_with_its_place_in_the_document(scorer: EvidenceScorer) -> None:
    text = "The sea was calm today. The lead approves travel requests. Tea is free for all."
    evidence = scorer.score("Who approves travel requests?", [passage(text)])
    best = evidence.sentences[0]
    assert best.text == "The lead approves travel requests."
    assert text[best.start - 50 : best.end - 50] == best.text


@pytest.mark.parametrize(
    "text",
    [
        "# Heading of a section",
        "```python",
        "![a picture of something](x.png)",
        "|---|---|",
        "---",
        "See here",
        "See [all the other pages](pages.md).",
        "<div class='a b c'>",
    ],
)
def test_headings_fences_pictures_and_fragments_are_no_statements(text: str) -> None:
    assert not is_statement(text)


@pytest.mark.parametrize(
    "text",
    [
        "The lead approves it.",
        "- Honesty at work",
        "Use [the index](a.md) for search.",
        "| travel | lead | yes |",
        "团队 负责人 批准",
    ],
)
def test_sentences_items_and_rows_are_statements(text: str) -> None:
    assert is_statement(text)


def test_passages_without_statements_are_evidence_of_nothing(scorer: EvidenceScorer) -> None:
    evidence = scorer.score("Who?", [passage("# Only a heading here")])
    assert evidence.sentences == ()
    assert evidence.features["sentence"] == 0.0


def test_no_passages_are_evidence_of_nothing(scorer: EvidenceScorer) -> None:
    assert scorer.score("Who?", []).features == {"dense": 0, "bm25": 0, "coverage": 0, "sentence": 0}


def test_what_was_asked_before_changes_nothing_and_a_chunk_is_embedded_once() -> None:
    embedder = FakeEmbedder()
    scorer = EvidenceScorer(embedder, SparseEncoder("english"), MODEL, "english")
    passages = [passage("The sea was calm today. The lead approves travel requests. Tea is free for all.")]
    before = scorer.score("Who approves travel?", passages)
    scorer.score("Is tea free?", passages)
    assert scorer.score("Who approves travel?", passages) == before
    questions = ["Who approves travel?", "Is tea free?", "Who approves travel?"]
    embedded = [text for text in embedder.embedded if text not in questions]
    assert len(embedded) == len(set(embedded)) > 0


def test_a_question_of_stop_words_alone_does_not_divide_by_zero(scorer: EvidenceScorer) -> None:
    assert scorer.score("What is it?", [passage("The lead approves it.")]).features["coverage"] == 0.0


def test_more_evidence_means_more_confidence() -> None:
    values = [confidence(MODEL, {"sentence": score}) for score in (0.0, 0.3, 0.6, 1.0)]
    assert values == sorted(values)
    assert 0 < values[0] < 0.5 < values[-1] < 1


def test_confidence_stays_in_range_for_absurd_features() -> None:
    assert confidence(MODEL, {"sentence": 1e9}) <= 1
    assert confidence(MODEL, {"sentence": -1e9}) >= 0


def test_the_model_that_ships_weighs_all_that_the_scorer_tells_and_nothing_else(scorer: EvidenceScorer) -> None:
    told = scorer.score("Who approves it?", [passage("The lead approves travel requests.")]).features
    assert set(default_abstention().weights) == set(told) == set(FEATURES)


def reader(**chosen: object) -> EvidenceScorer:
    reading = ReadingParameters.model_validate(chosen)
    return EvidenceScorer(FakeEmbedder(), SparseEncoder("english"), MODEL, "english", reading)


def test_what_is_asked_of_one_record_comes_from_no_other() -> None:
    kits = "## Kit 5\n\nThe kit ZRX-9078 is on shelf A5.\n\n## Kit 6\n\nThe kit ZRX-9870 is on shelf A6."
    evidence = reader(named=True).score("Which shelf is ZRX-9078 on?", [passage(kits)])
    assert [sentence.text for sentence in evidence.sentences] == ["The kit ZRX-9078 is on shelf A5."]
    assert evidence.missing == ()


def test_a_row_of_another_record_is_passed_over() -> None:
    rows = "| Site | Doors of it |\n|---|---|\n| Site 001 | 32 doors |\n| Site 100 | 12 doors |"
    evidence = reader(named=True).score("How many doors does Site 100 have?", [passage(rows)])
    assert [sentence.text for sentence in evidence.sentences][:1] == ["| Site 100 | 12 doors |"]
    assert not any("001" in sentence.text for sentence in evidence.sentences)


def test_what_the_question_names_and_no_passage_holds_is_told_only_where_the_release_asks_for_it() -> None:
    question = "What does ZRX-9999 hold?"
    assert reader(named=True).score(question, [passage("The kit ZRX-9078 holds a gasket.")]).missing == ("ZRX-9999",)
    assert reader().score(question, [passage("The kit ZRX-9078 holds a gasket.")]).missing == ()


def test_a_sentence_of_a_better_passage_wins_by_the_prior_and_the_confidence_stays() -> None:
    first = passage("The lead approves travel requests today.")
    second = replace(passage("The lead approves travel requests now.", "docs/b.md"), score=0.5)
    plain, led = (reader(prior=prior).score("Who approves it?", [second, first]) for prior in (0.0, 0.3))
    assert led.sentences[0].chunk.uri == "docs/a.md"
    assert led.sentences[0].score - plain.sentences[0].score <= 0.3
    assert led.confidence == plain.confidence


def test_no_more_passages_are_read_than_the_release_says() -> None:
    passages = [passage("The lead approves travel requests.", f"docs/{number}.md") for number in range(9)]
    assert len(reader(passages=8).score("Who approves travel?", passages).sentences) == 8
    assert len(reader().score("Who approves travel?", passages).sentences) == 5


@pytest.mark.parametrize(
    "text",
    ["试用期内每月可以请一天病假。", "申請は三日前までに上長へ提出してください。", "ห้องประชุมชั้นสามต้องจองล่วงหน้าสองวัน"],
)
def test_a_sentence_that_is_written_without_spaces_says_something(text: str) -> None:
    assert is_statement(text)


def test_a_label_of_two_letters_says_nothing_in_any_script() -> None:
    assert not is_statement("差旅")
