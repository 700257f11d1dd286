"""How far a run is, for the person waiting: a bar on a terminal, a line every few seconds in a log."""

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
    """Told by the pipeline what it does."""

    def begin(self, documents: int) -> None:
        """There are so many documents to read."""
        ...

    def documents(self, finished: int) -> None:
        """So many documents more are read, split and embedded."""
        ...

    def chunks(self, finished: int) -> None:
        """So many chunks more have their vector."""
        ...

    def step(self, name: str) -> None:
        """What is done now."""
        ...


class NoProgress:
    """Says nothing."""

    def begin(self, documents: int) -> None:
        pass

    def documents(self, finished: int) -> None:
        pass

    def chunks(self, finished: int) -> None:
        pass

    def step(self, name: str) -> None:
        pass


class LineProgress:
    """Lines in a log: a step, or at most one count in _SECONDS_BETWEEN_LINES. `write` takes one line."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._total: int | None = None
        self._documents = self._chunks = 0
        self._last = time.monotonic()

    def begin(self, documents: int) -> None:
        self._total = documents

    def documents(self, finished: int) -> None:
        self._documents += finished
        self._count()

    def chunks(self, finished: int) -> None:
        self._chunks += finished
        self._count()

    def step(self, name: str) -> None:
        self._write(name)

    def _count(self) -> None:
        if time.monotonic() - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = time.monotonic()
            of = "" if self._total is None else f" of {self._total}"
            self._write(f"{self._documents}{of} documents, {self._chunks} chunks")


class BarProgress:
    """A bar on a terminal."""

    def __init__(self, bar: rich.progress.Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("Starting", total=None, chunks=0)
        self._chunks = 0

    def begin(self, documents: int) -> None:
        self._bar.update(self._task, total=documents)

    def documents(self, finished: int) -> None:
        self._bar.advance(self._task, finished)

    def chunks(self, finished: int) -> None:
        self._chunks += finished
        self._bar.update(self._task, chunks=self._chunks)

    def step(self, name: str) -> None:
        self._bar.update(self._task, description=name)


@contextmanager
def open_progress(stream: TextIO | None = None) -> Iterator[Progress]:
    """A bar where `stream` (standard error by default) is a terminal, else lines."""
    stream = sys.stderr if stream is None else stream
    if not stream.isatty():
        yield LineProgress(lambda line: print(line, file=stream, flush=True))
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("documents, {task.fields[chunks]} chunks"),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=Console(file=stream), transient=True) as bar:
        yield BarProgress(bar)
