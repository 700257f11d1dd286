"""The filters that an answer's text passes on its way out, in their one order. Pure.

1. The prompt guard, where the release has one: it must see the model's own words, and what it withholds must not be
   cited.
2. The citations, for a model's text: its markers are made ours. What is taken out there may join two words.
3. What leaves, whoever wrote the text: it comes last, so that it sees all that the reader will.

The first two stand where a model writes (serving.llm.generator), the last where every answer goes out
(serving.answerer), behind generators that need no other.
"""

from __future__ import annotations

from typing import Protocol

from serving.filters.cited_text import CitedText
from serving.filters.outgoing import Outgoing
from serving.filters.prompt_guard import PromptGuard


class TextFilter(Protocol):
    """Filters one answer piece by piece; what comes out does not depend on how the text was cut."""

    def feed(self, piece: str) -> str:
        """The text that may go out now."""
        ...

    def finish(self) -> str:
        """What was held back."""
        ...


ORDER: tuple[type[TextFilter], ...] = (PromptGuard, CitedText, Outgoing)


class FilterChain:
    """Several filters as one. They stand in ORDER, in whatever order they are given."""

    def __init__(self, *filters: TextFilter) -> None:
        self._filters = sorted(filters, key=lambda each: ORDER.index(type(each)))

    def feed(self, piece: str) -> str:
        """What the last filter lets out of what those before it let through."""
        for each in self._filters:
            piece = each.feed(piece)
        return piece

    def finish(self) -> str:
        """What they held back, each one's through all that follow it."""
        rest = ""
        for each in self._filters:
            rest = each.feed(rest) + each.finish()
        return rest
