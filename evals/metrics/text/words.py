"""The words of an answer: what is compared when a gold answer and an answer are held side by side."""

from __future__ import annotations

import re
import string

_MARKERS = re.compile(r"\s{0,3}\[\d{1,3}\]")
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def without_markers(text: str) -> str:
    """The answer's text without its citation markers [1]."""
    return _MARKERS.sub("", text).strip()


def squad_tokens(text: str) -> list[str]:
    """Tokens as SQuAD's evaluation has them: lower case, no punctuation, no articles (Rajpurkar et al. 2016)."""
    bare = text.lower().translate(_PUNCTUATION)
    return _ARTICLES.sub(" ", bare).split()
