"""What came with a file, as documents to be read: which of it, and under what name. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from core.errors import ConversionError, FailureKind
from core.text.document_uri import ATTACHED
from core.text.personal_data import PersonalDataPolicy
from core.types import Document, SourceItem
from ingestion.converters.content import RawFile
from ingestion.converters.titles import one_line
from ingestion.facts import facts_of
from ingestion.personal_data import masked

# What may hold others of its kind.
_MAIL = frozenset({".eml", ".msg", ".mbox"})

# Messages in messages in messages: people forward what was forwarded, and not much deeper. A mailbox counts as one.
_DEEPEST_MESSAGE = 3

# Of a name in a URI, which may stand behind three others and is quoted in evaluation cases.
_LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file that came with another: an item like those of a source, whose bytes are at hand."""

    item: SourceItem
    file: RawFile


@dataclass(frozen=True, slots=True)
class Opened:
    """A document, and what came with it."""

    document: Document
    attached: tuple[AttachedFile, ...] = ()


def attached_files(
    document: Document,
    item: SourceItem,
    files: Sequence[RawFile],
    policy: PersonalDataPolicy,
    format_of: Callable[[RawFile], str],
) -> tuple[list[AttachedFile], str]:
    """Those of the `files` that are read, with the labels and the date of the document that they came with, and in a
    sentence for each what is wrong with the others. `format_of` gives the suffix of a file's format, and raises
    ConversionError where that is not read."""
    found: list[AttachedFile] = []
    missing = []
    day = facts_of(document).date
    names: set[str] = set()
    for file in files:
        try:
            _check(file, item, format_of)
        except ConversionError as error:
            missing.append(f"Attachment {file.name} was not read: {error.message}")
            continue
        name = _free(_name(file, policy), names)
        names.add(name)
        own = RawFile(name, file.data)
        etag = hashlib.sha256(file.data).hexdigest()
        uri = f"{item.uri}{ATTACHED}{name}"
        found.append(AttachedFile(SourceItem(uri, item.source, etag, len(file.data), item.access, day), own))
    return found, " ".join(missing)


def _check(file: RawFile, item: SourceItem, format_of: Callable[[RawFile], str]) -> None:
    if not file.data:
        raise ConversionError(FailureKind.EMPTY, "It has no data of its own.")
    if format_of(file) in _MAIL and item.uri.count(ATTACHED) >= _DEEPEST_MESSAGE:
        raise ConversionError(FailureKind.TOO_LARGE, f"It is a message in more than {_DEEPEST_MESSAGE} others.")


def _name(file: RawFile, policy: PersonalDataPolicy) -> str:
    """A name that can stand in a URI. It comes out of the message, so a policy for what is in messages holds for it."""
    name = one_line(file.name).replace("/", "_").strip(" .") or "attachment"
    suffix = PurePosixPath(name).suffix[:12]
    name = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - len(suffix) - 1].rstrip()}…{suffix}"
    return masked(name) if policy is PersonalDataPolicy.MASK else name


def _free(name: str, taken: set[str]) -> str:
    """The name, or if another has it the name with a number."""
    path, number, free = PurePosixPath(name), 1, name
    while free in taken:
        number += 1
        free = f"{path.stem} ({number}){path.suffix}"
    return free
