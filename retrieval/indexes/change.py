"""From one generation to the next: a segment with what is new, and with the living documents of some of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from retrieval.indexes.disk import bytes_taken, require_space
from retrieval.indexes.document_table import Size, dead_rows, ids_of
from retrieval.indexes.first_layout import FirstLayoutFolder
from retrieval.indexes.generations import Generation, GenerationManifest, Staged
from retrieval.indexes.segments import OpenSegment, SegmentWriter


def write_generation(
    current: Generation,
    staged: Staged,
    writer: SegmentWriter,
    gone: set[str],
    chosen: Callable[[Sequence[Size], int], set[int]],
) -> None:
    """Write what the segment still lacks, and the generation that names it.

    `gone` are documents that no segment of `current` has any more, `chosen` says which of its segments, given their
    sizes and how much is new, are taken over into the new one.
    """
    manifest, folders = current.manifest(), current.segments()
    for folder in folders:
        folder.manifest()  # nothing is built on what is damaged
    removed = (gone | set(manifest.removed)) - writer.documents.keys()
    tables = [folder.table() for folder in folders]
    dead = dead_rows(tables, ids_of(writer.documents), removed)
    sizes = [table.size(rows) for table, rows in zip(tables, dead, strict=True)]
    taken = chosen(sizes, writer.chunks) | {n for n, each in enumerate(folders) if isinstance(each, FirstLayoutFolder)}
    living = [number for number in sorted(taken) if sizes[number].live]
    require_space(staged.generation.folder, sum(bytes_taken(folders[number].path) for number in living))
    for number in living:
        writer.take_over(OpenSegment.open(folders[number]), dead[number])
    kept = [number for number in range(len(folders)) if number not in taken]
    names = [folders[number].path.name for number in kept] + ([writer.name] if writer.finish() else [])
    hidden = {key for number in kept for key in tables[number].names(tables[number].places(ids_of(removed)))}
    staged.generation.seal(
        GenerationManifest(manifest.spec, staged.generation.number, tuple(names), tuple(sorted(hidden)))
    )


def holding_dead(sizes: Sequence[Size], _: int) -> set[int]:
    """The segments that still have what was replaced or removed."""
    return {number for number, size in enumerate(sizes) if size.dead}
