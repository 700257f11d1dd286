"""What is quoted is shown with what contradicts it in another document, where the question means both."""

from __future__ import annotations

from core.text.sentences import sentence_spans
from core.types import Chunk, ScoredSentence, document_id
from serving.grounding.contradictions import Contradiction, ContradictionFinder, with_others
from serving.grounding.quotes import Quote

QUESTION = "What is the hotel limit per night?"
LIMIT = "The hotel limit is 130 euros per night."
OTHER = "The hotel limit is 120 euros per night."


def chunk(text: str, uri: str, title: str = "Travel", heading: str = "Hotels") -> Chunk:
    return Chunk(document_id(uri), 0, uri, title, (heading,), None, 0, len(text), text, "english")


def sentences(source: Chunk, score: float) -> list[ScoredSentence]:
    spans = sentence_spans(source.text)
    return [ScoredSentence(source, start, end, source.text[start:end], score) for start, end in spans]


def found(
    *sources: Chunk, question: str = QUESTION, scores: tuple[float, ...] = (0.9, 0.8, 0.7)
) -> list[Contradiction]:
    """With the first sentence of the first source quoted."""
    read = [each for source, score in zip(sources, scores, strict=False) for each in sentences(source, score)]
    quoted = Quote(sources[0], read[0].start, read[0].end, read[0].score)
    return ContradictionFinder("english").among(question, [quoted], read)


def test_two_versions_of_a_rule_contradict_one_another() -> None:
    (one,) = found(chunk(LIMIT, "a.md"), chunk(OTHER, "b.md"))
    assert (one.quoted.text, one.other.text, one.says.one, one.says.other) == (LIMIT, OTHER, "130", "120")


def test_each_two_documents_are_named_once_and_one_that_agrees_not_at_all() -> None:
    sources = chunk(LIMIT, "a.md"), chunk(f"{OTHER} {OTHER}", "b.md"), chunk(LIMIT, "c.md")
    assert [each.other.chunk.uri for each in found(*sources)] == ["b.md"]


def test_a_document_does_not_contradict_itself() -> None:
    assert found(chunk(f"{LIMIT} {OTHER}", "a.md"), chunk("Trains are booked early.", "b.md")) == []


def test_what_hardly_answers_contradicts_nothing() -> None:
    assert found(chunk(LIMIT, "a.md"), chunk(OTHER, "b.md"), scores=(0.9, 0.5)) == []


def test_who_asks_for_one_of_two_things_hears_nothing_of_the_other() -> None:
    sources = chunk(LIMIT, "a.md", "Travel 2024"), chunk(OTHER, "b.md", "Travel 2023")
    assert found(*sources, question="What was the hotel limit in 2024?") == []
    assert found(*sources) != []


def test_what_only_says_it_is_compared_under_the_same_heading_alone() -> None:
    one, other = "It costs 5 euros for each adult guest.", "It costs 9 euros for each adult guest."
    question = "What does an adult guest pay?"
    assert found(chunk(one, "a.md", heading="Sauna"), chunk(other, "b.md", heading="Sauna"), question=question)
    assert not found(chunk(one, "a.md", heading="Sauna"), chunk(other, "b.md", heading="Pool"), question=question)


def test_rows_are_compared_by_their_columns() -> None:
    table = "| city | limit in euros |\n|---|---|\n| Berlin | {} |"
    one, other = chunk(table.format(130), "a.md"), chunk(table.format(120), "b.md")
    at = one.text.index("| Berlin")
    rows = [ScoredSentence(each, at, len(each.text), each.text[at:], 0.9) for each in (one, other)]
    quote = Quote(one, at, len(one.text), 0.9)
    (each,) = ContradictionFinder("english").among("What is the limit in Berlin?", [quote], rows)
    assert (each.says.one, each.says.other) == ("130", "120")
    assert with_others([quote], [each])[1].columns == ("city", "limit in euros")


def test_what_contradicts_a_quote_follows_it_unless_it_is_quoted_anyway() -> None:
    first, second = chunk(LIMIT, "a.md"), chunk(OTHER, "b.md")
    (each,) = found(first, second)
    quoted, more = Quote(first, 0, len(LIMIT), 0.9), Quote(chunk("Trains are booked early.", "c.md"), 0, 24, 0.5)
    rest = Quote(chunk("and of the day.", "d.md"), 0, 15, 0.9, goes_on=True)
    other = Quote(second, 0, len(OTHER), 0.8)
    assert with_others([quoted, more], [each]) == [quoted, other, more]
    assert with_others([quoted, rest, more], [each]) == [quoted, rest, other, more]
    assert with_others([quoted, more, other], [each]) == [quoted, more, other]
