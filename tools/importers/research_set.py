"""What an importer hands over: the cases, and the documents that their evidence stands in."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from evals.cases.cases import Case

# Longer names are refused by file systems once their bytes are counted.
_LONGEST_FILE_NAME = 100
_FORBIDDEN = frozenset('/\\:*?"<>|')


@dataclass(frozen=True, slots=True)
class SetDocument:
    """A document of a test set. `path` is where it goes in a folder of documents; one with a `heading` is written below
    that, because its file's name says nothing."""

    path: str
    title: str
    text: str
    heading: str = ""

    @property
    def content(self) -> str:
        """What stands in the file, and so in the ingested document."""
        if not self.heading:
            return self.text
        # Some passages begin with a line that repeats their title.
        body = self.text.removeprefix(f"{self.heading}\n").lstrip()
        return f"# {self.heading}\n\n{body}"


@dataclass(frozen=True, slots=True)
class ResearchSet:
    """`documents` is empty where the test set asks about files that are there already. `notes` says what was left out
    and why."""

    cases: tuple[Case, ...]
    documents: tuple[SetDocument, ...] = ()
    notes: tuple[str, ...] = ()


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a JSONL file. Raises InputError."""
    try:
        path.expanduser().write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror}.", hint="Name a file that you may write."
        ) from error


def file_name(text: str, suffix: str) -> str:
    """The text as the name of a file on any system."""
    kept = "".join(letter if letter.isprintable() and letter not in _FORBIDDEN else " " for letter in text)
    return (" ".join(kept.split()).lstrip(".")[:_LONGEST_FILE_NAME].rstrip(" .") or "untitled") + suffix


def write_documents(folder: Path, documents: Sequence[SetDocument]) -> None:
    """Write the documents as files, all of them or none. Raises InputError unless the folder is new or empty, because
    whatever else is in it would be ingested too."""
    folder = folder.expanduser().absolute()
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"{folder} is there and not empty.", hint="Name a folder that does not exist yet.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            for document in documents:
                _write(unfinished / document.path, document.content)
            unfinished.chmod(0o755)  # a temporary folder is its owner's only
            unfinished.replace(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise InputError(
            f"The documents cannot be written to {folder}: {error.strerror}.", hint="Name a folder that you may write."
        ) from error


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8", newline="") as file:
        file.write(text)
