"""How far questions in each language may rely on the embedder, fitted on the collection's own sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from core.ports import Embedder
from core.types import CollectionSpec, Vector, document_id
from retrieval.language_fit import fitted_weights, known_items, share
from tests.fakes import FakeEmbedder, InMemoryIndex
from tests.support.indexed_documents import embedded, spec_for

_SUBJECTS = [f"subject{number} of chapter{number}" for number in range(40)]
# Words that a paragraph's sentences share are in no other paragraph; what they say apart from that is alike everywhere.
TEXTS = [
    f"The {subject} is described here. It is about {subject} alone. Whoever reads {subject} knows it. So is {subject}."
    for subject in _SUBJECTS
]


class KnowsNothing(FakeEmbedder):
    """Vectors that have nothing to do with what a text says, as an English model's of Thai."""

    def embed(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vector:
        return super().embed([str(len(text) * 7919 % 1009) for text in texts], progress)


class KnowsSubjects(FakeEmbedder):
    """One direction for each subject, in whatever words a text speaks of it."""

    def embed(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vector:
        found = [re.search(r"subject(\d+)", text) for text in texts]
        return np.eye(self.dimensions, dtype=np.float32)[[int(match[1]) if match else 63 for match in found]]


def collection(spec: CollectionSpec, embedder: Embedder, language: str) -> InMemoryIndex:
    index = InMemoryIndex()
    index.ensure(spec)
    documents = []
    for number, text in enumerate(TEXTS):
        document = embedded(f"s/{number}", [text], language=language)
        vectors = embedder.embed([chunk.indexed_text for chunk in document.chunks])
        documents.append(
            document.__class__(document_id(f"s/{number}"), "s", "1", ("public",), document.chunks, vectors)
        )
    index.commit(spec.name, documents, [])
    return index


def test_an_embedder_that_does_not_know_a_language_gets_next_to_no_share_of_it() -> None:
    spec, embedder = spec_for(language="auto"), KnowsNothing()
    weights = fitted_weights(collection(spec, embedder, "german"), spec.name, lambda: embedder, 0.5)
    assert weights["german"] <= 0.2


def test_an_embedder_that_finds_what_bm25_finds_keeps_its_share() -> None:
    spec, embedder = spec_for(language="auto"), KnowsSubjects()
    assert fitted_weights(collection(spec, embedder, "german"), spec.name, lambda: embedder, 0.5) == {}


def test_a_few_texts_tell_nothing_and_load_no_embedder() -> None:
    spec = spec_for(language="auto")
    index = InMemoryIndex()
    index.ensure(spec)
    assert fitted_weights(index, spec.name, _never, 0.5) == {}
    index.commit(spec.name, [embedded("s/a", TEXTS[:3], language="german")], [])
    assert fitted_weights(index, spec.name, _never, 0.5) == {}


def test_english_with_the_bundled_embedder_is_not_fitted_again() -> None:
    spec = spec_for(language="auto", embedder="all-MiniLM-L6-v2")
    assert fitted_weights(collection(spec, FakeEmbedder(), "english"), spec.name, _never, 0.5) == {}


def test_a_known_item_is_a_sentence_and_the_chunk_without_it() -> None:
    for item in known_items(TEXTS):
        assert item.sentence in TEXTS[item.place]
        assert len(item.rest) == len(TEXTS[item.place]) - len(item.sentence) + 1


def test_the_share_falls_with_what_the_dense_leg_finds_beside_bm25() -> None:
    all_found = [1.0, 0.9] * 20
    assert share(all_found, all_found, 0.5) == 0.5
    assert share([0.0] * 40, all_found, 0.5) == 0.0
    half, little = share([0.5, 0.45] * 20, all_found, 0.5), share([0.25, 0.2] * 20, all_found, 0.5)
    assert 0 < little < half < 0.5


def test_a_dense_leg_that_finds_more_or_about_as_much_keeps_its_share() -> None:
    noise = [float(number % 2) for number in range(40)]
    assert share([1.0] * 40, noise, 0.6) == 0.6
    assert share(noise, noise[::-1], 0.6) == 0.6


def test_the_fit_is_the_same_each_time() -> None:
    spec, embedder = spec_for(language="auto"), KnowsNothing()
    index = collection(spec, embedder, "german")
    first, second = (fitted_weights(index, spec.name, lambda: embedder, 0.5) for _ in range(2))
    assert first == second
    assert np.isfinite(list(first.values())).all()


def _never() -> Embedder:
    raise AssertionError("nothing is to be embedded")
