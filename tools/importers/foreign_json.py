"""Reading JSON that strangers made: whatever is wrong with a file becomes an InputError that names the place."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from core.errors import InputError
from core.frozen import Frozen
from evals.cases.cases import explain
from evals.cases.foreign_files import read_bytes

_Object = TypeVar("_Object")


class ForeignObject(Frozen, extra="ignore"):
    """The part of a foreign JSON object that is of use here; whatever else it holds is ignored."""


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


def json_file(path: Path, shape: type[_Object]) -> _Object:
    """The file's JSON value, checked against `shape`."""
    return _checked(read_bytes(path), TypeAdapter(shape), path.name)


def json_lines(path: Path, shape: type[_Object]) -> Iterator[tuple[str, _Object]]:
    """Each line's JSON value with the line's place, for later complaints. A file that ends in .gz is unpacked."""
    adapter = TypeAdapter(shape)
    for number, line in enumerate(io.BytesIO(read_bytes(path)), start=1):
        if line.strip():
            place = f"{path.name}, line {number}"
            yield place, _checked(line, adapter, place)


def require_columns(row: Mapping[str, str], names: Sequence[str], place: str) -> None:
    """Raises InputError for the first of the names that the row does not have."""
    for name in names:
        if name not in row:
            raise InputError(f"{place}: there is no {name}.", hint="Is this the format that you named?")


def _checked(data: bytes, adapter: TypeAdapter[_Object], place: str) -> _Object:
    try:
        return adapter.validate_json(data.removeprefix(b"\xef\xbb\xbf"))
    except ValidationError as error:
        raise InputError(f"{place}: {explain(error)}", hint="Is this the format that you named?") from error
