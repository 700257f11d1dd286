"""What belongs together is quoted together, once, and no longer than a person reads at a glance."""

from __future__ import annotations

from dataclasses import replace

from core.text.sentences import sentence_spans
from core.types import Chunk, Evidence, ScoredSentence, document_id
from serving.extractive import render_quote
from serving.grounding.quotes import MOST_WORDS, Quote, select_quotes


def chunk(text: str, uri: str = "docs/a.md", start: int = 0, ordinal: int = 0) -> Chunk:
    return Chunk(document_id(uri), ordinal, uri, "Title", ("Part",), None, start, start + len(text), text)


def quotes(*scored: tuple[Chunk, dict[str, float]]) -> list[Quote]:
    """The quotes of these chunks, whose sentences have these scores by what they begin with, and others 0.1."""
    found = [
        ScoredSentence(
            source,
            source.start + start,
            source.start + end,
            source.text[start:end],
            next((score for begin, score in scores.items() if source.text[start:end].startswith(begin)), 0.1),
        )
        for source, scores in scored
        for start, end in sentence_spans(source.text)
    ]
    found.sort(key=lambda sentence: -sentence.score)
    return select_quotes(Evidence(tuple(found), {}, 1.0), "english", whole=True)


def test_a_list_of_which_two_items_answer_is_quoted_whole_with_the_line_that_announces_it() -> None:
    source = chunk(
        "Welcome here.\n\nBefore your first day:\n\n- Fill in the form\n- Order a laptop\n- Record a video\n\nBye."
    )
    found = quotes((source, {"- Fill": 0.9, "- Order": 0.85}))
    assert [quote.text for quote in found] == [
        "Before your first day:\n\n- Fill in the form\n- Order a laptop\n- Record a video"
    ]


def test_in_a_list_and_in_a_section_the_sentences_that_answer_are_marked() -> None:
    listed = chunk("Before your first day:\n\n- Fill in the form\n- Order a laptop\n- Record a video\n\nBye.", start=50)
    (quote,) = quotes((listed, {"- Fill": 0.9, "- Order": 0.85, "Before": 0.88}))
    assert marked(quote) == ["Fill in the form", "Order a laptop"]
    section = chunk("# Leave\n\nAsk the lead. The lead looks. The lead signs.\n\n# Lunch\n\nLunch is free.")
    (quote,) = quotes((section, {"Ask": 0.9, "The lead signs": 0.85}))
    assert marked(quote) == ["Ask the lead.", "The lead signs."]


def test_where_all_that_is_quoted_answers_nothing_is_marked() -> None:
    source = chunk("# Leave\n\nAsk the lead. The lead looks.\n\n# Lunch\n\n1. Lunch is free.\n2. Tea too.")
    for scores in ({"Ask": 0.9, "The lead looks": 0.85}, {"Ask": 0.9}, {"1. Lunch": 0.9, "2. Tea": 0.9}):
        assert [quote.marked for quote in quotes((source, scores))] == [()]


def test_a_line_that_only_announces_a_list_is_not_marked_as_its_answer() -> None:
    source = chunk("Bring with you:\n\n- A pen\n- A pass")
    (quote,) = quotes((source, {"Bring": 0.9}))
    assert (quote.text, quote.marked) == (source.text, ())


def marked(quote: Quote) -> list[str]:
    return [quote.chunk.text[start - quote.chunk.start : end - quote.chunk.start] for start, end in quote.marked]


def test_a_lone_item_that_answers_is_quoted_alone() -> None:
    source = chunk("Fees:\n\n- Parking costs two euros\n- Lunch costs five euros")
    assert [quote.text for quote in quotes((source, {"- Lunch": 0.9}))] == ["- Lunch costs five euros"]


def test_a_section_of_which_two_sentences_answer_is_quoted_whole_without_its_heading() -> None:
    source = chunk("# Leave\n\nAsk the lead. The lead looks. The lead signs.\n\n# Lunch\n\nLunch is free.")
    found = quotes((source, {"Ask": 0.9, "The lead signs": 0.85}))
    assert [quote.text for quote in found] == ["Ask the lead. The lead looks. The lead signs."]


def test_a_table_row_is_quoted_with_the_names_of_its_columns() -> None:
    source = chunk("| Site | Fire doors |\n|---|---|\n| Site 001 | 32 |\n| Site 002 | 71 |")
    (quote,) = quotes((source, {"| Site 002": 0.9}))
    assert quote.text == "| Site 002 | 71 |"
    assert render_quote(quote, 1) == "Site: Site 002; Fire doors: 71 [1]"


def test_what_two_documents_say_alike_is_quoted_once() -> None:
    text = "The lead approves travel in the whole company."
    found = quotes((chunk(text), {"The": 0.9}), (chunk(text, "docs/b.md"), {"The": 0.89}))
    assert [quote.chunk.uri for quote in found] == ["docs/a.md"]


def test_a_sentence_that_goes_on_in_the_next_passage_is_quoted_to_its_end() -> None:
    first = "The director approves trips that cost more than"
    found = quotes(
        (chunk(first), {"The director": 0.9}),
        (chunk("400 euros".replace("4", "four ") + " in a month. Lunch is free.", start=len(first) + 1, ordinal=1), {}),
    )
    assert [(quote.text, quote.goes_on) for quote in found] == [(first, False), ("four 00 euros in a month.", True)]


def test_an_answer_has_no_more_words_than_the_budget_unless_one_sentence_has() -> None:
    many = chunk(" ".join(f"Travel rule number {'x' * number} is kept by all of us." for number in range(1, 60)))
    assert sum(quote.words for quote in quotes((many, {"Travel": 0.9}))) <= MOST_WORDS
    long = chunk("Travel " * 200 + "ends.")
    assert len(quotes((long, {"Travel": 0.9}))) == 1


def test_sentences_far_below_the_best_are_left_out() -> None:
    assert len(quotes((chunk("The lead approves it. The sea was calm. Tea is hot."), {"The lead": 0.9}))) == 1


def test_without_the_setting_a_release_quotes_as_it_always_did() -> None:
    source = chunk("The lead approves travel. She signs the form. Tea is free.")
    sentences = tuple(
        ScoredSentence(source, start, end, source.text[start:end], score)
        for (start, end), score in zip(sentence_spans(source.text), (0.9, 0.8, 0.7), strict=True)
    )
    evidence = Evidence(sentences, {}, 1.0)
    assert [quote.text for quote in select_quotes(evidence, "english")] == [
        "The lead approves travel. She signs the form."
    ]
    assert replace(evidence, sentences=()).sentences == ()


def test_a_line_in_bold_is_quoted_with_what_stands_below_it() -> None:
    source = chunk(
        "Why no meetings:\n\n**We need to.** We work in nine time zones. Few hours are shared.\n\n**We care.** Sleep is good."
    )
    (quote,) = quotes((source, {"**We need to": 0.9}))
    assert quote.text == "**We need to.** We work in nine time zones. Few hours are shared."


def test_a_question_is_quoted_with_its_answer() -> None:
    source = chunk("Where do I park?\n\nBehind the house. It is free.\n\nMay I bring a dog?\n\nYou may.")
    (quote,) = quotes((source, {"Where": 0.9}))
    assert quote.text == "Where do I park?\n\nBehind the house. It is free."


def test_a_question_without_an_answer_behind_it_is_quoted_only_where_nothing_else_is_found() -> None:
    alone = chunk("Where do I park?")
    other = chunk("Cars are parked behind the house.", uri="docs/b.md")
    assert [quote.text for quote in quotes((alone, {"Where": 0.9}), (other, {"Cars": 0.8}))] == [other.text]
    assert [quote.text for quote in quotes((alone, {"Where": 0.9}))] == [alone.text]
