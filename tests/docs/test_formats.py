"""Help, README and handbook name the formats that are read, as the one list of them has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.cli.documents import ingest
from ingestion.converters.formats import FORMATS

ROOT = Path(__file__).parents[2]
NAMES = ", ".join(one.name for one in FORMATS)


@pytest.mark.parametrize("where", ["the command's help", "README.md"])
def test_help_and_readme_list_the_formats(where: str) -> None:
    text = (ingest.__doc__ or "") if where == "the command's help" else (ROOT / where).read_text()

    assert f"{NAMES}." in " ".join(text.split())


def test_the_handbook_lists_the_formats_with_their_suffixes() -> None:
    rows = [f"| {one.name} | {' '.join(f'`{each}`' for each in one.suffixes if each)} |" for one in FORMATS]
    page = (ROOT / "docs" / "how-to" / "ingest-documents.md").read_text()

    assert "\n".join(["|---|---|", *rows]) in page
