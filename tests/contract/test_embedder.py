"""What every embedder does: the fake, OpenVINO, and sentence-transformers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from core.ports import Embedder
from tests.fakes import FakeEmbedder

TEXTS = [
    "Parental leave lasts sixteen weeks.",
    "short",
    "",
    "Ünïcode, 日本語 and emoji 🎉 in one text.",
    "A much longer text about the expense policy, " * 12,
    "Parental leave lasts sixteen weeks.",
]


# Loading PyTorch takes longer than all that the others do.
@pytest.fixture(params=["fake", "openvino", pytest.param("sentence_transformer", marks=pytest.mark.slow)])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    if request.param == "fake":
        return FakeEmbedder()
    embedder: Embedder = request.getfixturevalue(f"{request.param}_embedder")
    return embedder


def cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return (left * right).sum(axis=1)


def test_vectors_have_the_promised_shape_type_and_length(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimensions)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)


def test_changing_a_vector_does_not_change_the_next_one_of_the_same_question(embedder: Embedder) -> None:
    first = embedder.embed(["Who approves travel?"])
    first[:] = 0
    again = embedder.embed(["Who approves travel?"])
    np.testing.assert_allclose(np.linalg.norm(again, axis=1), 1, atol=1e-3)


def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.dimensions)


def test_a_text_has_the_same_vector_alone_and_in_any_company(embedder: Embedder) -> None:
    many = [f"{TEXTS[number % len(TEXTS)]} {number % 7}" for number in range(36)]
    together = embedder.embed(many)
    alone = np.concatenate([embedder.embed([text]) for text in many[:12]])
    assert cosines(together[:12], alone).min() > 0.999


def test_vectors_come_in_the_order_of_the_texts(embedder: Embedder) -> None:
    words = ["kitchen", "salary", "holiday", "laptop", "security"]
    texts = [f"{word} " * (1 + number % 11) for number, word in enumerate(words * 20)]
    vectors = embedder.embed(texts)
    single = embedder.embed(words)
    nearest = (vectors @ single.T).argmax(axis=1)
    assert nearest.tolist() == [number % len(words) for number in range(len(texts))]


def test_related_texts_are_nearer_than_unrelated_ones(embedder: Embedder) -> None:
    question, related, unrelated = embedder.embed(
        ["how long is parental leave", "parental leave lasts sixteen weeks", "the kitchen has a coffee machine"]
    )
    assert question @ related > question @ unrelated + 0.1


def test_progress_accounts_for_every_text(embedder: Embedder) -> None:
    reported: list[int] = []
    embedder.embed([f"text {number}" for number in range(50)], progress=reported.append)
    assert sum(reported) == 50
    assert all(count > 0 for count in reported)


def test_many_threads_get_the_vectors_of_their_own_texts(embedder: Embedder) -> None:
    texts = [f"{TEXTS[0]} {'word ' * (number % 9)}{number}" for number in range(64)]
    expected = embedder.embed(texts)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: embedder.embed([text])[0], texts))
    assert cosines(np.stack(found), expected).min() > 0.999


def test_a_text_beyond_the_limit_is_cut_not_refused(embedder: Embedder) -> None:
    long = "leave policy " * 2000
    assert embedder.count_tokens([long])[0] > embedder.max_tokens
    assert embedder.embed([long]).shape == (1, embedder.dimensions)


def test_tokens_are_counted_without_truncation_as_their_offsets_say(embedder: Embedder) -> None:
    texts = [*TEXTS, "leave policy " * 500]
    counts = embedder.count_tokens(texts)
    assert counts == [len(embedder.token_offsets(text)) for text in texts]
    assert counts[2] == 0
    assert counts[-1] == 1000


def test_offsets_are_ordered_spans_of_the_text(embedder: Embedder) -> None:
    for text in TEXTS:
        offsets = embedder.token_offsets(text)
        assert all(0 <= start <= end <= len(text) for start, end in offsets)
        assert [start for start, _ in offsets] == sorted(start for start, _ in offsets)
        covered = {position for start, end in offsets for position in range(start, end)}
        assert all(position in covered for position, letter in enumerate(text) if letter.isalnum())


# ---------------------------------------------------------------- the two real ones


@pytest.mark.slow
def test_both_runtimes_give_interchangeable_vectors(
    openvino_embedder: Embedder, sentence_transformer_embedder: Embedder
) -> None:
    texts = [*TEXTS, "leave policy " * 500, *(f"{'word ' * number}ends here" for number in range(0, 250, 10))]
    left, right = openvino_embedder.embed(texts), sentence_transformer_embedder.embed(texts)
    assert cosines(left, right).min() > 0.999
    assert openvino_embedder.fingerprint == sentence_transformer_embedder.fingerprint


def test_text_beyond_the_limit_does_not_matter(openvino_embedder: Embedder) -> None:
    limit = openvino_embedder.max_tokens - 2  # the model adds a token at each end
    text = "leave " * limit
    inside, beyond = openvino_embedder.embed([text, text + "kitchen " * 50])
    assert inside @ beyond > 0.9999
    cut = openvino_embedder.embed([text[: -len("leave ")] + "kitchen"])[0]
    assert inside @ cut < 0.9999
