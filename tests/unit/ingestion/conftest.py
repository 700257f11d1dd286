"""Files to convert, made on the spot or taken from shared/data where that is present."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from core.ports import LocalFile
from core.types import Document, SourceItem
from ingestion.converters.content import RawFile
from ingestion.converters.mail.attached import Opened
from ingestion.converters.registry import FileConverter
from tests.support.conversion import Convert, Open


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    """Convert bytes as a file of that name."""

    def run(name: str, data: bytes) -> Document:
        path = tmp_path / Path(name).name
        path.write_bytes(data)
        return FileConverter(10_000_000).convert(
            LocalFile(path, name), SourceItem(f"docs/{name}", "docs", "1", len(data))
        )

    return run


@pytest.fixture
def open_file() -> Open:
    """The same, with what came with it."""

    def run(name: str, data: bytes) -> Opened:
        return FileConverter(10_000_000).opened(
            RawFile(name, data), SourceItem(f"docs/{name}", "docs", "1", len(data), ("hr",))
        )

    return run


@pytest.fixture
def docx() -> bytes:
    """A document with a title, two headings, a list and a table."""
    import docx

    document = docx.Document()
    document.core_properties.title = "The Guide"
    document.add_heading("First part", 1)
    document.add_paragraph("Words of the first part.")
    document.add_paragraph("an item", style="List Bullet")
    document.add_heading("Second part", 1)
    table = document.add_table(rows=2, cols=2)
    for row, cells in enumerate((("Name", "Age"), ("Ann", "42"))):
        for column, text in enumerate(cells):
            table.rows[row].cells[column].text = text
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()
