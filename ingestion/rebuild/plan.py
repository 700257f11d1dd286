"""What a rebuild has to do: the difference between what the live collection holds and what the new one does. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from core.storage.documents import StoredVersion
from core.types import DocumentState, ManifestEntry, SourceItem
from ingestion.plan import Diff, PlannedItem

_INTERRUPTED = "An ingestion of it was interrupted. Run `ragloop ingest` again, then rebuild the index again."
_NO_TEXT = "Its converted text is missing from the database, so there is nothing to rebuild it from."


def rebuild_diff(
    live: Mapping[str, ManifestEntry],
    ours: Mapping[str, ManifestEntry],
    stored: Mapping[str, StoredVersion],
    indexed: Mapping[str, int],
    certain: Collection[str],
) -> Diff:
    """Compare the `live` collection's manifest with `ours`, the new one's, and with the chunks `indexed` in that.

    Documents come from their `stored` texts. Those that the live manifest calls pending are rebuilt if they are
    `certain`: the live index holds the very version that is stored. `settled` are the rows of documents without chunks,
    to be written as they are; `vanished` are documents of which the new collection must hold nothing.
    """
    work: list[PlannedItem] = []
    settled: list[ManifestEntry] = []
    partial: list[ManifestEntry] = []
    unchanged = 0
    for document_id, entry in live.items():
        known = ours.get(document_id)
        version = stored.get(document_id)
        reason = _why_not(entry, version, certain)
        if reason is not None or version is None:
            settled.append(_without_chunks(entry, reason))
            continue
        if entry.missing:
            partial.append(entry)
        wanted = rebuilt_entry(entry, version.content_sha256, version.access)
        in_index = indexed.get(document_id, 0)
        if known is not None and known == replace(wanted, chunks=known.chunks) and known.chunks == in_index:
            unchanged += 1
        else:
            work.append(_planned(wanted, version.characters, known))
    vanished = [entry for key, entry in ours.items() if key not in live]
    rows = [ours.get(entry.document_id, entry) for entry in settled]
    vanished += [entry for entry in rows if entry.chunks or entry.document_id in indexed]
    return Diff(tuple(work), unchanged, tuple(partial), tuple(settled), tuple(vanished))


def rebuilt_entry(live: ManifestEntry, content_sha256: str, access: tuple[str, ...], chunks: int = 0) -> ManifestEntry:
    """The new collection's row for a document of which this version was indexed.

    It is the live one's, so that ingestion goes on from where it stands. If the stored text is not the version that the
    live collection holds, another collection has read a newer one since: then ingestion is to look at the file again.
    """
    same = live.content_sha256 == content_sha256 and live.access == access
    return replace(live, content_sha256=content_sha256, access=access, etag=live.etag if same else "", chunks=chunks)


def _why_not(entry: ManifestEntry, version: StoredVersion | None, certain: Collection[str]) -> str | None:
    """Why the new collection can hold nothing of the document; None if it can."""
    if entry.state is DocumentState.FAILED and not entry.chunks:
        return entry.failure_reason or ""
    if entry.state is DocumentState.PENDING and entry.document_id not in certain:
        return _INTERRUPTED
    return _NO_TEXT if version is None else None


def _without_chunks(entry: ManifestEntry, reason: str | None) -> ManifestEntry:
    """The row of a document that failed, or else of one that ingestion is to read again."""
    if entry.state is DocumentState.FAILED and not entry.chunks:
        return entry
    return replace(entry, state=DocumentState.PENDING, etag="", content_sha256="", chunks=0, failure_reason=reason)


def _planned(wanted: ManifestEntry, characters: int, known: ManifestEntry | None) -> PlannedItem:
    return PlannedItem(
        SourceItem(wanted.uri, wanted.source, wanted.etag, characters, wanted.access),
        is_new=known is None or known.chunks == 0,
        known_sha256=known.content_sha256 or None if known else None,
        known_chunks=known.chunks if known else 0,
        known_access=known.access if known else (),
        in_doubt=True,  # so that nothing older of it stays if its text is gone when its turn comes
        reread=True,
    )
