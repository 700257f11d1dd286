"""How far a long piece of work is, for the person waiting: a bar on a terminal, a line every few seconds in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    import rich.progress

_SECONDS_BETWEEN_LINES = 5.0


class Progress(Protocol):
    """Told what is done."""

    def step(self, name: str) -> None:
        """What is done now."""
        ...

    def say(self, line: str) -> None:
        """Something worth a line, such as what was measured."""
        ...

    def at(self, done: int, of: int, detail: str) -> None:
        """So many are done. `detail` goes on after the numbers: what they are, and what is known besides."""
        ...


class NoProgress:
    """Says nothing."""

    def step(self, name: str) -> None:
        pass

    def say(self, line: str) -> None:
        pass

    def at(self, done: int, of: int, detail: str) -> None:
        pass


class LineProgress:
    """Lines in a log; of counts, at most one in _SECONDS_BETWEEN_LINES. `write` takes one line."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._last = time.monotonic()

    def step(self, name: str) -> None:
        self._write(name)

    def say(self, line: str) -> None:
        self._write(line)

    def at(self, done: int, of: int, detail: str) -> None:
        if time.monotonic() - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = time.monotonic()
            self._write(f"{done} of {of} {detail}")


class BarProgress:
    """A bar on a terminal, with lines above it."""

    def __init__(self, bar: rich.progress.Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("Starting", total=None, detail="")

    def step(self, name: str) -> None:
        self._bar.update(self._task, description=name)

    def say(self, line: str) -> None:
        self._bar.console.print(line, markup=False, highlight=False)

    def at(self, done: int, of: int, detail: str) -> None:
        self._bar.update(self._task, completed=done, total=of, detail=detail)


@contextmanager
def open_progress(stream: TextIO | None = None) -> Iterator[Progress]:
    """A bar where `stream` (standard error by default) is a terminal, else lines."""
    stream = sys.stderr if stream is None else stream
    if not stream.isatty():
        yield LineProgress(lambda line: print(line, file=stream, flush=True))
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(file=stream), transient=True) as bar:
        yield BarProgress(bar)
