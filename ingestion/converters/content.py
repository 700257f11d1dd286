"""What the readers of the single formats take and give."""

from __future__ import annotations

import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from core.types import TextFormat

DAMAGE = (
    ValueError,
    LookupError,
    EOFError,
    ArithmeticError,
    RuntimeError,
    SyntaxError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What parsers raise for damaged data: RuntimeError for too deep a nesting too, SyntaxError for XML."""


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file that was read once, so that what is hashed is what is parsed."""

    name: str
    data: bytes

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix.lower()


@dataclass(frozen=True, slots=True)
class Content:
    """What was in a file. `page_starts` and `missing` are as in core.types.Document; `attached` are the files in it,
    which become documents of their own."""

    text: str
    title: str
    format: TextFormat
    media_type: str
    page_starts: tuple[int, ...] = ()
    missing: str = ""
    attached: tuple[RawFile, ...] = ()


class FormatReader(Protocol):
    """Reads one format. Raises ConversionError with the reason a person should read."""

    def read(self, file: RawFile) -> Content: ...
