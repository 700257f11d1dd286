"""Keeps a model from giving away its standing instruction word for word. Pure.

Of eight words in a row out of the instruction, whatever stands between them, all but the first few are withheld, with
all that follows on them there. What the instruction tells the model to say goes out. A paraphrase or a translation
passes: put nothing into an instruction that nobody may know.
"""

from __future__ import annotations

import re
from functools import lru_cache

NOTE = "(withheld)"
LONGEST_RUN = 8
# So many words of a run go out at once: all answers hold some of the instruction's words, and each that waits for the
# next one is late.
FREE_WORDS = 4

_WORD = re.compile(r"[^\W\d_]+")


class PromptGuard:
    """Filters one answer. The result does not depend on how the text was cut into pieces."""

    def __init__(self, instruction: str, said: str = "") -> None:
        """`said` is what the instruction tells the model to say."""
        self._runs = _runs_of(instruction, said)
        self._unfinished = ""
        self._shown = 0  # characters of the unfinished word that are out
        self._run: list[str] = []  # the words of the run that may be one
        self._held: list[str] = []  # its last words, each with the text up to the next, that did not go out
        self._withheld: tuple[str, ...] = ()  # the last words of a run that does not go out
        self._behind = ""  # what stands behind them

    def feed(self, piece: str) -> str:
        """The text that may go out now: all but what may become a run of the instruction."""
        return self._advance(piece, last=False)

    def finish(self) -> str:
        """What was held back."""
        return self._advance("", last=True) + "".join(self._held)

    def _advance(self, piece: str, *, last: bool) -> str:
        text, shown = self._unfinished + piece, self._shown
        self._unfinished, self._shown = "", 0
        out: list[str] = []
        at = 0
        for word in _WORD.finditer(text):
            out.append(self._between(text[at : word.start()]))
            at = word.end()
            if at == len(text) and not last:
                self._unfinished = word[0]
                if len(self._run) < FREE_WORDS and not self._withheld:  # it goes out, whatever becomes of it
                    out.append(word[0][shown:])
                    self._shown = len(word[0])
                return "".join(out)
            out.append(self._word(word[0].casefold(), word[0][shown:]))
            shown = 0
        return "".join([*out, self._between(text[at:])])

    def _between(self, text: str) -> str:
        """What stands between words goes out with the word before it."""
        if self._withheld:
            self._behind += text
        elif self._held:
            self._held[-1] += text
        else:
            return text
        return ""

    def _word(self, key: str, text: str) -> str:
        before = ""
        if self._withheld:
            run = (*self._withheld[1:], key)
            before, self._behind = self._behind, ""
            if run in self._runs:
                self._withheld = run
                return ""
            self._withheld = ()
        self._run.append(key)
        self._held.append(text)
        while tuple(self._run) not in self._runs:
            del self._run[0]
        if len(self._run) == LONGEST_RUN:
            self._withheld, self._run, self._held = tuple(self._run), [], []
            return before + NOTE
        waiting = max(0, len(self._run) - FREE_WORDS)
        going = len(self._held) - waiting
        out, self._held = self._held[:going], self._held[going:]
        return before + "".join(out)


@lru_cache(maxsize=8)
def _runs_of(instruction: str, said: str) -> frozenset[tuple[str, ...]]:
    """Up to LONGEST_RUN words in a row of the instruction, none included; of the longest none that is to be said."""
    longest = _runs(instruction, LONGEST_RUN) - _runs(said, LONGEST_RUN)
    return frozenset().union(*(_runs(instruction, length) for length in range(LONGEST_RUN)), longest)


def _runs(text: str, length: int) -> set[tuple[str, ...]]:
    words = [word.casefold() for word in _WORD.findall(text)]
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}
