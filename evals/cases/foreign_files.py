"""Reading files that strangers made: whatever is wrong with one becomes an InputError that names the place."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.errors import InputError
from evals.cases.cases import MOST_FILE_BYTES, Case, explain

# Byte-order marks of the encodings that spreadsheets save as, longest first.
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def read_bytes(path: Path) -> bytes:
    """The whole file, unpacked if its name ends in .gz. Raises InputError if it cannot be read or is larger than cases
    can be."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            data: bytes = file.read(MOST_FILE_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "it is damaged"
        raise InputError(f"{path} cannot be read: {reason}.", hint="Check the path.") from error
    if len(data) > MOST_FILE_BYTES:
        raise InputError(f"{path.name} is larger than {MOST_FILE_BYTES:,} bytes.", hint="Split it.")
    return data


def read_text(path: Path) -> str:
    """The file's text: UTF-8, or UTF-16 if a mark at its beginning says so. Raises InputError."""
    data = read_bytes(path)
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path.name}, line {line}: it is not UTF-8.", hint="Save the file as UTF-8.") from error


def table(text: str, name: str, delimiter: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Each row of a table by the column names of its first line, with the row's place. Raises InputError for a row that
    has more fields than there are columns, or fewer."""
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restkey="", restval=None)
    try:
        for row in rows:
            place = f"{name}, line {rows.line_num}"
            if "" in row or None in row.values():
                raise InputError(
                    f"{place}: the row does not have {len(rows.fieldnames or ())} fields.",
                    hint="Quote fields that hold the delimiter or a line end.",
                )
            yield place, row
    except csv.Error as error:
        raise InputError(
            f"{name}, after line {rows.line_num}: {error}.", hint="Check the quotes around its fields."
        ) from error


def uri_of(source: str, path: str) -> str:
    """The URI that ingesting gives the file at `path` in a folder that goes by the name `source`."""
    return f"{source}/{path}" if source else path


def make_case(place: str, **fields: Any) -> Case:
    """The case of these fields. Raises InputError that says where they came from."""
    try:
        return Case(**fields)
    except ValidationError as error:
        raise InputError(
            f"{place}: {explain(error)}", hint="docs/reference/datasets.md explains the fields."
        ) from error
