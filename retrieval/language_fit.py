"""How far each language's questions may rely on the embedder: fitted without labels, on the collection's sentences.

A sentence is taken out of a chunk, and what is left of the chunk is to be found with it among the others (the inverse
cloze task, Lee et al. 2019), by each leg alone. An embedder that does not know a language finds it by chance, one that
knows it finds about as much as BM25. docs/explanation/languages.md has the shares that this gives eleven sets of
questions, and what they do for them.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from core.ports import Embedder, VectorIndex
from core.text.sentences import sentence_spans
from core.types import Chunk, Vector
from retrieval.embedders.model import BUNDLED
from retrieval.sparse import FIRST_SCHEMA, SparseEncoder

# The dense leg's share falls with this power of what it finds beside BM25. On half of each set of questions:
#                              German  Portuguese  Chinese  Arabic
#   found beside BM25 of          .81         .70      .40     .09
#   best of 0, .05, ... .5         .3         .15       .1     0
#   share by this rule            .27         .17      .03     0
_EXPONENT = 3
# Sentences asked of a language; with so many the rule tells the languages apart.
QUESTIONS = 80
# Chunks among which each is looked for. Fewer than so many questions tell nothing.
POOL = 600
LEAST_QUESTIONS = 30
# Letters of a sentence that says enough to be looked for by; of one in Chinese characters, which say more each.
_LEAST_LETTERS = 20
_LEAST_SENTENCES = 3
_RANKS = 10


@dataclass(frozen=True, slots=True)
class KnownItem:
    """A sentence, and the chunk (its place in the pool) that it was taken out of, with what is left of its text."""

    sentence: str
    place: int
    rest: str


def fitted_weights(
    index: VectorIndex, collection: str, open_embedder: Callable[[], Embedder], default: float
) -> dict[str, float]:
    """The dense leg's share for each language of the collection whose share should be another than `default`.

    Embeds up to 160 short texts a language. A language with too few texts is left out, and English where the embedder
    is the bundled one: its share was measured on people's questions.
    """
    spec = index.spec(collection)
    if spec.schema_version == FIRST_SCHEMA:
        return {}
    pools: dict[str, list[tuple[Chunk, Vector]]] = {language: [] for language in index.languages(collection)}
    if not pools or (spec.embedder == BUNDLED and set(pools) == {"english"}):
        return {}
    seen: Counter[str] = Counter()
    chance = random.Random(0)  # noqa: S311 - a sample, no secret
    for stored, vector in index.scroll(collection):
        language = stored.chunk.language if stored.chunk.language in pools else next(iter(pools))
        seen[language] += 1
        _keep(pools[language], (stored.chunk, vector), seen[language], chance)
    if spec.embedder == BUNDLED:
        pools.pop("english", None)
    asked = {language: (pool, known_items([chunk.text for chunk, _ in pool])) for language, pool in pools.items()}
    enough = {language: each for language, each in asked.items() if len(each[1]) >= LEAST_QUESTIONS}
    if not enough:
        return {}
    embedder, encoder = open_embedder(), SparseEncoder.of(spec)
    weights = {
        language: share(*_found(language, pool, items, encoder, embedder), default)
        for language, (pool, items) in enough.items()
    }
    return {language: weight for language, weight in weights.items() if weight != default}


def known_items(texts: Sequence[str], seed: int = 0) -> list[KnownItem]:
    """Sentences of the texts, at most one of each, that leave enough behind."""
    chance = random.Random(seed)  # noqa: S311 - a sample, no secret
    items = []
    for place in chance.sample(range(len(texts)), len(texts)):
        text = texts[place]
        spans = [span for span in sentence_spans(text, "auto") if len(text[slice(*span)].encode()) >= _LEAST_LETTERS]
        if len(spans) >= _LEAST_SENTENCES:
            start, end = chance.choice(spans)
            items.append(KnownItem(text[start:end], place, f"{text[:start]} {text[end:]}"))
        if len(items) == QUESTIONS:
            break
    return items


def share(dense: Sequence[float], bm25: Sequence[float], default: float) -> float:
    """The dense leg's share by what each leg finds alone, question by question: the default where the dense leg finds
    as much, or less by no more than the standard error."""
    lost = [theirs - ours for ours, theirs in zip(dense, bm25, strict=True)]
    if fmean(lost) <= stdev(lost) / math.sqrt(len(lost)):
        return default
    return round(default * (fmean(dense) / fmean(bm25)) ** _EXPONENT, 2)


def _keep(pool: list[tuple[Chunk, Vector]], item: tuple[Chunk, Vector], seen: int, chance: random.Random) -> None:
    """Reservoir sampling: of all items each is in the pool with the same chance."""
    if len(pool) < POOL:
        pool.append(item)
    elif (at := chance.randrange(seen)) < POOL:
        pool[at] = item


def _found(
    language: str,
    pool: Sequence[tuple[Chunk, Vector]],
    items: Sequence[KnownItem],
    encoder: SparseEncoder,
    embedder: Embedder,
) -> tuple[list[float], list[float]]:
    """How far up each item's chunk stands in the dense leg, and in BM25's."""
    weighed = [encoder.document(chunk.indexed_text, language) for chunk, _ in pool]
    documents = [dict(zip(each.indices, each.values, strict=True)) for each in weighed]
    rarity = _rarity(documents)
    vectors = np.stack([vector for _, vector in pool])
    asked = np.stack([embedder.embed_question(item.sentence) for item in items])
    left = embedder.embed([item.rest for item in items])
    dense, bm25 = [], []
    for item, question, rest in zip(items, asked, left, strict=True):
        cosines = vectors @ question
        cosines[item.place] = float(rest @ question)
        dense.append(_gain(cosines.tolist(), item.place))
        terms = encoder.terms(item.sentence, language)
        scores = [_score(terms, document, rarity) for document in documents]
        own = encoder.document(item.rest, language)
        scores[item.place] = _score(terms, dict(zip(own.indices, own.values, strict=True)), rarity)
        bm25.append(_gain(scores, item.place))
    return dense, bm25


def _rarity(documents: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """Inverse document frequencies as the engine counts them."""
    counts = Counter(term for document in documents for term in document)
    total = len(documents)
    return {term: math.log((total - count + 0.5) / (count + 0.5) + 1) for term, count in counts.items()}


def _score(terms: Iterable[int], document: Mapping[int, float], rarity: Mapping[int, float]) -> float:
    return sum(rarity.get(term, 0.0) * document[term] for term in terms if term in document)


def _gain(scores: Sequence[float], place: int) -> float:
    """nDCG@10 of the one chunk that is right; of equal scores it has the last rank."""
    rank = sum(score >= scores[place] for score in scores)
    return 1 / math.log2(rank + 1) if rank <= _RANKS else 0.0
