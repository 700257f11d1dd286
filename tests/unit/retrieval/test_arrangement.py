"""What happens to a ranking before it is handed out, and that each step is off unless the release asks for it."""

from __future__ import annotations

import pytest

from core.release import RetrievalParameters
from core.types import Retrieval
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


@pytest.mark.parametrize("step", [{"collapse": True}, {"per_document": 2}, {"neighbours": 1}])
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
