"""Reading files that strangers made: whatever is wrong with one becomes an InputError that names the place."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from core.errors import InputError
from evals.cases.cases import MOST_FILE_BYTES, Case, explain

_Shape = TypeVar("_Shape")

# Byte-order marks of the encodings that spreadsheets save as, longest first.
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class Shape(BaseModel):
    """The part of a foreign JSON object that is of use here; whatever else it holds is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def find_file(path: Path, name: str) -> Path:
    """`path` if it is a file, else the file of this name below it. Raises InputError if there is none, or several."""
    if path.is_file():
        return path
    found = sorted(path.rglob(name)) if path.is_dir() else []
    if len(found) != 1:
        what = "is not there" if not path.exists() else f"holds {len(found) or 'no'} files {name}"
        raise InputError(f"{path} {what}.", hint=f"Name the file itself, or a folder with one {name} in it.")
    return found[0]


def existing_folder(path: Path) -> Path:
    """Raises InputError unless the folder is there."""
    if not path.is_dir():
        raise InputError(f"The folder {path} is not there.", hint="Name the folder that holds the test set.")
    return path


def read_text(path: Path) -> str:
    """The file's text: UTF-8, or UTF-16 if a mark at its beginning says so. Raises InputError."""
    data = _bytes(path)
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path.name}, line {line}: it is not UTF-8.", hint="Save the file as UTF-8.") from error


def json_file(path: Path, shape: type[_Shape]) -> _Shape:
    """The file's JSON value, checked against `shape`."""
    return _checked(_bytes(path), TypeAdapter(shape), path.name)


def json_lines(path: Path, shape: type[_Shape]) -> Iterator[tuple[str, _Shape]]:
    """Each line's JSON value with the line's place, for later complaints. A file that ends in .gz is unpacked."""
    adapter = TypeAdapter(shape)
    for number, line in enumerate(io.BytesIO(_bytes(path)), start=1):
        if line.strip():
            place = f"{path.name}, line {number}"
            yield place, _checked(line, adapter, place)


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


def require_columns(row: Mapping[str, str], names: Sequence[str], place: str) -> None:
    """Raises InputError for the first of the names that the row does not have."""
    for name in names:
        if name not in row:
            raise InputError(f"{place}: there is no {name}.", hint="Is this the format that you named?")


def make_case(place: str, **fields: Any) -> Case:
    """The case of these fields. Raises InputError that says where they came from."""
    try:
        return Case(**fields)
    except ValidationError as error:
        raise InputError(
            f"{place}: {explain(error)}", hint="docs/reference/datasets.md explains the fields."
        ) from error


def _checked(data: bytes, adapter: TypeAdapter[_Shape], place: str) -> _Shape:
    try:
        return adapter.validate_json(data.removeprefix(b"\xef\xbb\xbf"))
    except ValidationError as error:
        raise InputError(f"{place}: {explain(error)}", hint="Is this the format that you named?") from error


def _bytes(path: Path) -> bytes:
    """The whole file. Raises InputError if it cannot be read or is larger than cases can be."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            data: bytes = file.read(MOST_FILE_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "it is damaged"
        raise InputError(f"{path} cannot be read: {reason}.", hint="Check the path.") from error
    if len(data) > MOST_FILE_BYTES:
        raise InputError(f"{path.name} is larger than {MOST_FILE_BYTES:,} bytes.", hint="Split it.")
    return data
