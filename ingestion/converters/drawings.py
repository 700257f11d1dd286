"""What charts and diagrams of office files say: their XML keeps numbers and words beside the drawing. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from lxml.etree import _Element as Element

from ingestion.converters.xml_tree import attribute, children, named

# Words and colours in a number's format.
_QUOTED = re.compile(r'"[^"]*"|\[[^\]]*\]')

# Days are counted from here in office files.
_FIRST_DAY = datetime(1899, 12, 30)


@dataclass(frozen=True, slots=True)
class ChartTable:
    """A chart's title, and a row for each category (or x) with a column for each series below a row of their names."""

    title: str
    rows: list[list[str]]


def chart_table(chart: Element) -> ChartTable | None:
    """What the chart says in numbers; None where it keeps none."""
    series = [*named(chart, "ser")]
    labels = next((found for one in series if (found := _points(one, "cat", "xVal"))), {})
    columns = [_points(one, "val", "yVal") for one in series]
    places = sorted({place for column in columns for place in column})
    if not places:
        return None
    head = ["", *(_said(next(children(one, "tx"), None)) for one in series)]
    rows = [[labels.get(place, ""), *(column.get(place, "") for column in columns)] for place in places]
    return ChartTable(_said(next(named(chart, "title"), None)), [head, *rows])


def diagram_lines(diagram: Element) -> list[str]:
    """The words of a diagram's boxes, in their order."""
    lines = ("".join(text.text or "" for text in named(paragraph, "t")) for paragraph in named(diagram, "p"))
    return [line for line in lines if line.strip()]


def _points(series: Element, *axes: str) -> dict[int, str]:
    """What an axis says at each place; of categories in several levels the outer before the inner."""
    levels: list[dict[int, str]] = []
    for axis in children(series, *axes):
        for level in [*named(axis, "lvl")] or [axis]:
            code = "".join(one.text or "" for one in named(level, "formatCode"))
            levels.append({place: _shown(value, code) for place, value in _values(level)})
    if not levels:
        return {}
    inner, *outer = levels
    names = {place: [value] for place, value in inner.items()}
    for level in outer:
        above = ""
        for place in sorted(names):
            above = level.get(place, above)
            names[place].insert(0, above)
    return {place: " ".join(filter(None, words)) for place, words in names.items()}


def _values(level: Element) -> Iterator[tuple[int, str]]:
    for point in named(level, "pt"):
        place = attribute(point, "idx")
        if place.isdecimal() and len(place) < 10:
            yield int(place), "".join(value.text or "" for value in children(point, "v"))


def _shown(value: str, code: str) -> str:
    """A number as its format shows it, where that is a date or a share; else as it is."""
    code = _QUOTED.sub("", code).lower()
    try:
        if "%" in code:
            return f"{float(value) * 100:g} %"
        if "y" in code or "d" in code:
            return (_FIRST_DAY + timedelta(days=float(value))).date().isoformat()
    except (ValueError, OverflowError):
        pass
    return value


def _said(node: Element | None) -> str:
    """The words of a title, which are letters or a copy of a cell."""
    if node is None:
        return ""
    letters = ["".join(text.text or "" for text in named(paragraph, "t")) for paragraph in named(node, "p")]
    return " ".join(text for text in (*letters, *(value.text or "" for value in named(node, "v"))) if text)
