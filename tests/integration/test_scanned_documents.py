"""A folder with a scan is ingested with text recognition switched on: real tesseract in the sandbox, real index."""

from __future__ import annotations

from pathlib import Path

import pdf_oxide
import pytest

from core.settings import load_settings
from core.types import document_id
from ingestion.converters.pdf.scans import MARK
from ingestion.factory import folder_source, open_pipeline
from tests.support.home import make_home
from tests.support.needs import Need, requires
from tests.support.written_pdf import written_pdf


@requires(Need.TESSERACT)
@pytest.mark.slow
def test_a_scan_that_failed_is_read_by_the_run_after_recognition_was_switched_on(tmp_path: Path) -> None:
    folder, home = tmp_path / "scans", make_home(tmp_path)
    folder.mkdir()
    typed = written_pdf([["The emergency number of the harbour is 4471."]])
    (folder / "notice.pdf").write_bytes(bytes(pdf_oxide.PdfDocument.from_bytes(typed).flatten_to_images(150)))

    with open_pipeline(load_settings(home=home)) as pipeline:
        report = pipeline.run(folder_source(pipeline, folder))
        assert [failure["uri"] for failure in report["failures"]] == ["scans/notice.pdf"]
    with open_pipeline(load_settings(home=home, ocr=True)) as pipeline:
        assert pipeline.run(folder_source(pipeline, folder))["failures"] == []
        document = pipeline.stores.documents.get(document_id("scans/notice.pdf"))
        again = pipeline.run(folder_source(pipeline, folder))["documents"]

    assert document is not None
    assert document.text == f"{MARK}\nThe emergency number of the harbour is 4471."
    assert (again["unchanged"], again["changed"]) == (1, 0)
