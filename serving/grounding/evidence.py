"""How well the retrieved passages answer the question: sentences scored, and the abstention model's verdict.

One small model serves both ends: a sentence's score picks what the extractive generator quotes, and the features of
the best ones tell whether the corpus holds the answer at all, whichever generator then writes it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from core.ports import Embedder
from core.release import AbstentionModel, ReadingParameters
from core.text.markdown_lines import FENCE_MARK, HEADING_MARK
from core.text.passage_parts import COLUMN_SEPARATOR, as_record, cells, column_names, is_table_head, row_around, section
from core.text.search_form import word_count
from core.text.sentences import sentence_spans
from core.types import Chunk, Evidence, Passage, ScoredSentence, Vector
from retrieval.sparse import SparseEncoder
from serving.grounding.named import NamedThing, missing, named_things, plain

# The abstention model's features are of this many best passages, which is what it was fitted on.
PASSAGES_WEIGHED = 5

# Chunks whose sentences stay embedded, some 12 KB each: what is asked about is asked about again.
CHUNKS_KEPT = 2000

# A sentence's score is this share of its cosine with the question, the rest being the share of the question's terms
# that it holds. Of 199 XQuAD questions the best sentence held the answer for 80 % at 0.6, for 78 % at 0 and 71 % at 1.
COSINE_SHARE = 0.6

# The share of the question's terms that a row with its columns' names must hold to be what is asked for.
ROW_COVERAGE = 0.75

_NOT_A_STATEMENT = re.compile(rf"\s*({HEADING_MARK}\s|{FENCE_MARK}|!\[|<|\|?[\s:|-]+$|---)")
_LINK = re.compile(r"!?\[[^\]]*\]\([^)]*\)")
_WORD = re.compile(r"[^\W_]{2,}")
# Shorter ones are labels and fragments; they match short questions by chance.
_FEWEST_WORDS = 3


def is_statement(text: str) -> bool:
    """Whether a sentence says something that can be quoted: no heading, fence, picture, rule, bare label or pointer
    to another page."""
    if _NOT_A_STATEMENT.match(text) or word_count(text) < _FEWEST_WORDS:
        return False
    if word_count(text) > len(_WORD.findall(text)):
        return True  # written without spaces: no link is told from a word
    return len(_WORD.findall(_LINK.sub("", text))) > 1 or not _LINK.search(text)


def statements(chunk: Chunk, language: str) -> list[tuple[int, int]]:
    """The spans, in the document, of the chunk's quotable sentences."""
    return [
        (chunk.start + start, chunk.start + end)
        for start, end in sentence_spans(chunk.text, language)
        if is_statement(chunk.text[start:end]) and not is_table_head(chunk.text, start)
    ]


def confidence(model: AbstentionModel, features: Mapping[str, float]) -> float:
    """The model's probability, in [0, 1], that the passages hold the answer."""
    total = model.bias + sum(weight * features[name] for name, weight in model.weights.items())
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, total))))


@dataclass(frozen=True, slots=True)
class _Read:
    """A chunk's quotable sentences: their spans in the document, their texts under the heading, and the vectors of
    those, of shape (sentences, dimensions)."""

    spans: list[tuple[int, int]]
    headed: list[str]
    vectors: Vector


class EvidenceScorer:
    """Scores sentences with the same embedder and the same term analysis that retrieval uses.

    Each chunk's sentences are embedded together and kept: a vector depends a little on what is embedded beside it, and
    an answer must not depend on what was asked before.
    """

    def __init__(
        self,
        embedder: Embedder,
        sparse: SparseEncoder,
        model: AbstentionModel,
        language: str,
        reading: ReadingParameters = ReadingParameters(),
    ) -> None:
        self._embedder = embedder
        self._sparse = sparse
        self._model = model
        self._language = language
        self._reading = reading
        self._read = lru_cache(maxsize=CHUNKS_KEPT)(self._read_chunk)

    def read(self, chunk: Chunk) -> None:
        """Embed the chunk's sentences, so that whoever asks about it need not wait for that."""
        self._read(chunk)

    def has_words(self, question: str) -> bool:
        """Whether the question holds anything but stop words."""
        return bool(self._sparse.terms(question))

    def holders(self, question: str, passages: Sequence[Passage]) -> list[Passage]:
        """The passages that hold all that the question names of a series, such as kit 7 or ZRX-9078. None where it
        names no such thing."""
        named = [thing for thing in named_things(question, self._is_common) if thing.series]
        texts = ((passage, plain(passage.chunk.indexed_text)) for passage in passages if named)
        return [passage for passage, text in texts if all(thing.words in text for thing in named)]

    def score(self, question: str, passages: Sequence[Passage], vector: Vector | None = None) -> Evidence:
        """The evidence in `passages` (best first) for answering `question`, whose vector is `vector` if it is known."""
        asked = self._embedder.embed_question(question) if vector is None else vector
        named = named_things(question, self._is_common) if self._reading.named else ()
        read = passages[: self._reading.passages]
        scored = self._scored(asked, question, read)
        weighed = {passage.chunk.id for passage in passages[:PASSAGES_WEIGHED]}
        best = max((score for score, sentence in scored if sentence.chunk.id in weighed), default=0.0)
        sentences = sorted(
            (sentence for _, sentence in scored if not _of_another(sentence, named)),
            key=lambda sentence: (-sentence.score, sentence.chunk.id, sentence.start),
        )
        features = self._features(question, passages[:PASSAGES_WEIGHED], best)
        texts = [passage.chunk.indexed_text for passage in read]
        absent = missing(named, texts)
        sure = confidence(self._model, features)
        if not absent and (any(thing.is_identifier for thing in named) or self._is_row_of(named, question, sentences)):
            sure = max(sure, self._model.threshold)  # that record is asked for, however little else speaks for it
        return Evidence(tuple(sentences), features, sure, absent)

    def _scored(self, asked: Vector, question: str, passages: Sequence[Passage]) -> list[tuple[float, ScoredSentence]]:
        """Every sentence of the passages, with its score before the passage's is added. The question is read in each
        passage's language, as the search read it."""
        scored = []
        for passage in passages:
            chunk, read = passage.chunk, self._read(passage.chunk)
            cosines = read.vectors @ asked
            terms = self._sparse.terms(question, chunk.language)
            prior = self._reading.prior * passage.score
            for (start, end), headed, cosine in zip(read.spans, read.headed, cosines, strict=True):
                text = chunk.text[start - chunk.start : end - chunk.start]
                score = _blend(float(cosine), self._coverage(terms, headed, chunk.language))
                scored.append((score, ScoredSentence(chunk, start, end, text, score + prior)))
        return scored

    def _read_chunk(self, chunk: Chunk) -> _Read:
        spans = statements(chunk, self._language)
        # The heading says what a sentence is about when the sentence itself only says "it".
        headed = [self._headed(chunk, start - chunk.start, end - chunk.start) for start, end in spans]
        vectors = self._embedder.embed(headed) if headed else np.empty((0, self._embedder.dimensions), np.float32)
        return _Read(spans, headed, vectors)

    def _headed(self, chunk: Chunk, start: int, end: int) -> str:
        text, heading = chunk.text[start:end], _heading(chunk)
        if self._reading.whole and (columns := column_names(chunk.text, start, chunk.heading_path)):
            text = as_record(text, columns)
            if heading == COLUMN_SEPARATOR.join(columns):
                heading = (chunk.title, *chunk.heading_path)[-2]
        return f"{heading}: {text}"

    def _is_row_of(self, named: Sequence[NamedThing], question: str, sentences: Sequence[ScoredSentence]) -> bool:
        """Whether the best statement is the row of the very thing that is asked about, with the fields that are asked
        for among its columns."""
        best = sentences[0] if sentences else None
        if best is None or not self._reading.whole:
            return False
        chunk, at = best.chunk, best.start - best.chunk.start
        keys = {plain(cell) for cell in cells(best.text)} if row_around(chunk.text, at) else set()
        headed = self._headed(chunk, at, best.end - chunk.start)
        covered = self._coverage(self._sparse.terms(question, chunk.language), headed, chunk.language)
        return covered >= ROW_COVERAGE and any(thing.words in keys for thing in named)

    def _features(self, question: str, passages: Sequence[Passage], sentence: float) -> dict[str, float]:
        language = passages[0].chunk.language if passages else ""
        terms = len(self._sparse.terms(question, language))
        coverages = [
            self._coverage(self._sparse.terms(question, chunk.language), chunk.indexed_text, chunk.language)
            for chunk in (each.chunk for each in passages)
        ]
        # Where the dense leg was not asked, the best sentence's score stands in for it.
        dense = [each.scores["dense"] for each in passages if "dense" in each.scores]
        return {
            "dense": max(dense, default=sentence),
            "bm25": max((each.scores.get("bm25", 0.0) for each in passages), default=0.0) / max(1, terms),
            "coverage": max(coverages, default=0.0),
            "sentence": sentence,
        }

    def _is_common(self, word: str) -> bool:
        return not self._sparse.terms(word)

    def _coverage(self, terms: frozenset[int], text: str, language: str) -> float:
        return len(terms & self._sparse.terms(text, language)) / len(terms) if terms else 0.0


def _heading(chunk: Chunk) -> str:
    return chunk.heading_path[-1] if chunk.heading_path else chunk.title


def _blend(cosine: float, coverage: float) -> float:
    return COSINE_SHARE * max(0.0, cosine) + (1 - COSINE_SHARE) * coverage


def _of_another(sentence: ScoredSentence, named: Sequence[NamedThing]) -> bool:
    """Whether the sentence stands in the row or section of another thing than the question names: of kit 6, say, where
    that asks for kit 7."""
    if not named:
        return False
    chunk, at = sentence.chunk, sentence.start - sentence.chunk.start
    start, end = row_around(chunk.text, at) or section(chunk.text, at)
    record = plain(f"{chunk.title} {' '.join(chunk.heading_path)} {chunk.text[start:end]}")
    return any(thing.is_passed_over(record) for thing in named)
