"""What happens to a ranking before it is handed out, and that each step is off unless the release asks for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from app.answers.search_json import in_words
from core.release import RetrievalParameters
from core.search_filter import DocumentFacts
from core.types import AccessScope, Retrieval
from retrieval.retriever import Retriever
from tests.fakes import FakeEmbedder, InMemoryIndex
from tests.support.indexed_documents import EVERYTHING, embedded, spec_for
from tests.support.manifests import manifest

LETTER = "dear reader the canteen fee is nine euros from the first of may until the end of the year and not before"
DOCUMENTS = [
    embedded("s/letter-1", [LETTER]),
    embedded("s/letter-2", [LETTER.upper() + "!"]),
    embedded("s/fees", ["canteen fee table", "canteen fee for guests", "canteen fee for children", "opening hours"]),
    embedded("s/other", ["the gate code changes on monday"]),
]


def found(top_k: int = 4, **parameters: object) -> Retrieval:
    index = InMemoryIndex()
    index.ensure(spec_for())
    index.commit(spec_for().name, DOCUMENTS, [])
    retriever = Retriever(index, FakeEmbedder(), spec_for().name, RetrievalParameters(top_k=top_k, **parameters))  # type: ignore[arg-type]
    return retriever.retrieve("canteen fee", EVERYTHING)


def uris(retrieval: Retrieval) -> list[str]:
    return [passage.chunk.uri for passage in retrieval.passages]


def test_unless_asked_for_nothing_is_left_out() -> None:
    retrieval = found(top_k=7)
    assert len(retrieval.passages) == 7
    assert retrieval.left_out == ()
    assert all(passage.collapsed == () for passage in retrieval.passages)


def test_near_duplicates_are_one_passage_that_names_the_others() -> None:
    retrieval = found(top_k=7, collapse=True)
    (letter,) = [passage for passage in retrieval.passages if passage.chunk.uri.startswith("s/letter")]
    assert {letter.chunk.uri, *letter.collapsed} == {"s/letter-1", "s/letter-2"}
    (left,) = retrieval.left_out
    assert left.why == f"says the same as {letter.chunk.uri}"


COPIES = [
    *(
        embedded(f"s/copy-{number}", [LETTER, "canteen hours"], access=["public"], version="copy")
        for number in range(5)
    ),
    embedded("s/copy-for-hr", [LETTER, "canteen hours"], access=["hr"], version="copy"),
]


def found_among_copies(*labels: str) -> Retrieval:
    index = InMemoryIndex()
    index.ensure(spec_for())
    others = [embedded(f"s/other-{number}", [f"canteen rule {number}"]) for number in range(10)]
    index.commit(spec_for().name, [*COPIES, *others], [])
    retriever = Retriever(index, FakeEmbedder(), spec_for().name, RetrievalParameters(top_k=8))
    return retriever.retrieve("canteen fee", AccessScope.of(*labels))


def test_six_copies_of_a_file_take_one_place_and_the_passage_names_them_all() -> None:
    retrieval = found_among_copies("public", "hr")
    copies = {document.chunks[0].uri for document in COPIES}
    (letter,) = [passage for passage in retrieval.passages if passage.chunk.text == LETTER]
    assert {letter.chunk.uri, *letter.collapsed} == copies
    assert len(letter.collapsed) == 5
    assert len(retrieval.passages) == 8
    assert len({passage.chunk.text for passage in retrieval.passages}) == 8
    assert f"is of a copy of {letter.chunk.uri}" in {left.why for left in retrieval.left_out}


def test_a_copy_with_other_labels_is_found_by_whoever_sees_only_that_and_named_to_nobody_else() -> None:
    (letter,) = [passage for passage in found_among_copies("hr").passages if passage.chunk.text == LETTER]
    assert (letter.chunk.uri, letter.collapsed) == ("s/copy-for-hr", ())
    (letter,) = [passage for passage in found_among_copies("public").passages if passage.chunk.text == LETTER]
    assert "s/copy-for-hr" not in {letter.chunk.uri, *letter.collapsed}
    assert len(letter.collapsed) == 4


def test_no_document_fills_the_passages_where_there_is_a_cap() -> None:
    retrieval = found(per_document=1)
    assert sorted(uris(retrieval)) == ["s/fees", "s/letter-1", "s/letter-2", "s/other"]
    assert all(left.uri == "s/fees" for left in retrieval.left_out)


def test_the_best_passage_brings_its_neighbours_in_place_of_the_last_ones() -> None:
    plain, retrieval = found(), found(neighbours=3)
    assert retrieval.passages[0] == plain.passages[0]
    assert len(retrieval.passages) == len(plain.passages)
    best = retrieval.passages[0].chunk
    beside = [passage.chunk for passage in retrieval.passages[1:]]
    assert [chunk.ordinal for chunk in beside if chunk.uri == best.uri] == [
        ordinal for ordinal in (best.ordinal + 1, best.ordinal - 1, best.ordinal + 2, best.ordinal - 2, best.ordinal + 3)
        if 0 <= ordinal < 4
    ][:3]  # fmt: skip


def test_each_passage_knows_its_rank_in_either_search() -> None:
    best = found().passages[0]
    assert best.ranks.keys() == {"dense", "bm25"}
    assert all(rank >= 1 for rank in best.ranks.values())
    other = next(passage for passage in found(top_k=7).passages if passage.chunk.uri == "s/other")
    assert other.ranks.keys() == {"dense"}


def dated(freshness: float, question: str = "canteen fee", **days: date | None) -> Retrieval:
    """What is found among documents that say nearly the same, of these dates."""
    index = InMemoryIndex()
    index.ensure(spec_for())
    texts = {name: f"canteen fee is nine euros {'and so on ' * at}" for at, name in enumerate(days)}
    texts["code"] = "gate QX-7741 of the canteen"
    documents = [
        replace(embedded(f"s/{name}", [text]), facts=DocumentFacts(days.get(name))) for name, text in texts.items()
    ]
    index.commit(spec_for().name, documents, [])
    retriever = Retriever(index, FakeEmbedder(), spec_for().name, RetrievalParameters(top_k=3, freshness=freshness))
    return retriever.retrieve(question, EVERYTHING)


def test_where_freshness_counts_a_newer_document_comes_before_an_older_one_that_says_the_same() -> None:
    days = {"old": date(2020, 5, 1), "middle": date(2023, 5, 1), "new": date(2025, 5, 1)}
    assert uris(dated(0.0, **days)) == ["s/old", "s/middle", "s/new"]
    assert uris(dated(0.5, **days)) == ["s/new", "s/middle", "s/old"]


def test_a_year_takes_half_of_the_share_and_the_search_says_by_how_much() -> None:
    retrieval = dated(0.4, new=date(2025, 5, 1), old=date(2024, 5, 1))
    factors = {passage.chunk.uri: passage.scores["freshness"] for passage in retrieval.passages}
    assert factors == pytest.approx({"s/new": 1.0, "s/old": 0.8, "s/code": 0.8})
    for passage in retrieval.passages:
        assert passage.score == pytest.approx(passage.scores["fused"] * factors[passage.chunk.uri])
        assert f"by age times {factors[passage.chunk.uri]:.3f}" in in_words(passage)


def test_what_has_no_date_is_neither_new_nor_old() -> None:
    retrieval = dated(1.0, new=date(2025, 5, 1), ancient=date(2000, 5, 1), silent=None)
    factors = {passage.chunk.uri: passage.scores["freshness"] for passage in retrieval.passages}
    assert factors["s/silent"] == 0.5
    assert uris(retrieval)[:2] == ["s/new", "s/silent"]


def test_where_nothing_has_a_date_and_where_freshness_is_off_nothing_changes() -> None:
    assert dated(0.9, one=None, other=None).passages == dated(0.0, one=None, other=None).passages
    days = {"old": date(2020, 5, 1), "new": date(2025, 5, 1)}
    assert all("freshness" not in passage.scores for passage in dated(0.0, **days).passages)


def test_an_identifier_comes_first_however_old_it_is() -> None:
    days = {"code": date(2001, 1, 1), "new": date(2025, 5, 1)}
    assert uris(dated(1.0, "canteen fee of QX-7741", **days))[0] == "s/code"


@pytest.mark.parametrize("step", [{"freshness": 0.5}, {"collapse": True}, {"per_document": 2}, {"neighbours": 1}])
def test_a_step_that_is_off_leaves_a_releases_id_as_it_was(step: dict[str, object]) -> None:
    plain = manifest()
    content = plain.model_dump(mode="json")
    assert content["retrieval"].keys() >= step.keys()
    other = plain.model_copy(update={"retrieval": plain.retrieval.model_copy(update=step)})
    assert other.id != plain.id
    old = {
        name: value
        for name, value in content["retrieval"].items()
        if name in ("fusion", "dense_weight", "depth", "top_k")
    }
    assert type(plain).model_validate({**content, "retrieval": old}).id == plain.id


@pytest.mark.parametrize("change", [("8 euros", "9 euros"), ("and not before", "and before")])
def test_what_may_contradict_is_no_near_duplicate(change: tuple[str, str]) -> None:
    text = f"{LETTER} {' '.join(f'word{one}{other}' for one in 'abcdefgh' for other in 'abcdefgh')}".replace(
        "nine", "8"
    )
    texts = text, text.replace(*change)
    index = InMemoryIndex()
    index.ensure(spec_for())
    index.commit(spec_for().name, [embedded("s/one", [texts[0]]), embedded("s/two", [texts[1]])], [])
    retriever = Retriever(index, FakeEmbedder(), spec_for().name, RetrievalParameters(top_k=4, collapse=True))
    assert len(retriever.retrieve("canteen fee", EVERYTHING).passages) == 2
