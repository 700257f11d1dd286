"""Personal data in what is ingested: masked before anything is stored, or gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.text.personal_data import PersonalDataPolicy
from core.types import document_id
from tests.fakes import InMemoryIndex
from tests.support.ingestion_pipeline import Workbench, counts


def test_personal_data_is_masked_before_anything_is_stored_and_so_on_every_later_run(bench: Workbench) -> None:
    bench.write("notes.md", "# Notes\n\nWrite to jane.doe@example.com.\n")

    report = bench.ingest(personal_data=PersonalDataPolicy.MASK)

    found = {"uri": "docs/notes.md", "kinds": {"email": 1}}
    assert report["personal_data"] == {"policy": "mask", "documents": [found]}
    bench.write("more.md", "# More\n\nOr to ann@example.org.\n")
    bench.ingest()
    assert bench.texts() == {
        "docs/more.md": ["# More\n\nOr to [email]."],
        "docs/notes.md": ["# Notes\n\nWrite to [email]."],
    }
    assert not any("@" in text for text in bench.embedder.embedded)
    stored = bench.documents.get(document_id("docs/notes.md"))
    assert stored is not None
    assert "@" not in stored.text


def test_documents_are_read_again_when_it_is_decided_otherwise_about_personal_data(bench: Workbench) -> None:
    bench.write("notes.md", "# Notes\n\nWrite to jane.doe@example.com.\n")
    assert bench.ingest()["personal_data"] == {"policy": "keep", "documents": []}

    report = bench.ingest(personal_data=PersonalDataPolicy.MASK)

    assert counts(report) == (0, 1, 0, 0, 0)
    assert bench.texts() == {"docs/notes.md": ["# Notes\n\nWrite to [email]."]}


SECRET = "# Notes\n\nWrite to jane.doe@example.com.\n"


def test_what_cannot_be_read_again_to_be_masked_does_not_stay_unmasked(bench: Workbench) -> None:
    bench.write("notes.md", SECRET)
    bench.ingest()
    bench.write("notes.md", bytes(range(256)) * 20)

    report = bench.ingest(personal_data=PersonalDataPolicy.MASK)

    assert "stays searchable" not in report["failures"][0]["reason"]
    assert bench.texts() == {}
    assert bench.documents.get(document_id("docs/notes.md")) is None


class DiesBeforePurging(InMemoryIndex):
    """Dies when it is first to purge."""

    purged = -1

    def purge(self, collection: str) -> None:
        self.purged += 1
        if not self.purged:
            raise SystemExit


def test_a_run_that_is_killed_before_the_unmasked_texts_are_purged_is_finished_by_the_next(tmp_path: Path) -> None:
    index = DiesBeforePurging()
    bench = Workbench(tmp_path / "home", tmp_path / "docs", index=index)
    bench.write("notes.md", SECRET)
    bench.ingest()
    with pytest.raises(SystemExit):
        bench.ingest(personal_data=PersonalDataPolicy.MASK)
    assert index.purged == 0

    bench.ingest()

    assert index.purged == 1
    assert bench.texts() == {"docs/notes.md": ["# Notes\n\nWrite to [email]."]}
    bench.ingest()
    assert index.purged == 1
