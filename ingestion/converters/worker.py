"""The inside of the sandbox: what runs in a worker process, and what it tells its parent.

The parent prepares a Job once per worker and sends a Task per file; each comes back as an Outcome.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib
import os
import re
import resource
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import ConversionError, FailureKind
from core.ports import LocalFile, Splitter
from core.text.personal_data import PersonalDataPolicy
from core.types import Chunk, Document, SourceItem, TextFormat
from ingestion.converters.content import NESTED, RawFile
from ingestion.converters.mail.attached import AttachedFile
from ingestion.converters.registry import FileConverter
from ingestion.personal_data import masked
from ingestion.splitting.blocks import front_matter_end
from ingestion.splitting.substance import says_nothing

# Imported before the first file: what they take is not that file's time and memory.
_LIBRARIES = (
    "chardet",
    "kreuzberg",
    "lxml.etree",
    "markdown_it",
    "olefile",
    "pdf_oxide",
    "phonenumbers",
    "pypdfium2",
    "tokenizers",
    "trafilatura",
)

# How a worker leaves when it has run out of memory: its heap is of no use to the next file.
EXIT_OUT_OF_MEMORY = 77

# Pages of the libraries' code that come into memory when they are used first: measured over all formats, 20 MB.
_MORE_CODE = 32 * 2**20

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000


@dataclass(frozen=True)
class Job:
    """What a worker does with every file; without a splitter it only converts."""

    converter: FileConverter
    splitter: Splitter | None
    max_chunks: int
    """Of one document."""


@dataclass(frozen=True, slots=True)
class Task:
    """One file, or one that came with another. If its bytes still have the hash `known_sha256` it is not converted,
    unless it is to be `opened` for what came with it."""

    file: LocalFile | RawFile
    item: SourceItem
    known_sha256: str | None = None
    opened: bool = False


@dataclass(frozen=True, slots=True)
class Converted:
    """The file was read, and split if its job has a splitter. What came with it is still to be read."""

    item: SourceItem
    document: Document
    chunks: tuple[Chunk, ...]
    attached: tuple[AttachedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class SameBytes:
    """The file has the bytes that it had before, whatever its etag says. `attached` is None unless it was opened."""

    item: SourceItem
    attached: tuple[AttachedFile, ...] | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The file could not be read; `reason` is for people. `attached` is None unless it was opened: what came with a
    text that is refused is read all the same."""

    item: SourceItem
    kind: FailureKind
    reason: str
    attached: tuple[AttachedFile, ...] | None = None


Outcome = Converted | SameBytes | Rejected

_job: Job | None = None


def enter(job: Job, memory_bytes: int, logs: Path, parent: int) -> None:
    """Make this process a worker: it dies with process `parent`, is held to its memory, and reaches no network."""
    global _job
    # Libraries in other languages write to the descriptors; standard output belongs to the parent's result.
    descriptor = os.open(logs / str(os.getpid()), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the pool's own handler waits for what a library is doing
    if sys.platform == "linux":
        _die_with(parent)
        _leave_network()
    for library in _LIBRARIES:
        importlib.import_module(library)
    if sys.platform == "linux":
        _limit_memory(memory_bytes)
    _job = job


def perform(task: Task) -> Outcome:
    """Do this worker's job for one file. An exception that leaves this function is the converter's fault."""
    if _job is None:
        raise AssertionError("perform() before enter()")
    try:
        return convert(_job, task)
    except RecursionError:
        return Rejected(task.item, FailureKind.MALFORMED, NESTED)
    except MemoryError:
        os._exit(EXIT_OUT_OF_MEMORY)


def convert(job: Job, task: Task) -> Outcome:
    """Read, convert and split one file."""
    try:
        file = task.file if isinstance(task.file, RawFile) else job.converter.read(task.file)
        same = task.known_sha256 and hashlib.sha256(file.data).hexdigest() == task.known_sha256
        if same and not task.opened:
            return SameBytes(task.item)
        opened = job.converter.opened(file, task.item)
        if same:
            return SameBytes(task.item, opened.attached)
        if job.splitter is None:
            return Converted(task.item, opened.document, (), opened.attached)
        return replace(
            _split_within(job.max_chunks, opened.document, task.item, job.splitter), attached=opened.attached
        )
    except ConversionError as error:
        reason = f"{error.message} {error.hint}".strip()
        is_masked = job.converter.personal_data is PersonalDataPolicy.MASK
        return Rejected(task.item, error.kind, masked(reason) if is_masked else reason)


def _split_within(most: int, document: Document, item: SourceItem, splitter: Splitter) -> Converted | Rejected:
    if (least := _fewest_chunks(document, splitter)) > most:
        return _too_many(item, f"at least {least:,}", most)
    outcome = split(document, item, splitter)
    if isinstance(outcome, Converted) and len(outcome.chunks) > most:
        return _too_many(item, f"{len(outcome.chunks):,}", most)
    return outcome


def _fewest_chunks(document: Document, splitter: Splitter) -> int:
    """What a text makes at least, told without splitting it: front matter, and white space at the ends of chunks, is in
    none."""
    text = document.text
    begin = front_matter_end(text) if document.format is TextFormat.MARKDOWN else 0
    return (len(text) - begin - sum(text.count(space, begin) for space in " \n\t")) // splitter.longest_chunk


def _too_many(item: SourceItem, chunks: str, most: int) -> Rejected:
    reason = f"Its text makes {chunks} chunks; at most {most:,} are taken of one document. "
    return Rejected(item, FailureKind.TOO_LARGE, f"{reason}Split the file, or raise RAGLOOP_MAX_DOCUMENT_CHUNKS.")


def split(document: Document, item: SourceItem, splitter: Splitter) -> Converted | Rejected:
    """The document with its chunks: one at least, and not all of them without a word."""
    chunks = tuple(splitter.split(document))
    if says_nothing(chunks, document.format):
        return Rejected(item, FailureKind.EMPTY, f"There is no text in it but its title, “{document.title}”.")
    return Converted(item, document, chunks)


def _die_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)


def _leave_network() -> None:
    # A bonus, not a promise: containers often forbid it (then the call fails and nothing changes). The parsers ask no
    # network; one that is taken over by a hostile file could.
    libc = ctypes.CDLL(None)
    if libc.unshare(_CLONE_NEWNET) != 0:
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def _limit_memory(memory_bytes: int) -> None:
    # Data, not address space: mapped libraries and reservations are no memory that is used. What the interpreter and
    # the libraries have resident already is within the limit, what they have merely reserved is not.
    with contextlib.suppress(ValueError):  # the process already has a lower limit: that one holds
        limit = max(memory_bytes - _bytes_of("VmRSS") - _MORE_CODE, 0) + _bytes_of("VmData")
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _bytes_of(name: str) -> int:
    match = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(match.group(1)) * 1024 if match else 0
