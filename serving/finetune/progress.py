"""How far a tuning is, for the person waiting: a bar on a terminal, a line every few seconds in a log."""

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
    """Told what a tuning does."""

    def say(self, line: str) -> None:
        """Something worth a line: what begins now, what was measured."""
        ...

    def at(self, step: int, steps: int, loss: float | None) -> None:
        """So many of the steps are done; `loss` is the newest that is known."""
        ...


class LineProgress:
    """Lines in a log; of steps, at most one in _SECONDS_BETWEEN_LINES. `write` takes one line."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._last = time.monotonic()

    def say(self, line: str) -> None:
        self._write(line)

    def at(self, step: int, steps: int, loss: float | None) -> None:
        if time.monotonic() - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = time.monotonic()
            self._write(f"step {step} of {steps}" + ("" if loss is None else f", loss {loss:.3f}"))


class BarProgress:
    """A bar on a terminal, with lines above it."""

    def __init__(self, bar: rich.progress.Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("Starting", total=None)

    def say(self, line: str) -> None:
        self._bar.console.print(line, markup=False, highlight=False)

    def at(self, step: int, steps: int, loss: float | None) -> None:
        name = "Training" if loss is None else f"Training, loss {loss:.3f}"
        self._bar.update(self._task, completed=step, total=steps, description=name)


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
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(file=stream), transient=True) as bar:
        yield BarProgress(bar)
