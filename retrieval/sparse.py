"""BM25 as sparse vectors: the term weights a document is stored with, and the terms a question asks for.

The same encoder serves both indexes; the index multiplies in each term's inverse document frequency.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from qdrant_edge import Bm25, Bm25Config, DisabledStemmer, SparseVector, StopwordsSet

from core.errors import SettingsError
from core.text.languages import AUTO, CODES, COMMONEST, FALLBACK, RUN_TOGETHER, language_of, question_language
from core.text.search_form import identifiers, search_form

# The length, in terms left after stop words, that counts as average: that of our chunks of some 150 words. nDCG@10 of
# BM25 alone, by this value:  64   100   150   256 (the engine's default)
#   SciFact, 226 words a text  .694  .701  .700  .699
#   FeedbackQA, 180 words      .651  .654  .651  .636
_AVERAGE_TERMS = 100
# The same where letters are compared in overlapping pieces, of which a chunk has more: .986 instead of .972 on half of
# cmrc2018, .965 instead of .944 on half of drcd.
_AVERAGE_PIECES = 300
_PUNCTUATION = "?!.,;:()\"'„“”«»¿¡…"

# The first schema compared texts as they were written.
FIRST_SCHEMA = 1


class AnalysedCollection(Protocol):
    """What of a collection says how its texts are analysed."""

    @property
    def language(self) -> str: ...

    @property
    def schema_version(self) -> int: ...


class SparseEncoder:
    """Stems words, drops stop words and weighs what is left, in one language or, for `auto`, in each text's own. Safe
    to use from many threads."""

    def __init__(self, language: str, *, as_written: bool = False) -> None:
        """`as_written` compares texts as the first schema did, without their search form. Raises SettingsError for a
        language that is not known."""
        self._language = language
        self._as_written = as_written
        if language != AUTO:
            self._model(language)

    @classmethod
    def of(cls, collection: AnalysedCollection) -> SparseEncoder:
        """The encoder that the collection was written with. Raises as the constructor."""
        return cls(collection.language, as_written=collection.schema_version == FIRST_SCHEMA)

    def document(self, text: str, language: str = "") -> SparseVector:
        """Saturated, length-normalised term frequencies (k1 1.2, b 0.75). `language` is the text's own."""
        chosen = self._chosen(text, language)
        return self._model(chosen).embed_document(self._form(text, chosen))

    def query(self, text: str, languages: Sequence[str] = ()) -> SparseVector:
        """Weight 1 for each distinct term, in every one of `languages`, those of the documents with the commonest
        first. Empty when the question holds nothing but stop words."""
        if self._language != AUTO or len(languages) < 2:
            return self._asked(text, self._chosen(text, languages[0] if languages else ""))
        terms = self._asked_in_each(text, languages)
        return SparseVector(indices=terms, values=[1.0] * len(terms))

    def exact(self, text: str) -> SparseVector:
        """The terms of the question's identifiers alone; empty when it has none."""
        names = [] if self._as_written else identifiers(text)
        return self._model(FALLBACK if self._language == AUTO else self._language).embed_query(" ".join(names))

    def terms(self, text: str, language: str = "") -> frozenset[int]:
        """The distinct terms of a text, as the index numbers them. `language` is the language to read it in."""
        return frozenset(self._asked(text, self._chosen(text, language)).indices)

    def _asked_in_each(self, text: str, languages: Sequence[str]) -> list[int]:
        """A question's distinct terms in several languages. The commonest words of the question's own language are no
        terms of another: a German text with "the" in it would be what sets it apart from the rest."""
        own = question_language(text, tuple(languages))
        content = _without(text, COMMONEST.get(own, frozenset()))
        terms: dict[int, None] = {}
        for language in languages:
            terms |= dict.fromkeys(self._asked(text if language == own else content, language).indices)
        return list(terms)

    def _asked(self, text: str, language: str) -> SparseVector:
        return self._model(language).embed_query(self._form(text, language))

    def _form(self, text: str, language: str) -> str:
        return text if self._as_written else search_form(text, language)

    def _chosen(self, text: str, language: str) -> str:
        if self._language != AUTO:
            return self._language
        return language or language_of(text) or FALLBACK

    def _model(self, language: str) -> Bm25:
        if language in RUN_TOGETHER and not self._as_written:
            return _plain(_AVERAGE_PIECES)
        return _stemming(language, not self._as_written)


def _without(text: str, words: frozenset[str]) -> str:
    return " ".join(word for word in text.split() if word.strip(_PUNCTUATION).lower() not in words)


@lru_cache
def _plain(average_terms: int) -> Bm25:
    """Neither stemmer nor stop words. The engine wants the name of a language that it knows all the same."""
    nothing = StopwordsSet(languages=set(), custom=set())
    return Bm25(Bm25Config(language=FALLBACK, stopwords=nothing, stemmer=DisabledStemmer(), avg_len=average_terms))


@lru_cache
def _stemming(language: str, folded: bool) -> Bm25:
    """The language's stemmer and stop words. `folded` takes accents off, but in Turkish, of which letters with and
    without are different ones (nDCG@10 .944 and .928 on half of thquad)."""
    try:
        return Bm25(
            Bm25Config(language=language, avg_len=_AVERAGE_TERMS, ascii_folding=folded and language != "turkish")
        )
    except ValueError as error:
        raise SettingsError(
            f"There is no BM25 language {language!r}.",
            hint=f"Set RAGLOOP_LANGUAGE to auto, or to one of {', '.join(CODES)}.",
        ) from error
