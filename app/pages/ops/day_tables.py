"""Figures by day: what a plot draws, its table lists, and its download holds. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from app.pages.figures import Unit


@dataclass(frozen=True, slots=True)
class Series:
    """One column: a value for each day, None where nothing was measured. `name` is also its colour's."""

    name: str
    label: str
    values: tuple[float | None, ...]

    @property
    def total(self) -> float:
        return sum(value for value in self.values if value is not None)


@dataclass(frozen=True, slots=True)
class DayTable:
    """Columns over the same days, the oldest first."""

    name: str
    unit: Unit
    days: tuple[date, ...]
    series: tuple[Series, ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(value for column in self.series for value in column.values)

    def rows(self) -> Iterator[tuple[date, tuple[float | None, ...]]]:
        """Each day with its values, the newest first."""
        for place in range(len(self.days) - 1, -1, -1):
            yield self.days[place], tuple(column.values[place] for column in self.series)

    def csv(self) -> str:
        """The oldest day first, a column for each series; nothing where nothing was measured."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["day", *(column.name for column in self.series)])
        for day, values in reversed(list(self.rows())):
            writer.writerow([day.isoformat(), *("" if value is None else value for value in values)])
        return file.getvalue()

    def as_json(self) -> dict[str, Any]:
        return {
            "days": [day.isoformat() for day in self.days],
            **{column.name: list(column.values) for column in self.series},
        }


def days_until(last: date, count: int) -> tuple[date, ...]:
    """So many days in a row, the last of them `last`."""
    return tuple(last - timedelta(days=back) for back in range(count - 1, -1, -1))
