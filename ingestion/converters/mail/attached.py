"""What came with a file, as documents to be read: which of it, and under what name. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from core.errors import ConversionError, FailureKind
from core.text.document_uri import ATTACHED
from core.text.personal_data import PersonalDataPolicy
from core.types import Document, SourceItem
from ingestion.converters.content import RawFile
from ingestion.converters.mail import mbox
from ingestion.converters.titles import name_line
from ingestion.facts import facts_of
from ingestion.personal_data import masked

# What may hold others of its kind.
_MAIL = frozenset({".eml", ".msg", ".mbox"})

# Messages in messages in messages: people forward what was forwarded, and not much deeper. A mailbox counts as one.
_DEEPEST_MESSAGE = 3

# Of a name in a URI, which may stand behind three others and is quoted in evaluation cases.
_LONGEST_NAME = 120
# Before it is shortened to that, for personal data: half an address would not be known for one.
_LONGEST_SEARCHED = 1_000

# Of the hash of a file's bytes, in the names of those that would have the same.
_MARK = 8


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file that came with another: an item like those of a source, whose bytes are at hand. `names` are all that it
    may have been known by: under another policy, or before another of its name came."""

    item: SourceItem
    file: RawFile
    names: tuple[str, ...]


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
    missing = []
    read: list[tuple[_Named, RawFile]] = []
    for file in files:
        try:
            read.append((_named(file, _checked(file, item, format_of)), file))
        except ConversionError as error:
            missing.append(f"Attachment {file.name} was not read: {error.message}")
    masks = policy is PersonalDataPolicy.MASK
    day = facts_of(document).date
    sharing = Counter(named.name(masks=masks) for named, _ in read)
    taken: Counter[str] = Counter()
    found = []
    for named, file in read:
        # To a mailbox others of the day and subject may come: there each tells by its name what is in it.
        marked = document.media_type == mbox.MEDIA_TYPE or sharing[named.name(masks=masks)] > 1
        name = _free(named.name(masks=masks, marked=marked), taken)
        own = SourceItem(f"{item.uri}{ATTACHED}{name}", item.source, named.sha256, len(file.data), item.access, day)
        found.append(AttachedFile(own, RawFile(name, file.data), named.all))
    return found, " ".join(missing)


@dataclass(frozen=True, slots=True)
class _Named:
    """A name that can stand in a URI, as it is and masked. It comes out of the message, so a policy for what is in
    messages holds for it; but not for its suffix, by which the file is read."""

    plain: str
    masked: str
    sha256: str

    def name(self, *, masks: bool, marked: bool = False) -> str:
        name = self.masked if masks else self.plain
        return _with(name, self.sha256[:_MARK]) if marked else name

    @property
    def all(self) -> tuple[str, ...]:
        both = (True, False)
        return tuple({self.name(masks=masks, marked=marked): None for masks in both for marked in both})


def _named(file: RawFile, format_suffix: str) -> _Named:
    plain = name_line(file.name, _LONGEST_SEARCHED).replace("/", "_").strip(" .") or "attachment"
    suffix = PurePosixPath(plain).suffix
    hidden = masked(plain)
    if not hidden.endswith(suffix):  # that of an address was taken for its end
        hidden += format_suffix
    return _Named(
        name_line(plain, _LONGEST_NAME), name_line(hidden, _LONGEST_NAME), hashlib.sha256(file.data).hexdigest()
    )


def _checked(file: RawFile, item: SourceItem, format_of: Callable[[RawFile], str]) -> str:
    """The suffix of its format."""
    if not file.data:
        raise ConversionError(FailureKind.EMPTY, "It has no data of its own.")
    suffix = format_of(file)
    if suffix in _MAIL and item.uri.count(ATTACHED) >= _DEEPEST_MESSAGE:
        raise ConversionError(FailureKind.TOO_LARGE, f"It is a message in more than {_DEEPEST_MESSAGE} others.")
    return suffix


def _free(name: str, taken: Counter[str]) -> str:
    """The name, or if another with the same bytes has it the name with a number."""
    free = name
    while taken[free]:
        taken[name] += 1
        free = _with(name, str(taken[name]))
    taken[free] += 1
    return free


def _with(name: str, mark: str) -> str:
    path = PurePosixPath(name)
    return f"{path.stem} ({mark}){path.suffix}"
