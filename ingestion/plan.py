"""What a run has to do: the difference between what a source offers and what the manifest knows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from core.errors import ConflictError, ConversionError, FailureKind
from core.text.document_uri import ATTACHED, file_uri, parent_uri
from core.types import DocumentState, ManifestEntry, SourceItem

# Documents whose texts and vectors are in memory together, by number and by bytes: enough chunks for the embedder to
# sort by length, and little enough for memory to stay flat, however many documents there are.
_SHARD_DOCUMENTS = 128
_SHARD_BYTES = 8_000_000

# Deleting this share of a source that had more documents than the floor is taken for a mistake: a share that was not
# mounted, a folder emptied by a sync. A source of a few documents may well lose most of them.
_MASS_DELETION = 0.8
_MASS_DELETION_FLOOR = 20


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """A document to read, and what the index holds of it so far.

    `known_sha256` is the content that the index holds, `known_chunks` how much of it; None and 0 when it holds nothing.
    `known_missing` is what that content lacks of its file. `unmasked` says that it may hold personal data that is to be
    masked from now on. Where `in_doubt`, a run was killed while it changed the document, or the index does not hold
    what it should.
    `reread` forbids taking equal bytes for an unchanged document. `attached` is what is known of what came with it, and
    `opened` says that some of that is to be read again, whatever becomes of the document itself.
    """

    item: SourceItem
    is_new: bool
    known_sha256: str | None = None
    known_chunks: int = 0
    known_access: tuple[str, ...] = ()
    known_missing: str = ""
    unmasked: bool = False
    in_doubt: bool = False
    reread: bool = False
    attached: tuple[ManifestEntry, ...] = ()
    opened: bool = False

    @property
    def has_good_version(self) -> bool:
        """Whether the index holds a version that may stay if the new one cannot be read.

        Not with other access labels, nor unmasked: it would stay visible to people who may no longer see it.
        """
        same = self.known_access == self.item.access and not self.unmasked
        return self.known_chunks > 0 and not self.in_doubt and same

    @property
    def leaves_unmasked(self) -> bool:
        """Whether texts that are to be masked may lie in the index's files once it is replaced."""
        return self.unmasked or self.in_doubt


@dataclass(frozen=True, slots=True)
class Diff:
    """The outcome of comparing a source with the manifest; `partial` are documents that are not converted
    again and whose text lacks a part of the file, `settled` are failures that would only happen again."""

    work: tuple[PlannedItem, ...]
    unchanged: int
    partial: tuple[ManifestEntry, ...]
    settled: tuple[ManifestEntry, ...]
    vanished: tuple[ManifestEntry, ...]

    @property
    def seen(self) -> int:
        return len(self.work) + self.unchanged + len(self.settled)


@dataclass(frozen=True, slots=True)
class AttachedDiff:
    """The same for what came with a document that was read. `kept` stays as it is known, `gone` is there no more."""

    work: tuple[PlannedItem, ...] = ()
    kept: tuple[ManifestEntry, ...] = ()
    gone: tuple[ManifestEntry, ...] = ()


def diff(
    items: Iterable[SourceItem],
    entries: Mapping[str, ManifestEntry],
    converter_fingerprint: str,
    indexed: Mapping[str, int],
    *,
    unmasked: bool = False,
) -> Diff:
    """Compare the source's `items` with its `entries` in the manifest and with the chunks that are `indexed`, in which
    personal data is `unmasked` that is to be masked from now on. What came with a file stands and falls with it."""
    families = _by_file(entries)
    work: list[PlannedItem] = []
    rest: list[ManifestEntry] = []
    for item in items:
        entry, attached = families.pop(item.uri, (None, ()))
        in_doubt = _is_in_doubt(item.document_id, entry, indexed)
        in_doubt |= any(_is_in_doubt(one.document_id, one, indexed) for one in attached)
        planned = _plan(item, entry, attached, converter_fingerprint, in_doubt=in_doubt)
        if planned is not None:
            held = planned.known_chunks > 0 or any(one.chunks for one in attached)
            work.append(replace(planned, unmasked=unmasked and held))
        elif entry is not None:
            rest += [entry, *attached]
    settled = tuple(one for one in rest if one.state is DocumentState.FAILED)
    partial = tuple(one for one in rest if one.state is not DocumentState.FAILED and one.missing)
    vanished = tuple(one for family in families.values() for one in (family[0], *family[1]) if one is not None)
    return Diff(tuple(work), len(rest) - len(settled), partial, settled, vanished)


def diff_attached(parent: PlannedItem, items: Iterable[SourceItem], converter_fingerprint: str) -> AttachedDiff:
    """Compare what came with a document that was read with what is known of it."""
    families: dict[str, list[ManifestEntry]] = {}
    below = len(parent.item.uri) + len(ATTACHED)
    for known in parent.attached:
        name = known.uri[below:].partition(ATTACHED)[0]
        families.setdefault(f"{parent.item.uri}{ATTACHED}{name}", []).append(known)
    work: list[PlannedItem] = []
    kept: list[ManifestEntry] = []
    for item in items:
        family = families.pop(item.uri, [])
        entry = next((one for one in family if one.uri == item.uri), None)
        attached = tuple(one for one in family if one is not entry)
        planned = _plan(item, entry, attached, converter_fingerprint, in_doubt=parent.in_doubt)
        if planned is None:
            kept += family
        else:
            work.append(replace(planned, unmasked=parent.unmasked))
    return AttachedDiff(tuple(work), tuple(kept), tuple(one for family in families.values() for one in family))


def refuse_mass_deletion(source: str, entries: Mapping[str, ManifestEntry], vanished: Sequence[ManifestEntry]) -> None:
    """Raises ConflictError when the run would delete nearly everything that is known of the source. What came with a
    file is not counted: one mailbox may hold more documents than the rest."""
    known, lost = (sum(not parent_uri(entry.uri) for entry in each) for each in (entries.values(), vanished))
    if known > _MASS_DELETION_FLOOR and lost > known * _MASS_DELETION:
        raise ConflictError(
            f"{lost} of the {known} documents of {source} have vanished; nothing was changed.",
            hint="Check that the folder is mounted; if that is as it should be, run again with --allow-mass-delete.",
        )


def _by_file(
    entries: Mapping[str, ManifestEntry],
) -> dict[str, tuple[ManifestEntry | None, tuple[ManifestEntry, ...]]]:
    """By the URI of each file: what is known of it, and of what came with it."""
    files = {entry.uri: entry for entry in entries.values() if not parent_uri(entry.uri)}
    attached: dict[str, list[ManifestEntry]] = {uri: [] for uri in files}
    for entry in entries.values():
        if parent_uri(entry.uri):
            attached.setdefault(file_uri(entry.uri), []).append(entry)
    return {uri: (files.get(uri), tuple(found)) for uri, found in attached.items()}


def _is_in_doubt(document_id: str, entry: ManifestEntry | None, indexed: Mapping[str, int]) -> bool:
    chunks = indexed.get(document_id, 0)
    return chunks > 0 if entry is None else entry.state is DocumentState.PENDING or chunks != entry.chunks


def _plan(
    item: SourceItem,
    entry: ManifestEntry | None,
    attached: tuple[ManifestEntry, ...],
    converter_fingerprint: str,
    *,
    in_doubt: bool,
) -> PlannedItem | None:
    if entry is None:
        return PlannedItem(item, is_new=True, in_doubt=in_doubt, attached=attached)
    reread = in_doubt or entry.converter_fingerprint != converter_fingerprint or entry.access != item.access
    indexed = entry.state is DocumentState.INDEXED
    opened = indexed and any(one.state is DocumentState.FAILED and not _is_settled(one) for one in attached)
    if not reread and not opened and entry.etag == item.etag and (indexed or _is_settled(entry)):
        return None
    return PlannedItem(
        item,
        is_new=entry.chunks == 0,
        known_sha256=entry.content_sha256 or None,
        known_chunks=entry.chunks,
        known_access=entry.access,
        known_missing=entry.missing,
        in_doubt=in_doubt,
        reread=reread,
        attached=attached,
        opened=opened,
    )


def _is_settled(entry: ManifestEntry) -> bool:
    """Whether the failure would only happen again. The size limit is a setting, and asking costs no reading."""
    kind = FailureKind(entry.failure_kind or FailureKind.UNREADABLE)
    return kind is not FailureKind.TOO_LARGE and not ConversionError.is_retried(kind)


def shards(
    work: Sequence[PlannedItem], documents: int = _SHARD_DOCUMENTS, size: int = _SHARD_BYTES
) -> Iterator[Sequence[PlannedItem]]:
    """The work in portions of at most `documents` documents that have, unless it is a single one, at most `size` bytes
    together; in order."""
    portion: list[PlannedItem] = []
    total = 0
    for planned in work:
        if portion and (len(portion) == documents or total + planned.item.size > size):
            yield portion
            portion, total = [], 0
        portion.append(planned)
        total += planned.item.size
    if portion:
        yield portion


def groups(count: int, most: int) -> list[list[int]]:
    """The numbers of `count` shards, from 0, in at most `most` groups of nearly equal size, each without gaps."""
    tasks = min(count, most)
    bounds = [count * task // tasks for task in range(tasks + 1)] if tasks else [0]
    return [list(range(begin, end)) for begin, end in pairwise(bounds)]
