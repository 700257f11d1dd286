"""A case that came of a complaint is not satisfied by what the bad answer cited already."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.loop.answer_snapshot import SnapshotCitation
from core.types import document_id
from evals.cases.cases import GoldEvidence
from loop.feedback.case_evidence import FEWEST_WORDS, evidence_beyond
from loop.feedback.training_rows import EvidencePlace

URI = "tools/lending.md"
SENTENCE = "Machines with a motor may be borrowed for four days."
TEXT = f"Lending. {SENTENCE} Others for two weeks."


def place(quote: str = SENTENCE) -> EvidencePlace:
    start = TEXT.index(quote)
    return EvidencePlace(GoldEvidence(uri=URI, quote=quote, start=start), "Lending", TEXT, start, start + len(quote))


def cited(start: int, quote: str, uri: str = URI) -> SnapshotCitation:
    return SnapshotCitation(
        marker=1, uri=uri, title="Lending", heading_path=(), page=None, start=start, end=start + len(quote),
        quote=quote, score=0.9, supported=True, document_id=document_id(uri), chunk_id="c",
    )  # fmt: skip


def citation(quote: str, uri: str = URI) -> SnapshotCitation:
    return cited(TEXT.index(quote), quote, uri)


def test_what_the_bad_answer_cited_of_the_right_sentence_is_not_enough_next_time() -> None:
    found = evidence_beyond(place(), [citation("Machines with a motor may be")])
    assert found == GoldEvidence(uri=URI, quote="borrowed for four days.", start=TEXT.index("borrowed"))


def test_of_several_parts_that_are_left_the_longest_is_asked_for() -> None:
    found = evidence_beyond(place(), [citation("Machines with a"), citation("may be")])
    assert found.quote == "borrowed for four days."


def test_a_place_that_was_not_cited_stays_whole() -> None:
    assert (
        evidence_beyond(place(), [citation("Others for two weeks."), citation(SENTENCE, "other.md")])
        == place().evidence
    )


def test_a_place_that_was_cited_whole_stays_whole() -> None:
    assert evidence_beyond(place(), [citation(SENTENCE)]) == place().evidence
    assert evidence_beyond(place(), [citation(SENTENCE.removesuffix(" days."))]) == place().evidence


def test_citations_of_a_document_that_has_changed_say_nothing() -> None:
    moved = citation("Machines with a motor may be").model_copy(update={"quote": "Machines may no longer be"})
    assert evidence_beyond(place(), [moved]) == place().evidence


@given(st.lists(st.tuples(st.integers(0, len(TEXT)), st.integers(0, len(TEXT)))))
def test_what_is_asked_for_stands_in_the_place_and_overlaps_nothing_that_was_cited(
    spans: list[tuple[int, int]],
) -> None:
    citations = [cited(a, TEXT[a:b]) for a, b in spans if a < b]
    whole = place()
    found = evidence_beyond(whole, citations)
    span = found.span(TEXT)
    assert span is not None
    assert whole.start <= span[0] < span[1] <= whole.end
    if found != whole.evidence:
        assert all(span[1] <= each.start or each.end <= span[0] for each in citations)
        assert len(found.quote.split()) >= FEWEST_WORDS - 1
