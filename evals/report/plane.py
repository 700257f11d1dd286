"""The planes that plots are drawn on: their size, and where a value stands. Pure; `_svg.html` draws the frame."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plane:
    """Width and height in the units that the marks are given in. A `stretched` one takes the width that there is, so
    it holds no words, and its lines keep their thickness."""

    width: int
    height: int
    stretched: bool = False

    def across(self, value: float, reach: float, inset: float = 0) -> float:
        """Where a value stands between -reach and reach, which lie `inset` from the sides."""
        half = self.width / 2
        return round(half + max(-1.0, min(1.0, value / reach)) * (half - inset), 1)

    def down(self, value: float, top: float) -> float:
        """How far below the upper edge a value stands, where that edge stands for `top` and the lower for 0."""
        return round(self.height * (1 - max(0.0, min(1.0, value / top))), 1)
