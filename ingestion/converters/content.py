"""What the readers of the single formats take and give."""

from __future__ import annotations

import csv
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from core.errors import ConversionError, FailureKind
from core.types import TextFormat
from ingestion.converters.recognition.tesseract import Recognition

DAMAGE = (
    ValueError,
    LookupError,
    EOFError,
    OSError,
    ArithmeticError,
    RuntimeError,
    SyntaxError,
    csv.Error,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What parsers raise for damaged data: RuntimeError for what they cannot do, SyntaxError for XML."""

NESTED = "Its parts are nested too deeply."


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file that was read once, so that what is hashed is what is parsed. `recognition` is for text in its pictures,
    where that is wanted."""

    name: str
    data: bytes
    recognition: Recognition | None = None

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


def damaged(reason: object) -> ConversionError:
    """The error for a file that its parser gave up on."""
    words = " ".join(str(reason).split())[:300].removesuffix(".") or type(reason).__name__
    return ConversionError(FailureKind.MALFORMED, f"The file is damaged: {words}.")


@contextmanager
def damage_named() -> Iterator[None]:
    """What is raised for damaged data within the block becomes a ConversionError."""
    try:
        yield
    except RecursionError as error:
        raise ConversionError(FailureKind.MALFORMED, NESTED) from error
    except DAMAGE as error:
        raise damaged(error) from error


class FormatReader(Protocol):
    """Reads one format. Raises ConversionError with the reason a person should read, or one of DAMAGE."""

    def read(self, file: RawFile) -> Content: ...
