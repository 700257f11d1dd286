"""The words that negate, by language. Pure."""

from __future__ import annotations

import re

_WORDS = {
    "english": r"not|no|never|none|neither|nor|nobody|nothing|without|cannot|\w+n['’]t",
    "german": r"nicht|nichts|kein\w*|nie|niemals|niemand|weder|ohne",
    "french": r"pas|jamais|aucun\w*|sans|rien|ni",
    "spanish": r"no|nunca|jamás|ning[uú]n\w*|sin|nada|ni",
}
NEGATION = {language: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for language, words in _WORDS.items()}
