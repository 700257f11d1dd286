"""How an embedded collection lies on disk, and how it changes from one complete state to the next.

    <root>/<collection>/CURRENT                       the number of the generation to read
    <root>/<collection>/generations/<n>/collection.json   what it is: spec, revision, chunks, files with their sizes
    <root>/<collection>/generations/<n>/shard/            the engine's files
    <root>/.locks/<collection>.lock                   held by the one writer

A generation is complete before CURRENT names it and is never written again, except that the engine, on opening it,
replaces its own configuration file by an equal one. A killed writer leaves at most a folder that CURRENT does not
name, which the next writer removes. The generation before the current one is kept for readers that still have it open.
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

from core.errors import IndexUnavailableError
from core.types import CollectionSpec
from retrieval.durable import copy_sparse, replace_file, sync, sync_tree
from retrieval.indexes.schema import unknown_collection

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# The engine's files are sparse and mapped into memory: writing to one on a full disk kills the process.
_SPARE_BYTES = 256 << 20
_LAYOUT_VERSION = 1

Mark = tuple[int, int]
"""Differs whenever CURRENT was written anew, also by a collection that was dropped and made again."""


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turn failures of the file system into IndexUnavailableError."""
    try:
        yield
    except OSError as error:
        raise IndexUnavailableError(
            f"The index cannot be used: {error}.",
            hint="Check that RAGLOOP_HOME is on a disk with space left and that this user may write there.",
        ) from error


@dataclass(frozen=True, slots=True)
class GenerationManifest:
    """The content of `collection.json`. `files` has the size in bytes of each file under `shard/`."""

    spec: CollectionSpec
    revision: int
    chunks: int
    files: dict[str, int]
    layout_version: int = _LAYOUT_VERSION

    @classmethod
    def parse(cls, content: dict[str, Any]) -> GenerationManifest:
        """Raises KeyError or TypeError for content of another shape, ValueError for another version."""
        if content["layout_version"] != _LAYOUT_VERSION:
            raise ValueError(f"layout version {content['layout_version']}")
        return cls(**{**content, "spec": CollectionSpec(**content["spec"])})


@dataclass(frozen=True, slots=True)
class Generation:
    """One state of a collection, on disk."""

    folder: Path

    @property
    def shard(self) -> Path:
        return self.folder / "shard"

    @property
    def number(self) -> int:
        return int(self.folder.name)

    @disk_errors()
    def manifest(self) -> GenerationManifest:
        """What the generation is. Raises IndexUnavailableError unless every file is there with its size: the engine
        would open what is left and call it a collection."""
        try:
            manifest = GenerationManifest.parse(json.loads((self.folder / "collection.json").read_bytes()))
            for name, size in manifest.files.items():
                if (self.shard / name).stat().st_size != size:
                    raise damaged(self.folder, f"{name} has another size than when it was written")
        except FileNotFoundError as error:
            raise damaged(self.folder, f"{error.filename} is missing") from error
        except (ValueError, KeyError, TypeError) as error:
            raise damaged(self.folder, "collection.json cannot be read") from error
        return manifest

    @disk_errors()
    def copy_shard(self, target: Path, manifest: GenerationManifest) -> None:
        """Copy the engine's files, and only those that belong: a reader may be opening the shard meanwhile.

        Raises IndexUnavailableError if the disk is too full for the change.
        """
        _require_space(target, sum((self.shard / name).stat().st_blocks * 512 for name in manifest.files))
        for name in manifest.files:
            copied = target / name
            copied.parent.mkdir(parents=True, exist_ok=True)
            copy_sparse(self.shard / name, copied)

    @disk_errors()
    def seal(self, spec: CollectionSpec, chunks: int) -> None:
        """Write the manifest and wait until all of the generation is on the disk."""
        files = {
            path.relative_to(self.shard).as_posix(): path.stat().st_size
            for path in sorted(self.shard.rglob("*"))
            if path.is_file()
        }
        manifest = GenerationManifest(spec, self.number, chunks, files)
        (self.folder / "collection.json").write_text(json.dumps(asdict(manifest), indent=1))
        sync_tree(self.folder)


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

    @disk_errors()
    def stage(self, current: Generation | None) -> Generation:
        """An empty folder for the generation after `current`. Removes all others: what a killed writer left, and the
        one before, which was kept for its readers until now."""
        staged = Generation(self._generations / str(current.number + 1 if current else 0))
        for folder in self._generations.glob("*"):
            if folder == staged.folder:
                shutil.rmtree(folder)
            elif current is None or folder != current.folder:
                # A reader that comes late may still be opening it; what it holds up goes with the next commit.
                shutil.rmtree(folder, ignore_errors=True)
        staged.shard.mkdir(parents=True)
        return staged

    @disk_errors()
    def publish(self, generation: Generation) -> None:
        """Make a sealed generation the current one."""
        sync(self._generations)
        replace_file(self.path / "CURRENT", str(generation.number).encode())

    @disk_errors()
    def remove_others(self, generation: Generation) -> None:
        """Remove every generation but this one. Readers that have an older one open keep what they have mapped."""
        for folder in self._generations.glob("*"):
            if folder != generation.folder:
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


@disk_errors()
def collection_names(root: Path) -> list[str]:
    """Names of the collections under `root`, sorted."""
    try:
        return sorted(folder.name for folder in root.iterdir() if (folder / "CURRENT").exists())
    except FileNotFoundError:
        return []


def damaged(path: Path, reason: str) -> IndexUnavailableError:
    """The error for a collection whose files are not as they were written."""
    return IndexUnavailableError(
        f"The index in {path} is damaged: {reason}.",
        hint="Restore the folder from a backup, or delete it and run `ragloop ingest FOLDER`.",
    )


def _require_space(folder: Path, copied_bytes: int) -> None:
    needed, free = copied_bytes + _SPARE_BYTES, shutil.disk_usage(folder).free
    if free < needed:
        raise IndexUnavailableError(
            f"The index cannot be changed: the disk of {folder} has {free >> 20} MB left and it takes {needed >> 20}.",
            hint="Free some space on that disk, or set RAGLOOP_HOME to a folder on another one.",
        )
