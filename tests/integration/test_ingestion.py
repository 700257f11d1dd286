"""The ingestion transaction over a folder: what is read, skipped, kept, deleted and refused."""

from __future__ import annotations

import os
import re
import resource
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import ConflictError, FailureKind, UnavailableError
from core.types import AccessScope, DocumentState, SourceItem, document_id
from ingestion.converters.content import RawFile
from ingestion.converters.mail.attached import Opened
from ingestion.converters.registry import FileConverter
from ingestion.staging import ShardResult, Staging
from tests.fakes import FakeSource, InterruptedIndex
from tests.support.ingestion_pipeline import LIMITS, NOTES, PLANS, Workbench, counts


def touch(path: Path) -> None:
    """Another time of change, whatever the clock's resolution."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))


def test_a_folder_is_ingested_and_reported(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.write("team/plans.md", PLANS)
    bench.write("photo.png", b"\x89PNG")

    report = bench.ingest()

    assert counts(report) == (2, 0, 0, 0, 0)
    assert report["documents"]["seen"] == 2
    assert report["chunks"] == {"written": 2, "embedded": 2, "deleted": 0}
    assert report["failures"] == []
    assert report["skipped"] == {".png": 1}
    assert report["left_alone"] == [
        {"uri": "docs/photo.png", "reason": "Files named .png are in no format that is read."}
    ]
    assert report["seconds"] > 0
    assert bench.texts() == {"docs/notes.md": [NOTES.strip()], "docs/team/plans.md": [PLANS.strip()]}
    document = bench.documents.get(document_id("docs/notes.md"))
    assert document is not None
    assert document.text == NOTES
    assert document.title == "Notes"
    assert bench.runs.latest()[0].report == report
    assert bench.runs.latest()[0].state == "finished"


def test_documents_come_from_any_source_that_keeps_the_contract(bench: Workbench, tmp_path: Path) -> None:
    source = FakeSource("wiki", tmp_path / "wiki", access=("hr",), skipped={".png": 2})
    source.texts = {"notes.md": NOTES, "plans.md": PLANS}

    report = bench.ingest(source)

    assert counts(report) == (2, 0, 0, 0, 0)
    assert report["skipped"] == {".png": 2}
    assert bench.texts() == {"wiki/notes.md": [NOTES.strip()], "wiki/plans.md": [PLANS.strip()]}
    assert {entry.access for entry in bench.documents.entries(bench.spec.name, "wiki").values()} == {("hr",)}
    assert bench.documents.source_root("wiki") == "a fake"

    del source.texts["plans.md"]
    assert counts(bench.ingest(source)) == (0, 0, 1, 1, 0)


def test_an_unchanged_folder_embeds_nothing_and_commits_nothing(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.ingest()
    bench.embedder.embedded.clear()
    revision = bench.index.revision(bench.spec.name)

    report = bench.ingest()

    assert counts(report) == (0, 0, 1, 0, 0)
    assert bench.embedder.embedded == []
    assert bench.index.revision(bench.spec.name) == revision


def test_a_touched_file_with_the_same_bytes_is_unchanged(bench: Workbench) -> None:
    path = bench.write("notes.md", NOTES)
    bench.ingest()
    touch(path)

    assert bench.dry_run()["documents"]["changed"] == 1
    assert counts(bench.ingest()) == (0, 0, 1, 0, 0)
    assert bench.dry_run()["documents"]["unchanged"] == 1  # its new time is known now


def test_a_changed_file_replaces_all_its_chunks(bench: Workbench) -> None:
    long = "\n\n".join(f"## Part {n}\n\n" + f"word{n} " * 50 for n in range(4))
    bench.write("notes.md", long)
    assert bench.ingest()["chunks"]["written"] == 4
    bench.write("notes.md", NOTES)

    report = bench.ingest()

    assert counts(report) == (0, 1, 0, 0, 0)
    assert report["chunks"] == {"written": 1, "embedded": 1, "deleted": 4}
    assert bench.texts() == {"docs/notes.md": [NOTES.strip()]}


def test_a_vanished_file_is_deleted_everywhere(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    path = bench.write("plans.md", PLANS)
    bench.ingest()
    path.unlink()

    report = bench.ingest()

    assert counts(report) == (0, 0, 1, 1, 0)
    assert report["chunks"]["deleted"] == 1
    assert list(bench.texts()) == ["docs/notes.md"]
    assert bench.documents.get(document_id("docs/plans.md")) is None
    assert list(bench.documents.entries(bench.spec.name)) == [document_id("docs/notes.md")]


def test_two_copies_are_two_documents_and_their_text_is_embedded_once(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.write("copy.md", NOTES)

    report = bench.ingest()

    assert report["chunks"] == {"written": 2, "embedded": 1, "deleted": 0}
    assert list(bench.texts()) == ["docs/copy.md", "docs/notes.md"]


def test_a_moved_file_embeds_nothing(bench: Workbench) -> None:
    path = bench.write("notes.md", NOTES)
    bench.ingest()
    path.rename(bench.docs / "archive.md")

    report = bench.ingest()

    assert counts(report) == (1, 0, 0, 1, 0)
    assert report["chunks"]["embedded"] == 0
    assert list(bench.texts()) == ["docs/archive.md"]


def test_a_broken_file_is_named_on_every_run_and_not_read_again(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.write("broken.pdf", b"%PDF-1.7 nothing of the kind")
    first = bench.ingest()
    assert counts(first) == (1, 0, 0, 0, 1)
    assert first["failures"][0]["uri"] == "docs/broken.pdf"
    assert first["failures"][0]["kind"] == "malformed"
    bench.sandbox = None  # type: ignore[assignment]  # nothing may be converted

    second = bench.ingest()

    assert counts(second) == (0, 0, 1, 0, 1)
    assert second["failures"] == first["failures"]


def test_a_broken_file_is_read_again_when_it_changes(bench: Workbench) -> None:
    bench.write("plans.pdf", b"%PDF-1.7 nothing of the kind")
    bench.ingest()
    bench.write("plans.pdf", b"no longer even that")

    report = bench.ingest()

    assert report["failures"][0]["kind"] == "mismatch"


@pytest.mark.parametrize("kind", [FailureKind.TIMEOUT, FailureKind.MEMORY, FailureKind.CRASHED, FailureKind.UNREADABLE])
def test_failures_that_load_can_cause_are_tried_again(bench: Workbench, kind: FailureKind) -> None:
    bench.write("notes.md", NOTES)
    bench.ingest()
    _set_failed(bench, kind)

    assert bench.dry_run()["documents"]["changed"] == 1


def test_a_file_that_was_too_large_is_read_when_the_limit_is_raised(bench: Workbench) -> None:
    bench.write("long.md", "word " * 1000)
    bench.converter = FileConverter(max_file_bytes=1000)
    assert bench.ingest()["failures"][0]["kind"] == "too_large"
    bench.converter = FileConverter(max_file_bytes=10_000)

    assert counts(bench.ingest()) == (1, 0, 0, 0, 0)


def test_a_file_of_front_matter_alone_is_named_and_the_rest_is_ingested(bench: Workbench) -> None:
    bench.write("draft.md", "---\ntitle: Travel policy (draft)\n---\n")
    bench.write("picture.md", "![The pump](pump.png)\n")
    bench.write("notes.md", NOTES)

    report = bench.ingest()

    assert counts(report) == (1, 0, 0, 0, 2)
    assert [(one["uri"], one["kind"]) for one in report["failures"]] == [
        ("docs/draft.md", "empty"),
        ("docs/picture.md", "empty"),
    ]
    assert "Travel policy (draft)" in report["failures"][0]["reason"]
    assert list(bench.texts()) == ["docs/notes.md"]
    assert bench.ingest()["failures"] == report["failures"]


def test_a_document_of_an_earlier_version_without_chunks_does_not_stop_a_run(bench: Workbench) -> None:
    bench.write("draft.md", "---\ntitle: Draft\n---\n")
    bench.write("notes.md", NOTES)
    bench.ingest()
    entries = bench.documents.entries(bench.spec.name)
    draft = replace(entries[document_id("docs/draft.md")], state=DocumentState.INDEXED)
    bench.documents.save_entries(bench.spec.name, "earlier", [draft])

    bench.ingest()


def test_a_document_of_too_many_chunks_is_named_until_the_limit_is_raised(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.write("table.md", "| Site | Doors |\n|---|---|\n" + "".join(f"| Site {n} | {n} |\n" for n in range(400)))
    bench.limits = replace(LIMITS, chunks=5)

    failure = bench.ingest()["failures"][0]

    assert (failure["uri"], failure["kind"]) == ("docs/table.md", "too_large")
    assert "RAGLOOP_MAX_DOCUMENT_CHUNKS" in failure["reason"]
    assert list(bench.texts()) == ["docs/notes.md"]
    bench.limits = LIMITS
    assert counts(bench.ingest()) == (1, 0, 1, 0, 0)


def test_a_text_that_surely_makes_too_many_chunks_is_refused_before_it_is_split(bench: Workbench) -> None:
    bench.write("long.txt", "a word or two " * 20_000)
    bench.limits = replace(LIMITS, chunks=10)

    failure = bench.ingest()["failures"][0]

    assert failure["kind"] == "too_large"
    assert re.match(r"Its text makes at least [\d,]+ chunks; at most 10 are taken of one", failure["reason"])


def test_front_matter_however_long_makes_no_document_too_many_chunks(bench: Workbench) -> None:
    bench.write("notes.md", f"---\nkeys: [{'word, ' * 20_000}]\n---\n\n{NOTES}")
    bench.limits = replace(LIMITS, chunks=3)

    assert counts(bench.ingest()) == (1, 0, 0, 0, 0)


def test_a_disk_that_is_full_while_a_run_is_written_down_is_told_and_nothing_half_written_stays(tmp_path: Path) -> None:
    staging = Staging(tmp_path, "run")
    staging.folder.mkdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))  # to who writes, a full disk looks like this
    try:
        with pytest.raises(UnavailableError, match="cannot be written down") as full:
            staging.write_done(0, ShardResult())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert "Free some space" in full.value.hint
    assert list(staging.folder.iterdir()) == []
    staging.write_done(0, ShardResult())
    assert staging.done(0) == ShardResult()


def test_a_run_that_makes_too_many_chunks_changes_nothing(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.write("plans.md", PLANS)
    bench.max_chunks = 1

    with pytest.raises(ConflictError, match="nothing was changed") as refused:
        bench.ingest()

    assert "RAGLOOP_MAX_RUN_CHUNKS" in refused.value.hint
    assert bench.embedder.embedded == []
    assert bench.runs.latest()[0].state == "failed"


class HalfReadConverter(FileConverter):
    """Loses a page of every file."""

    def opened(self, file: RawFile, item: SourceItem) -> Opened:
        document = super().opened(file, item).document
        return Opened(replace(document, missing="Page 2 is a picture without text."))


def test_a_document_of_which_a_part_is_missing_is_searchable_and_named_on_every_run(bench: Workbench) -> None:
    bench.converter = HalfReadConverter(1_000_000)
    path = bench.write("notes.md", NOTES)

    report = bench.ingest()

    assert counts(report) == (1, 0, 0, 0, 0)
    assert report["partial"] == [{"uri": "docs/notes.md", "missing": "Page 2 is a picture without text."}]
    assert list(bench.texts()) == ["docs/notes.md"]
    assert bench.ingest()["partial"] == report["partial"]
    touch(path)
    assert bench.ingest()["partial"] == report["partial"]
    rebuilt = bench.rebuild()
    assert rebuilt.run()["partial"] == report["partial"]
    assert bench.documents.entries(rebuilt.spec.name)[document_id("docs/notes.md")].missing


def test_a_document_that_is_whole_again_is_no_longer_partial(bench: Workbench) -> None:
    bench.converter = HalfReadConverter(1_000_000)
    bench.write("notes.md", NOTES)
    bench.ingest()
    bench.converter = FileConverter(1_000_000)
    bench.write("notes.md", NOTES + "\nAnd now the second page.\n")

    assert bench.ingest()["partial"] == []
    assert bench.ingest()["partial"] == []


def test_a_document_that_no_longer_converts_keeps_its_last_good_version(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.ingest()
    bench.write("notes.md", bytes(range(256)) * 20)

    report = bench.ingest()

    assert counts(report) == (0, 0, 0, 0, 1)
    assert "stays searchable" in report["failures"][0]["reason"]
    assert bench.texts() == {"docs/notes.md": [NOTES.strip()]}
    assert bench.ingest()["failures"] == report["failures"]


def test_a_document_that_is_mended_with_its_old_content_is_unchanged_again(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.ingest()
    bench.write("notes.md", b"")
    bench.ingest()
    bench.write("notes.md", NOTES)
    touch(bench.docs / "notes.md")

    report = bench.ingest()

    assert counts(report) == (0, 0, 1, 0, 0)
    assert bench.documents.entries(bench.spec.name)[document_id("docs/notes.md")].state is DocumentState.INDEXED


def test_other_access_labels_reach_the_index_without_embedding(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.ingest()
    bench.embedder.embedded.clear()

    report = bench.ingest(bench.source(access=("hr",)))

    assert counts(report) == (0, 1, 0, 0, 0)
    assert bench.embedder.embedded == []
    assert [stored.access for stored, _ in bench.index.scroll(bench.spec.name)] == [("hr",)]
    assert bench.documents.page(scope=AccessScope.of("public")) == []


def test_a_broken_document_with_other_access_labels_does_not_stay_visible(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.ingest()
    bench.write("notes.md", b"")

    bench.ingest(bench.source(access=("hr",)))

    assert bench.texts() == {}
    assert bench.documents.get(document_id("docs/notes.md")) is None


def test_another_converter_reads_everything_again(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.write("empty.md", "")
    bench.ingest()
    bench.converter.fingerprint = "f" * 64

    assert bench.dry_run()["documents"]["changed"] == 1
    assert bench.dry_run()["documents"]["added"] == 1  # what failed may succeed now
    assert bench.ingest()["chunks"]["embedded"] == 0


def test_what_the_index_has_lost_is_ingested_again(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.write("plans.md", PLANS)
    bench.ingest()
    before = bench.content()
    bench.index.commit(bench.spec.name, [], [document_id("docs/notes.md")])

    assert counts(bench.ingest()) == (0, 1, 1, 0, 0)
    assert bench.content() == before
    bench.index.drop(bench.spec.name)
    bench.ingest()
    assert bench.content() == before


def test_a_document_that_was_committed_but_not_recorded_and_then_vanished_is_deleted(bench: Workbench) -> None:
    bench.index = index = InterruptedIndex()
    bench.write("notes.md", NOTES)
    bench.ingest()
    plans = bench.write("plans.md", PLANS)
    index.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        bench.ingest()
    assert list(bench.texts()) == ["docs/notes.md", "docs/plans.md"]
    index.interrupted = False
    plans.unlink()

    bench.ingest()

    assert list(bench.texts()) == ["docs/notes.md"]


def test_a_document_that_was_committed_but_not_recorded_and_then_put_back_is_put_back(bench: Workbench) -> None:
    bench.index = index = InterruptedIndex()
    path = bench.write("notes.md", NOTES)
    status = path.stat()
    bench.ingest()
    before = bench.content()
    path.write_text(PLANS)
    index.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        bench.ingest()
    assert bench.content() != before
    index.interrupted = False
    path.write_text(NOTES)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # as the manifest knows it

    bench.ingest()

    assert bench.content() == before


def _set_failed(bench: Workbench, kind: FailureKind) -> None:
    entry = next(iter(bench.documents.entries(bench.spec.name).values()))
    failed = replace(entry, state=DocumentState.FAILED, failure_kind=kind.value, failure_reason="load")
    bench.documents.save_entries(bench.spec.name, "run", [failed])
