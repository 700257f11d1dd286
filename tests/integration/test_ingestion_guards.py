"""The ingestion transaction: what it refuses, its steps one by one, and deletion."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import ConflictError, NotFoundError, RagloopError, UnavailableError
from core.storage.loop.erasures import Subject
from core.types import document_id
from ingestion.pipeline import Permissions
from ingestion.splitting.structure_splitter import StructureSplitter
from tests.support.ingestion_pipeline import NOTES, PLANS, Workbench, counts


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


def test_a_full_verification_finds_a_chunk_in_the_middle_that_is_not_its_text(bench: Workbench) -> None:
    bench.write("long.md", "\n\n".join(f"# Part {part}\n\n" + f"Sentence {part} of it. " * 20 for part in range(9)))
    report = bench.ingest()
    compared = bench.pipeline.verify_all()
    assert (compared.documents, compared.chunks) == (1, report["chunks"]["written"])
    document = bench.documents.get(document_id("docs/long.md"))
    assert document is not None
    bench.documents.save("docs", "f", [replace(document, text=document.text.replace("Sentence 4", "Sentence 9"))])

    bench.pipeline.verify("run")  # which looks at the first and the last
    with pytest.raises(RagloopError, match="do not match"):
        bench.pipeline.verify_all()


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

    receipt = bench.delete("docs/notes.md")

    assert receipt == {"memo": 1, "index": 1, "documents": 1, "manifest": 1, "staging": 0}
    assert list(bench.texts()) == ["docs/plans.md"]
    assert bench.documents.get(document_id("docs/notes.md")) is None
    with pytest.raises(NotFoundError):
        bench.delete("docs/notes.md")
    bench.pipeline.verify("after")


def test_a_document_that_is_kept_out_does_not_come_back_though_its_source_has_it(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.write("plans.md", PLANS)
    bench.ingest()
    bench.delete("docs/notes.md")
    bench.stores.erasures.record(Subject.KEPT_OUT, "docs/notes.md", "ann", {})

    report = bench.ingest()
    assert (report["kept_out"], counts(report)) == (1, (0, 0, 1, 0, 0))
    assert list(bench.texts()) == ["docs/plans.md"]
    bench.write("notes.md", f"{NOTES} And more.")
    assert bench.dry_run()["kept_out"] == 1
    bench.write("renamed.md", NOTES)
    assert bench.ingest()["documents"]["added"] == 1  # under another name it is another document


def test_a_run_that_was_planned_before_an_erasure_does_not_bring_the_document_back(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.write("plans.md", PLANS)
    source = bench.source()
    plan = bench.pipeline.plan(source, "planned")
    bench.stores.erasures.record(Subject.KEPT_OUT, "docs/notes.md", "ann", {})
    bench.pipeline.process(source, "planned", range(plan.shards))
    bench.pipeline.commit("planned")
    bench.pipeline.verify("planned")

    assert list(bench.texts()) == ["docs/plans.md"]
    assert bench.documents.get(document_id("docs/notes.md")) is None


def test_deletion_reaches_what_a_killed_run_has_staged(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.ingest()
    bench.write("notes.md", PLANS)
    plan = bench.pipeline.plan(bench.source(), "killed")
    bench.pipeline.process(bench.source(), "killed", range(plan.shards))

    assert bench.delete("docs/notes.md")["staging"] == 1
    staged = b"".join(path.read_bytes() for path in bench.home.glob("staging/**/*") if path.is_file())
    assert b"second office" not in staged


def test_deletion_reaches_collections_that_are_kept_for_rollback(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    bench.ingest()
    first = bench.spec.name
    bench.splitter = StructureSplitter(bench.embedder, 50, "other")
    bench.ingest()
    assert bench.index.collections() == sorted([first, bench.spec.name])

    receipt = bench.delete("docs/notes.md")

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


def test_permissions_default_to_nothing() -> None:
    assert Permissions() == Permissions(mass_delete=False, relocated=False)
