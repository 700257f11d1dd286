"""Figures and stored names as people read them on pages. Pure."""

from __future__ import annotations

from typing import Literal

Unit = Literal["count", "seconds", "money", "number"]


def in_words(name: str) -> str:
    """A stored name, such as that of a cause, a trigger or a state, as people read it."""
    return name.replace("_", " ").capitalize()


def figure(value: float | None, unit: Unit) -> str:
    """The value as people read it."""
    if value is None:
        return "–"
    match unit:
        case "count":
            return f"{value:,.0f}"
        case "seconds":
            return f"{value:.2f} s" if value < 10 else f"{value:,.0f} s"
        case "money":
            return _short(value)
        case "number":
            return _short(round(value, 3))


def _short(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or value >= 1000 else f"{value:,.4g}"
