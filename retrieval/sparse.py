"""BM25 as sparse vectors: the term weights a document is stored with, and the terms a question asks for.

The same encoder serves both indexes; the index multiplies in each term's inverse document frequency.
"""

from __future__ import annotations

from qdrant_edge import Bm25, Bm25Config, SparseVector

from core.errors import SettingsError

# The length, in terms left after stop words, that counts as average: that of our chunks of some 150 words. nDCG@10 of
# BM25 alone, by this value:  64   100   150   256 (the engine's default)
#   SciFact, 226 words a text  .694  .701  .700  .699
#   FeedbackQA, 180 words      .651  .654  .651  .636
_AVERAGE_TERMS = 100


class SparseEncoder:
    """Stems words, drops stop words and weighs what is left, in one language. Safe to use from many threads."""

    def __init__(self, language: str) -> None:
        """Raises SettingsError for a language without stop words and stemmer."""
        try:
            self._model = Bm25(Bm25Config(language=language, avg_len=_AVERAGE_TERMS))
        except ValueError as error:
            raise SettingsError(
                f"There is no BM25 language {language!r}.",
                hint="Set RAGLOOP_LANGUAGE to an English name in lower case, such as english, german or french.",
            ) from error

    def document(self, text: str) -> SparseVector:
        """Saturated, length-normalised term frequencies (k1 1.2, b 0.75)."""
        return self._model.embed_document(text)

    def query(self, text: str) -> SparseVector:
        """Weight 1 for each distinct term. Empty when the question holds nothing but stop words."""
        return self._model.embed_query(text)

    def terms(self, text: str) -> frozenset[int]:
        """The distinct terms of a text, as the index numbers them."""
        return frozenset(self._model.embed_query(text).indices)
