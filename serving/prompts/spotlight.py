"""Passages as a prompt quotes them: marked sentence by sentence as somebody else's words. Pure.

What a document says is data. A model tells quotations from instructions best when the quotation is marked throughout
(Hines et al. 2024, "Defending against indirect prompt injection attacks with spotlighting"); here the mark is the
passage's citation marker behind every sentence, so that citing is copying. Whatever a document holds that a prompt or a
chat template would take for its own is made harmless first: passage tags, control tokens, markers like ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.text.citation_marker import rewritten, written
from core.text.sentences import sentence_spans
from core.types import Passage

# A tag of our own prompt, and what chat templates begin and end turns with: <|im_start|>, [INST], <<SYS>>, <s>, </s>.
# What is harmless already stays as it is, so that doing it twice is doing it once.
_TAG = re.compile(r"<(?! )(?=\s*/?\s*passage\b)", re.IGNORECASE)
_CONTROL = re.compile(r"<(?=\||<|/?s>|start_of_turn|end_of_turn)|(?<=\|)>|\[(?=/?INST\])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class QuotedPassage:
    """A passage in a prompt. `marker` counts from 1, in the order of the context."""

    marker: int
    title: str
    text: str


def spotlight(passages: Sequence[Passage], language: str = "english") -> list[QuotedPassage]:
    """The passages as the prompt `answer` quotes them, numbered in the order given."""
    return [
        QuotedPassage(number, quoted_title(passage.chunk.title), marked(passage.chunk.text, number, language))
        for number, passage in enumerate(passages, start=1)
    ]


def marked(text: str, marker: int, language: str = "english") -> str:
    """The text, harmless, with the marker behind each sentence."""
    harmless = disarmed(text)
    pieces, at = [], 0
    for _, end in sentence_spans(harmless, language):
        pieces += [harmless[at:end], f" {written(marker)}"]
        at = end
    return "".join([*pieces, harmless[at:]]).strip()


def disarmed(text: str) -> str:
    """The text without anything that a prompt would take for its own."""
    # A footnote of the document's is no marker; ours come behind it.
    return _CONTROL.sub(_broken, _TAG.sub("< ", rewritten(text, "({})".format)))


def quoted_title(title: str) -> str:
    """The title as the value of an attribute: one line, without quotation marks."""
    return " ".join(disarmed(title).replace('"', "'").split())


def _broken(match: re.Match[str]) -> str:
    return f" {match[0]}" if match[0] == ">" else f"{match[0]} "
