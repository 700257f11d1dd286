"""Values that a JSON column keeps whole: written with the version of their shape, read whatever version wrote them.

    _SNAPSHOTS = StoredValue("feedback", "interaction", AnswerSnapshot.model_validate, upcasts=(_with_version,))
    _SNAPSHOTS.write(snapshot)                     # {"schema_version": 1, "question": …}
    _SNAPSHOTS.read(row.id, row.interaction)       # raises StoredValueError that names the table and the row

A changed shape is a new version: add to `upcasts` what makes the last one of it. Nothing stored has to be rewritten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from core.errors import StoredValueError

Value = TypeVar("Value", bound=BaseModel)
Upcast = Callable[[Mapping[str, Any]], Mapping[str, Any]]

VERSION = "schema_version"


@dataclass(frozen=True, slots=True)
class StoredValue(Generic[Value]):
    """How one column keeps values of one type, which `validate` checks. The first of `upcasts` is for what was written
    before there were versions, and their number is the version that is written."""

    table: str
    column: str
    validate: Callable[[Any], Value]
    upcasts: tuple[Upcast, ...]

    def write(self, value: Value) -> dict[str, Any]:
        """The value as JSON, with its version."""
        return {VERSION: len(self.upcasts), **value.model_dump(mode="json")}

    def read(self, key: str, content: Any) -> Value:
        """The value of the row with this key. Raises StoredValueError for one that this version cannot read."""
        if not isinstance(content, Mapping):
            raise self._error(key, "it is no JSON object")
        version = content.get(VERSION, 0)
        if not isinstance(version, int) or version < 0:
            raise self._error(key, f"its {VERSION} is no number of a version")
        if version > len(self.upcasts):
            raise self._error(
                key,
                f"a newer RAGLoop wrote it (version {version}; this one reads up to {len(self.upcasts)})",
                hint="Run the version of RAGLoop that wrote it, or a newer one.",
            )
        content = {name: value for name, value in content.items() if name != VERSION}
        try:
            for upcast in self.upcasts[version:]:
                content = upcast(content)
            return self.validate(content)
        except (ValidationError, KeyError, TypeError, AttributeError) as error:
            raise self._error(key, _reason(error)) from error

    def _error(self, key: str, reason: str, hint: str = "") -> StoredValueError:
        return StoredValueError(
            f"The row {key} of the table {self.table} has a broken {self.column}: {reason}.",
            hint=hint or "Restore the row from a backup, or delete it.",
        )


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"{type(error).__name__}: {error}"
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else str(first["msg"])
