"""Grounding: whether the answer's sentences are supported by the passages that it cites, without a model.

A sentence's support is the share of its content words (numbers, and stems without stop words) that stand in the cited
passages taken together, less a penalty if one of its numbers stands in none of them. It is supported from a threshold
on, which `python -m evals.fit_grounding` fitted on WiCE (Kamoi et al. 2023); docs/reference/metrics.md has the figures.
Adding the cosine of embeddings to it gained nothing there (AUC .79 with and without), so there is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.sentences import sentence_spans
from evals.answers import AnswerRecord
from evals.metrics.metric import Group, Outcome, Row, Skipped
from evals.metrics.row_metric import RowMetric, share
from evals.metrics.words import ContentWords, without_markers

# Fitted: see the module's docstring.
THRESHOLD = 0.7
# What a number without a source costs.
NUMBER_PENALTY = 0.1

_MARKDOWN = re.compile(r"^\s*(?:#{1,6}|[-*+>]|\d{1,9}[.)])\s+|[*_`|]+")
# Unsupported sentences that a row's detail quotes.
_SHOWN = 5


def grounding_metric(language: str) -> RowMetric:
    return RowMetric(
        "grounding",
        Group.CITATION,
        "Share of the answer's sentences whose words and numbers stand in the passages it cites.",
        Grounding(language),
        version=f"1-{language}",
    )


class Grounding:
    """Counts the sentences that are supported."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._words = ContentWords(language)

    def __call__(self, row: Row) -> Outcome:
        if row.answer.abstained:
            return Skipped("nothing was answered")
        sentences = self.sentences(row.answer.text)
        if not sentences:
            return Skipped("the answer has no sentence to check")
        held = self.words(_cited_passages(row.answer))
        unsupported = [sentence for sentence in sentences if self.support(sentence, held) < THRESHOLD]
        return share(len(sentences) - len(unsupported), len(sentences), unsupported=unsupported[:_SHOWN])

    def sentences(self, text: str) -> list[str]:
        """The sentences that say something, without markdown and citation markers."""
        bare = without_markers(text)
        pieces = (_MARKDOWN.sub("", bare[start:end]).strip() for start, end in sentence_spans(bare, self._language))
        return [piece for piece in pieces if self._words.keys(piece)]

    def words(self, passages: Sequence[str]) -> frozenset[str | int]:
        """The content words of the passages taken together."""
        return self._words.keys("\n".join(passages))

    def support(self, sentence: str, held: frozenset[str | int]) -> float:
        """The sentence's support by passages with the words `held`, at most 1; below 0 if they hold nothing of it."""
        words = self._words.keys(sentence)
        if not words:
            return 1.0
        missing = words - held
        unsourced = any(isinstance(word, str) for word in missing)
        return 1 - len(missing) / len(words) - (NUMBER_PENALTY if unsourced else 0.0)


def _cited_passages(answer: AnswerRecord) -> list[str]:
    cited = {citation.chunk_id for citation in answer.citations}
    return [passage.text for passage in answer.passages if passage.chunk_id in cited]
