"""How an embedded collection lies on disk, and how it changes from one complete state to the next.

    <root>/<collection>/CURRENT                           the number of the generation to read
    <root>/<collection>/generations/<n>/collection.json   what it is: spec, revision, its segments, what was removed
    <root>/<collection>/segments/<name>/                  what was written by one commit; see `segments`
    <root>/.locks/<collection>.lock                       held by the one writer

A commit writes a segment with what it adds and a generation that names it beside those that were there: what a change
costs depends on the change, not on the collection. A document is where the last segment has it that has it at all.

A generation and its segments are complete before CURRENT names it and are never written again, except that the engine,
on opening a segment, replaces its own configuration file by an equal one. A killed writer leaves at most folders that
the current generation does not name, which the next writer removes. The generation before the current one is kept for
readers that still have it open.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from core.types import CollectionSpec
from retrieval.durable import replace_file, sync, sync_tree
from retrieval.indexes.disk import damaged, disk_errors, require_space
from retrieval.indexes.first_layout import FIRST_LAYOUT, FirstLayoutFolder
from retrieval.indexes.schema import unknown_collection
from retrieval.indexes.segments import SegmentFolder

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LAYOUT_VERSION = 2

Mark = tuple[int, int]
"""Differs whenever CURRENT was written anew, also by a collection that was dropped and made again."""


@dataclass(frozen=True, slots=True)
class GenerationManifest:
    """The content of `collection.json`: the names of the segments, the oldest first, and the ids of documents that are
    in some of them and were removed since."""

    spec: CollectionSpec
    revision: int
    segments: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    layout_version: int = _LAYOUT_VERSION

    @classmethod
    def parse(cls, content: dict[str, Any]) -> GenerationManifest:
        """Raises KeyError or TypeError for content of another shape, ValueError for another version."""
        spec, version = CollectionSpec(**content["spec"]), content["layout_version"]
        if version == FIRST_LAYOUT:
            return cls(spec, content["revision"], layout_version=version)
        if version != _LAYOUT_VERSION:
            raise ValueError(f"layout version {version}")
        return cls(spec, content["revision"], tuple(content["segments"]), tuple(content["removed"]))


@dataclass(frozen=True, slots=True)
class Generation:
    """One state of a collection, on disk."""

    folder: Path

    @property
    def number(self) -> int:
        return int(self.folder.name)

    @disk_errors()
    def manifest(self) -> GenerationManifest:
        """What the generation is."""
        try:
            return GenerationManifest.parse(json.loads((self.folder / "collection.json").read_bytes()))
        except FileNotFoundError as error:
            raise damaged(self.folder, f"{error.filename} is missing") from error
        except (ValueError, KeyError, TypeError) as error:
            raise damaged(self.folder, "collection.json cannot be read") from error

    def segments(self) -> list[SegmentFolder]:
        """Its segments, the oldest first."""
        manifest = self.manifest()
        if manifest.layout_version == FIRST_LAYOUT:
            return [FirstLayoutFolder(self.folder)]
        return [SegmentFolder(self.folder.parents[1] / "segments" / name) for name in manifest.segments]

    @disk_errors()
    def seal(self, manifest: GenerationManifest) -> None:
        """Write the manifest and wait until it is on the disk."""
        (self.folder / "collection.json").write_text(json.dumps(asdict(manifest), indent=1))
        sync_tree(self.folder)


@dataclass(frozen=True, slots=True)
class Staged:
    """A generation that is being written, and the folder that its segment is to have."""

    generation: Generation
    segment: Path


@dataclass(frozen=True, slots=True)
class Pointer:
    """What CURRENT says, and its mark."""

    generation: Generation
    mark: Mark


@dataclass(frozen=True, slots=True)
class CollectionFolder:
    """One collection's folder. The methods that change it are for the holder of `lock_file`."""

    root: Path
    name: str

    @classmethod
    def of(cls, root: Path, name: str) -> CollectionFolder:
        """Raises NotFoundError for a name that no collection can have."""
        if not _NAME.fullmatch(name):
            raise unknown_collection(name)
        return cls(root, name)

    @property
    def path(self) -> Path:
        return self.root / self.name

    @property
    def lock_file(self) -> Path:
        return self.root / ".locks" / f"{self.name}.lock"

    @disk_errors()
    def mark(self) -> Mark:
        """The mark of CURRENT: one look at the file's entry. Raises NotFoundError if there is no such collection."""
        try:
            status = (self.path / "CURRENT").stat()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise unknown_collection(self.name) from error
        return status.st_ino, status.st_mtime_ns

    @disk_errors()
    def current(self) -> Pointer:
        """The generation to read. Raises NotFoundError if there is no such collection."""
        mark = self.mark()
        try:
            number = (self.path / "CURRENT").read_text()
        except FileNotFoundError as error:
            raise unknown_collection(self.name) from error
        if not number.isdecimal():
            raise damaged(self.path, f"CURRENT says {number[:20]!r}")
        return Pointer(Generation(self._generations / number), mark)

    def exists(self) -> bool:
        return (self.path / "CURRENT").exists()

    @contextmanager
    def staged(self, current: Generation | None) -> Iterator[Staged]:
        """Where the generation after `current` is written; removed again if the block fails. Removes what `current`
        does not name: what a killed writer left, and what was kept for the readers of the generation before it."""
        staged = Staged(
            Generation(self._generations / str(current.number + 1 if current else 0)), self._segments / uuid4().hex
        )
        with disk_errors():
            require_space(self.root, 0)
            for folder in self._others(current):
                # A reader that comes late may still be opening it; what it holds up goes with the next commit.
                shutil.rmtree(folder, ignore_errors=folder != staged.generation.folder)
            for folder in (staged.generation.folder, self._segments):
                folder.mkdir(parents=True, exist_ok=True)
        try:
            yield staged
        except BaseException:
            for folder in (staged.generation.folder, staged.segment):
                shutil.rmtree(folder, ignore_errors=True)
            raise

    @disk_errors()
    def publish(self, generation: Generation) -> None:
        """Make a sealed generation the current one."""
        sync(self._segments)
        sync(self._generations)
        replace_file(self.path / "CURRENT", str(generation.number).encode())

    @disk_errors()
    def remove_others(self, generation: Generation) -> None:
        """Remove all that this generation does not name. Readers that have an older one open keep what they have
        mapped."""
        for folder in self._others(generation):
            shutil.rmtree(folder)

    @disk_errors()
    def remove(self) -> None:
        """Remove the collection; it does not exist from the first step on."""
        (self.path / "CURRENT").unlink(missing_ok=True)
        if self.path.exists():
            shutil.rmtree(self.path)

    @property
    def _generations(self) -> Path:
        return self.path / "generations"

    @property
    def _segments(self) -> Path:
        return self.path / "segments"

    def _others(self, generation: Generation | None) -> list[Path]:
        """The folders of generations and segments that are no part of this one."""
        named = {generation.folder, *(segment.path for segment in generation.segments())} if generation else set()
        return [folder for of in (self._generations, self._segments) for folder in of.glob("*") if folder not in named]


@disk_errors()
def collection_names(root: Path) -> list[str]:
    """Names of the collections under `root`, sorted."""
    try:
        return sorted(folder.name for folder in root.iterdir() if (folder / "CURRENT").exists())
    except FileNotFoundError:
        return []
