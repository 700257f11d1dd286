"""Keeps a model from giving away its standing instruction word for word. Pure.

Eight words in a row out of the instruction, whatever stands between them, are withheld, with all that follows on them
there. What the instruction tells the model to say goes out. A paraphrase or a translation passes: put nothing
into an instruction that nobody may know.
"""

from __future__ import annotations

import re
from functools import lru_cache

NOTE = "(withheld)"
LONGEST_RUN = 8

_WORD = re.compile(r"[^\W\d_]+")


class PromptGuard:
    """Filters one answer. The result does not depend on how the text was cut into pieces."""

    def __init__(self, instruction: str, said: str = "") -> None:
        """`said` is what the instruction tells the model to say."""
        self._runs = _runs_of(instruction, said)
        self._unfinished = ""
        self._held: list[tuple[str, str]] = []  # a run's words, each with the text up to the next
        self._withheld: tuple[str, ...] = ()  # the last words of a run that does not go out
        self._behind = ""  # what stands behind them

    def feed(self, piece: str) -> str:
        """The text that may go out now: all but an unfinished word and a run of the instruction."""
        return self._advance(piece, last=False)

    def finish(self) -> str:
        """What was held back."""
        return self._advance("", last=True) + self._release(len(self._held))

    def _advance(self, piece: str, *, last: bool) -> str:
        text, self._unfinished = self._unfinished + piece, ""
        out: list[str] = []
        at = 0
        for word in _WORD.finditer(text):
            out.append(self._between(text[at : word.start()]))
            at = word.end()
            if at == len(text) and not last:
                self._unfinished = word[0]
                return "".join(out)
            out.append(self._word(word[0]))
        return "".join([*out, self._between(text[at:])])

    def _between(self, text: str) -> str:
        """What stands between words goes out with the word before it."""
        if self._withheld:
            self._behind += text
        elif self._held:
            key, held = self._held[-1]
            self._held[-1] = (key, held + text)
        else:
            return text
        return ""

    def _word(self, word: str) -> str:
        out, key = "", word.casefold()
        if self._withheld:
            run = (*self._withheld[1:], key)
            out, self._behind = self._behind, ""
            if run in self._runs:
                self._withheld = run
                return ""
            self._withheld = ()
        self._held.append((key, word))
        keys = tuple(held for held, _ in self._held)
        out += self._release(next(start for start in range(len(keys) + 1) if keys[start:] in self._runs))
        if len(self._held) < LONGEST_RUN:
            return out
        self._held, self._withheld = [], keys[-LONGEST_RUN:]
        return out + NOTE

    def _release(self, count: int) -> str:
        released, self._held = self._held[:count], self._held[count:]
        return "".join(text for _, text in released)


@lru_cache(maxsize=8)
def _runs_of(instruction: str, said: str) -> frozenset[tuple[str, ...]]:
    """Up to LONGEST_RUN words in a row of the instruction, none included; of the longest none that is to be said."""
    longest = _runs(instruction, LONGEST_RUN) - _runs(said, LONGEST_RUN)
    return frozenset().union(*(_runs(instruction, length) for length in range(LONGEST_RUN)), longest)


def _runs(text: str, length: int) -> set[tuple[str, ...]]:
    words = [word.casefold() for word in _WORD.findall(text)]
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}
