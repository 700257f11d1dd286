"""How a walk-through is told: steps with their times, what a person would type, what came, and what has to hold."""

from __future__ import annotations

import shlex
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from app.cli.console import say, visible
from core.errors import RagloopError

WIDTH = 100
_SEVERAL_LINES = 6


class StoryError(RagloopError):
    """Something did not come about that the walk-through says comes about."""

    type = "walk_through_failed"


def no_pause() -> None:
    """Between two steps, where nobody wants to look around."""


class Story:
    """Tells a walk-through on standard output. `between` is called after each step: it may wait for a person."""

    def __init__(self, title: str, introduction: str, between: Callable[[], None] = no_pause) -> None:
        self._between = between
        self._times: list[tuple[str, float]] = []
        self._checks = 0
        _say(f"\n{title}\n{'=' * len(title)}\n")
        self.tell(introduction)

    @property
    def seconds(self) -> float:
        """What the steps took that are done, without the waiting between them."""
        return sum(seconds for _, seconds in self._times)

    @contextmanager
    def step(self, title: str, why: str) -> Iterator[None]:
        """One step: why it is done, what happens in it, and how long it took."""
        _say(f"\n{len(self._times) + 1}. {title}\n")
        self.tell(why)
        started = time.monotonic()
        yield
        self._times.append((title, time.monotonic() - started))
        _say(f"   [{self._times[-1][1]:.1f} s]")
        self._between()

    def tell(self, text: str) -> None:
        """Sentences of the narrator."""
        _say(_filled(" ".join(text.split()), "   ", "   "))

    def typed(self, words: Sequence[str], who: str = "") -> None:
        """A command, as a person would type it."""
        _say(f"   {who + ' ' if who else ''}$ {visible(shlex.join(words))}")

    def came(self, text: str, lines: int = _SEVERAL_LINES) -> None:
        """What came of it: at most so many lines, control characters as signs."""
        shown = [line for line in visible(text).splitlines() if line.strip()]
        for line in shown[:lines]:
            _say(_filled(line, "     | ", "     | "))
        if len(shown) > lines:
            _say(f"     | … {len(shown) - lines} more lines")

    def check(self, holds: bool, expected: str, found: object = "") -> None:
        """Raises StoryError unless it `holds`, with what was `expected` to hold and what was `found` in its place."""
        if not holds:
            instead = f" Found: {visible(str(found))[:500]}" if found != "" else ""
            raise StoryError(
                f"Expected: {expected}.{instead}", hint=f"In step {len(self._times) + 1} of the walk-through."
            )
        self._checks += 1
        _say(_filled(f"{expected}.", "   ✓ ", "     "))

    def end(self) -> None:
        """The time of each step, and of all."""
        _say("\n   Time of each step, in seconds:")
        for number, (title, seconds) in enumerate(self._times, start=1):
            _say(f"   {number:3}. {title:50}{seconds:8.1f}")
        _say(f"        {'all':50}{self.seconds:8.1f}")
        _say(f"   {self._checks} checks held.")


def _filled(text: str, first: str, others: str) -> str:
    """The text in lines of the page's width, no word and no path cut."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _say(text: str) -> None:
    """A line that is there at once, whoever reads along."""
    say(text)
    sys.stdout.flush()
