"""The words of an answer: what is compared when a gold answer and an answer are held side by side."""

from __future__ import annotations

import re
import string

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def squad_tokens(text: str) -> list[str]:
    """Tokens as SQuAD's evaluation has them: lower case, no punctuation, no articles (Rajpurkar et al. 2016)."""
    bare = text.lower().translate(_PUNCTUATION)
    return _ARTICLES.sub(" ", bare).split()
