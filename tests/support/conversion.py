"""What the fixture `convert` is."""

from __future__ import annotations

from collections.abc import Callable

from core.types import Document

Convert = Callable[[str, bytes], Document]
