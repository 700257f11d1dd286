"""Grounding: whether the answer's sentences are supported by the passages that it cites, without a model.

It is the check by which weak citations are marked while an answer is written (serving.grounding.support), made once
more with every sentence of the answer, cited or not, against all cited passages together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.text.citation_marker import without_markers
from core.text.markdown_lines import HEADING_MARK, ITEM_MARK
from core.text.sentences import sentence_spans
from evals.cases.answers import AnswerRecord
from evals.metrics.metric import Group, Outcome, Row, Skipped
from evals.metrics.row_metric import RowMetric, share
from serving.grounding.support import THRESHOLD, SentenceContent, SentenceReader, support

_MARKDOWN = re.compile(rf"^\s*(?:{HEADING_MARK}|>|{ITEM_MARK})\s+|[*_`|]+")
# Unsupported sentences that a row's detail quotes.
_SHOWN = 5


def grounding_metric(language: str) -> RowMetric:
    return RowMetric(
        "grounding",
        Group.CITATION,
        "Share of the answer's sentences whose words and numbers stand in the passages it cites.",
        Grounding(language),
        version=f"2-{language}",
    )


class Grounding:
    """Counts the sentences that are supported."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._reader = SentenceReader(language)

    def __call__(self, row: Row) -> Outcome:
        if row.answer.abstained:
            return Skipped("nothing was answered")
        sentences = self.sentences(row.answer.text)
        if not sentences:
            return Skipped("the answer has no sentence to check")
        held = self.read(_cited_passages(row.answer))
        unsupported = [sentence for sentence in sentences if self.support(sentence, held) < THRESHOLD]
        return share(len(sentences) - len(unsupported), len(sentences), unsupported=unsupported[:_SHOWN])

    def sentences(self, text: str) -> list[str]:
        """The sentences that say something, without markdown and citation markers."""
        bare = without_markers(text)
        pieces = (_MARKDOWN.sub("", bare[start:end]).strip() for start, end in sentence_spans(bare, self._language))
        return [piece for piece in pieces if self._reader.sentence(piece).words]

    def read(self, passages: Sequence[str]) -> list[SentenceContent]:
        """What the sentences of the passages say."""
        return [said for passage in passages for said in self._reader.sentences(passage)[1]]

    def support(self, sentence: str, held: Sequence[SentenceContent]) -> float:
        """The sentence's support by passages that say `held`, in [0, 1]."""
        return support(self._reader.sentence(sentence), held)


def _cited_passages(answer: AnswerRecord) -> list[str]:
    cited = {citation.chunk_id for citation in answer.citations}
    return [passage.text for passage in answer.passages if passage.chunk_id in cited]
