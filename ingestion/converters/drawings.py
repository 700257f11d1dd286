"""What charts and diagrams of office files say: their XML keeps numbers and words beside the drawing. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from lxml.etree import _Element as Element

from ingestion.converters.xml_tree import attribute, children, named

# A chart that is looked at has hundreds of points.
_MOST_POINTS = 5_000


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
    places = sorted({place for column in columns for place in column})[:_MOST_POINTS]
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
    said: dict[int, str] = {}
    for axis in children(series, *axes):
        for point in named(axis, "pt"):
            place = attribute(point, "idx")
            if place.isdecimal():
                value = "".join(value.text or "" for value in children(point, "v"))
                said[int(place)] = f"{value} {said.get(int(place), '')}".strip()
    return said


def _said(node: Element | None) -> str:
    """The words of a title, which are letters or a copy of a cell."""
    if node is None:
        return ""
    letters = ["".join(text.text or "" for text in named(paragraph, "t")) for paragraph in named(node, "p")]
    return " ".join(text for text in (*letters, *(value.text or "" for value in named(node, "v"))) if text)
