"""A model's refusal, told in the words that its prompt gave it and shown in those of the question's language. Pure."""

from __future__ import annotations

import re

from core.text.citation_marker import without_markers
from serving.wording.languages.english import ENGLISH

NOT_FOUND = ENGLISH.not_found
"""What prompts tell a model to say where the passages do not hold the answer."""

_BEGUN_MARKER = re.compile(r"\[\d*$")


class RefusalWatch:
    """Holds an answer back while it may be nothing but the refusal, which is a few words, and lets it go when it is
    more. The result does not depend on how the text was cut into pieces."""

    def __init__(self, shown: str) -> None:
        """`shown` stands in the refusal's place."""
        self._shown = shown
        self._held = ""
        self._passed = False

    @property
    def refused(self) -> bool:
        """Whether all there was is the refusal."""
        return not self._passed and _plain(self._held) == _plain(NOT_FOUND)

    def feed(self, text: str) -> str:
        """What may be shown now."""
        if self._passed:
            return text
        self._held += text
        if _may_become_refusal(self._held):
            return ""
        self._passed = True
        return self._held

    def finish(self) -> str:
        """What is left."""
        if self._passed:
            return ""
        return self._shown if self.refused else self._held


def _may_become_refusal(text: str) -> bool:
    return _plain(NOT_FOUND).startswith(_plain(_BEGUN_MARKER.sub("", text)))


def _plain(text: str) -> str:
    return " ".join(without_markers(text).split()).rstrip(" .").casefold()
