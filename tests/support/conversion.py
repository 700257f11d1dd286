"""What the fixture `convert` is."""

from __future__ import annotations

from collections.abc import Callable

from core.types import Document
from ingestion.converters.mail.attached import Opened

Convert = Callable[[str, bytes], Document]

Open = Callable[[str, bytes], Opened]
