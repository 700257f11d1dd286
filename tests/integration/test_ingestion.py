"""The ingestion transaction over a folder: what is read, skipped, kept, deleted and refused."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConflictError, FailureKind, NotFoundError, RagloopError, UnavailableError
from core.types import AccessScope, DocumentState, document_id
from ingestion.converters.registry import FileConverter
from ingestion.pipeline import Permissions
from ingestion.splitting.structure_splitter import StructureSplitter
from tests.fakes import InMemoryIndex
from tests.integration.ingestion_pipeline import Workbench

NOTES = "# Notes\n\nThe kettle is in the kitchen.\n"
PLANS = "# Plans\n\nWe open a second office in spring.\n"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    bench = Workbench(tmp_path / "home", tmp_path / "docs")
    yield bench
    bench.close()


def counts(report: dict) -> tuple[int, ...]:
    return tuple(report["documents"][name] for name in ("added", "changed", "unchanged", "deleted", "failed"))


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
    assert report["seconds"] > 0
    assert bench.texts() == {"docs/notes.md": [NOTES.strip()], "docs/team/plans.md": [PLANS.strip()]}
    document = bench.documents.get(document_id("docs/notes.md"))
    assert document is not None
    assert document.text == NOTES
    assert document.title == "Notes"
    assert bench.runs.latest()[0].report == report
    assert bench.runs.latest()[0].state == "finished"


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


class InterruptedIndex(InMemoryIndex):
    """Is cut off right after a commit, before anybody can write down that it happened."""

    interrupted = False

    def commit(self, *arguments: Any) -> int:
        revision = super().commit(*arguments)
        if self.interrupted:
            raise KeyboardInterrupt
        return revision


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


# -- guards


def test_a_folder_that_cannot_be_listed_deletes_nothing(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.ingest()
    shutil.rmtree(bench.docs)

    with pytest.raises(UnavailableError, match="not there"):
        bench.ingest()

    assert list(bench.texts()) == ["docs/notes.md"]


def test_losing_nearly_all_of_a_large_source_is_refused(bench: Workbench) -> None:
    paths = [bench.write(f"{n}.md", f"Note number {n}.") for n in range(25)]
    bench.ingest()
    for path in paths[:21]:
        path.unlink()

    with pytest.raises(ConflictError, match="21 of the 25") as error:
        bench.ingest()
    assert "--allow-mass-delete" in error.value.hint
    assert len(bench.texts()) == 25

    assert bench.ingest(mass_delete=True)["documents"]["deleted"] == 21
    assert len(bench.texts()) == 4


def test_losing_four_fifths_of_a_large_source_is_allowed(bench: Workbench) -> None:
    paths = [bench.write(f"{n}.md", f"Note number {n}.") for n in range(25)]
    bench.ingest()
    for path in paths[:20]:
        path.unlink()

    assert bench.ingest()["documents"]["deleted"] == 20


def test_a_small_source_may_lose_everything(bench: Workbench) -> None:
    paths = [bench.write(f"{n}.md", f"Note number {n}.") for n in range(3)]
    bench.ingest()
    for path in paths:
        path.unlink()

    assert bench.ingest()["documents"]["deleted"] == 3
    assert bench.texts() == {}


def test_another_folder_under_a_known_name_is_refused_unless_it_has_moved(bench: Workbench, tmp_path: Path) -> None:
    bench.write("notes.md", NOTES)
    bench.ingest()
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(bench.docs, elsewhere)

    with pytest.raises(ConflictError, match="known from") as error:
        bench.ingest(bench.source(root=elsewhere))
    assert "--source" in error.value.hint
    assert "--relocated" in error.value.hint

    bench.ingest(bench.source(root=elsewhere), relocated=True)
    bench.ingest(bench.source(root=elsewhere))
    bench.ingest(bench.source(name="other", root=elsewhere))
    assert list(bench.texts()) == ["docs/notes.md", "other/notes.md"]


def test_one_source_does_not_touch_the_documents_of_another(bench: Workbench, tmp_path: Path) -> None:
    bench.write("notes.md", NOTES)
    bench.ingest()
    other = tmp_path / "other"
    other.mkdir()
    (other / "plans.md").write_text(PLANS)
    bench.ingest(bench.source("other", root=other))
    (other / "plans.md").unlink()

    bench.ingest(bench.source("other", root=other))

    assert list(bench.texts()) == ["docs/notes.md"]


# -- steps


def test_a_retried_shard_is_not_embedded_again(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    pipeline, source = bench.pipeline, bench.source()
    plan = pipeline.plan(source, "manual__2026-11-22T00:00:00+00:00")
    pipeline.process(source, plan.run_id, range(plan.shards))
    bench.embedder.embedded.clear()
    bench.sandbox = None  # type: ignore[assignment]  # nothing may be converted

    bench.pipeline.process(source, plan.run_id, range(plan.shards))

    assert bench.embedder.embedded == []
    pipeline.commit(plan.run_id)
    pipeline.commit(plan.run_id)  # a retry of the task
    pipeline.verify(plan.run_id)
    assert counts(pipeline.report(plan.run_id)) == (1, 0, 0, 0, 0)


def test_a_run_leaves_no_files_behind(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.ingest()

    assert list((bench.home / "staging").iterdir()) == []


def test_the_commit_of_an_unprocessed_shard_is_an_error(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.pipeline.plan(bench.source(), "run")

    with pytest.raises(NotFoundError, match="was not processed"):
        bench.pipeline.commit("run")


def test_a_dry_run_counts_and_changes_nothing(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.write("plans.md", PLANS)

    report = bench.dry_run()

    assert report["dry_run"] is True
    assert counts(report) == (2, 0, 0, 0, 0)
    assert bench.index.collections() == []
    assert bench.documents.source_root("docs") is None
    assert bench.embedder.embedded == []


def test_verification_fails_when_the_index_lacks_a_document(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.ingest()
    bench.index.commit(bench.spec.name, [], [document_id("docs/notes.md")])

    with pytest.raises(RagloopError, match=r"disagree.*docs/notes\.md"):
        bench.pipeline.verify("run")


def test_verification_fails_when_a_chunk_does_not_match_its_text(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.ingest()
    document = bench.documents.get(document_id("docs/notes.md"))
    assert document is not None
    bench.documents.save("docs", "f", [replace(document, text=f" {document.text}")])

    with pytest.raises(RagloopError, match="do not match"):
        bench.pipeline.verify("run")


def test_a_second_ingestion_at_the_same_time_is_refused(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    with bench.pipeline._alone(0), pytest.raises(ConflictError):
        bench.ingest()


def test_an_index_that_is_down_fails_the_run_and_says_so_in_its_record(bench: Workbench) -> None:
    class DownIndex(type(bench.index)):  # type: ignore[misc]
        def commit(self, *_args: object) -> int:
            raise UnavailableError("The index is down.")

    bench.index = DownIndex()
    bench.write("notes.md", NOTES)

    with pytest.raises(UnavailableError):
        bench.ingest()

    assert bench.runs.latest()[0].state == "failed"
    assert bench.runs.latest()[0].report["error"] == "The index is down."


# -- deletion


def test_a_deleted_document_is_gone_from_every_store(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.write("plans.md", PLANS)
    bench.ingest()

    receipt = bench.pipeline.delete_document("docs/notes.md")

    assert receipt == {"memo": 1, "index": 1, "documents": 1, "manifest": 1, "staging": 0}
    assert list(bench.texts()) == ["docs/plans.md"]
    assert bench.documents.get(document_id("docs/notes.md")) is None
    with pytest.raises(NotFoundError):
        bench.pipeline.delete_document("docs/notes.md")
    bench.pipeline.verify("after")


def test_deletion_reaches_what_a_killed_run_has_staged(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.ingest()
    bench.write("notes.md", PLANS)
    plan = bench.pipeline.plan(bench.source(), "killed")
    bench.pipeline.process(bench.source(), "killed", range(plan.shards))

    assert bench.pipeline.delete_document("docs/notes.md")["staging"] == 1
    staged = b"".join(path.read_bytes() for path in bench.home.glob("staging/**/*") if path.is_file())
    assert b"second office" not in staged


def test_deletion_reaches_collections_that_are_kept_for_rollback(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.ingest()
    first = bench.spec.name
    bench.splitter = StructureSplitter(bench.embedder, 50, "other")
    bench.ingest()
    assert bench.index.collections() == sorted([first, bench.spec.name])

    receipt = bench.pipeline.delete_document("docs/notes.md")

    assert receipt["index"] == 2
    assert receipt["manifest"] == 2
    assert bench.index.chunk_counts(first) == bench.index.chunk_counts(bench.spec.name) == {}


def test_a_text_that_another_collection_still_holds_is_kept(bench: Workbench) -> None:
    path = bench.write("notes.md", NOTES)
    bench.ingest()
    bench.splitter = StructureSplitter(bench.embedder, 50, "other")
    bench.ingest()
    path.unlink()

    bench.ingest()

    assert bench.documents.get(document_id("docs/notes.md")) is not None


def test_a_text_that_only_this_collection_lost_is_kept_for_the_other(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.ingest()
    bench.splitter = StructureSplitter(bench.embedder, 50, "other")
    bench.ingest()
    bench.write("notes.md", b"")

    bench.ingest(bench.source(access=("hr",)))

    assert bench.texts() == {}
    assert bench.documents.get(document_id("docs/notes.md")) is not None


# -- speed


def test_planning_an_unchanged_folder_takes_less_than_a_second(bench: Workbench) -> None:
    for number in range(300):
        bench.write(f"{number % 7}/{number}.md", f"Note number {number}.")
    bench.ingest()
    started = time.monotonic()

    assert bench.dry_run()["documents"]["unchanged"] == 300
    assert time.monotonic() - started < 1


def _set_failed(bench: Workbench, kind: FailureKind) -> None:
    entry = next(iter(bench.documents.entries(bench.spec.name).values()))
    failed = replace(entry, state=DocumentState.FAILED, failure_kind=kind.value, failure_reason="load")
    bench.documents.save_entries(bench.spec.name, "run", [failed])


def test_permissions_default_to_nothing() -> None:
    assert Permissions() == Permissions(mass_delete=False, relocated=False)
