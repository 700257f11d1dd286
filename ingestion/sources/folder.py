"""A folder of files as a source."""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

from core.errors import ConversionError, FailureKind, UnavailableError
from core.ports import LeftAlone, LocalFile
from core.types import PUBLIC, SourceItem

# Characters that are left as they are in the URI of a file whose name needs escaping.
_SAFE = "".join(chr(code) for code in range(32, 127) if chr(code) != "%")

# Files left alone that are named; the rest is counted. A million pictures are not a million lines of a report.
_MOST_NAMED = 1_000


class FolderSource:
    """The regular files below `root` whose name ends in one of `suffixes`, in order of path; hidden ones are left out.

    The URI is `<name>/<path>`; in a file name that is not printable UTF-8, bytes are escaped as `%XX`. Links are
    followed to files inside the folder only. What was passed over is counted in `skipped` and named in `left_alone`; of
    a folder that was, only the folder.
    """

    def __init__(self, name: str, root: Path, suffixes: Collection[str], access: tuple[str, ...] = (PUBLIC,)) -> None:
        self.name = name
        self.root = str(root.absolute())
        self.access = access
        self._skipped: Counter[str] = Counter()
        self._left_alone: list[LeftAlone] = []
        self._folder = Path(os.path.realpath(root))
        self._suffixes = frozenset(suffixes)

    @property
    def skipped(self) -> Mapping[str, int]:
        return dict(self._skipped)

    @property
    def left_alone(self) -> Sequence[LeftAlone]:
        return sorted(self._left_alone, key=lambda one: one.uri)

    def list(self) -> Iterator[SourceItem]:
        """Every supported file. Raises UnavailableError when the folder or one below it cannot be listed."""
        self._skipped.clear()
        self._left_alone.clear()
        if not self._folder.is_dir():
            raise UnavailableError(
                f"The folder {self.root} is not there.", hint="Check the path, and that its file system is mounted."
            )
        items = [item for path in self._walk() if (item := self._item(path)) is not None]
        return iter(sorted(items, key=lambda item: item.uri))

    def fetch(self, item: SourceItem) -> LocalFile:
        relative = item.uri.removeprefix(f"{self.name}/")
        path = self._folder / relative
        if "%" in relative and not os.path.lexists(path):
            path = self._folder / os.fsdecode(unquote_to_bytes(relative))
        if not self._inside(path):
            raise ConversionError(FailureKind.UNREADABLE, "It leads out of the folder.")
        return LocalFile(path, relative)

    def _walk(self) -> Iterator[Path]:
        for folder, subfolders, files in os.walk(self._folder, onerror=self._unlistable):
            kept = []
            for name in subfolders:
                path = Path(folder) / name
                if name.startswith("."):
                    self._leave(path, "(hidden folder)", "It is hidden, and so is all that is in it.")
                elif os.path.islink(path):  # noqa: PTH114 - the path may be too long to ask
                    self._leave(path, "(link to a folder)", "It is a link to a folder.")
                else:
                    kept.append(name)
            subfolders[:] = kept
            for name in files:
                if name.startswith("."):
                    self._leave(Path(folder) / name, "(hidden)", "It is hidden.")
                else:
                    yield Path(folder) / name

    def _unlistable(self, error: OSError) -> None:
        # What cannot be listed must not look deleted. Two exceptions: a folder that was removed meanwhile is gone, and
        # one whose path is too long for the system was never read.
        if error.errno == errno.ENAMETOOLONG:
            self._leave(Path(os.fsdecode(error.filename)), "(path too long)", "Its path is too long for the system.")
        elif error.errno != errno.ENOENT or not self._folder.is_dir():
            raise UnavailableError(
                f"The folder {error.filename} cannot be listed: {error.strerror}.",
                hint="Give this user the right to read it, or move it out of the source.",
            ) from error

    def _item(self, path: Path) -> SourceItem | None:
        suffix = path.suffix.lower()
        if suffix not in self._suffixes:
            kind = _printable(suffix) or "(none)"
            self._leave(path, kind, f"Files named {kind} are in no format that is read.")
            return None
        try:
            status = path.stat()
        except OSError:  # a link to nowhere, or a file removed meanwhile
            self._leave(path, "(unreadable link)", "It is a link to nothing.")
            return None
        if not stat.S_ISREG(status.st_mode) or (path.is_symlink() and not self._inside(path)):
            outside = "It is a link to what is no file of this folder."
            self._leave(path, "(no regular file)", outside if path.is_symlink() else "It is no regular file.")
            return None
        uri = self._uri(path)
        etag = f"{status.st_size}-{status.st_mtime_ns}"
        return SourceItem(uri, self.name, etag, status.st_size, self.access)

    def _leave(self, path: Path, kind: str, reason: str) -> None:
        self._skipped[kind] += 1
        if len(self._left_alone) < _MOST_NAMED:
            self._left_alone.append(LeftAlone(self._uri(path), reason))

    def _uri(self, path: Path) -> str:
        return f"{self.name}/{_printable(path.relative_to(self._folder).as_posix())}"

    def _inside(self, path: Path) -> bool:
        return Path(os.path.realpath(path)).is_relative_to(self._folder)


def _printable(name: str) -> str:
    """The name if it can be shown and stored, otherwise with its bytes escaped."""
    if name.isprintable():
        return name
    return quote_from_bytes(os.fsencode(name), safe=_SAFE)
