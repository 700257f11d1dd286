"""A rebuild: what the new index holds, that the live one is left alone, and what happens to documents meanwhile."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from core.errors import ConflictError, IndexUnavailableError
from core.types import DocumentState, ManifestEntry, Vector, document_id
from retrieval.locks import exclusive_lock
from tests.fakes import FakeEmbedder, InMemoryIndex
from tests.support.ingestion_pipeline import NOTES, PLANS, Workbench, counts

LONG = "# Guide\n\n" + "\n\n".join(f"## Part {part}\n\n" + f"word{part} and more. " * 12 for part in range(4))


class OtherEmbedder(FakeEmbedder):
    """Another model: other name, other dimensions, other vectors."""

    name = "other"
    fingerprint = hashlib.sha256(b"other embedder").hexdigest()
    dimensions = 32


@pytest.fixture
def full(bench: Workbench) -> Workbench:
    """Three documents in the live index, one of them long and for the board."""
    bench.write("notes.md", NOTES)
    bench.write("plans.md", PLANS)
    bench.ingest()
    board = bench.docs.parent / "board"
    board.mkdir()
    (board / "guide.md").write_text(LONG)
    bench.ingest(bench.source("board", ("board",), board))
    return bench


def rows(bench: Workbench, collection: str) -> dict[str, ManifestEntry]:
    return bench.documents.entries(collection)


def chunk_numbers(entries: dict[str, ManifestEntry]) -> dict[str, int]:
    return {entry.uri: entry.chunks for entry in entries.values()}


# -- what is built


def test_the_new_index_holds_the_same_documents_in_other_chunks(full: Workbench) -> None:
    rebuild = full.rebuild(tokens=30)

    report = rebuild.run()

    name = rebuild.spec.name
    assert counts(report) == (3, 0, 0, 0, 0)
    assert report["collection"] == name
    assert full.index.spec(name) == rebuild.spec
    texts, live = full.texts(name), full.texts()
    assert texts.keys() == live.keys()
    assert len(texts["board/guide.md"]) > len(live["board/guide.md"])
    for stored, _ in full.index.scroll(name):
        document = full.documents.get(stored.chunk.document_id)
        assert document is not None
        assert stored.chunk.text == document.text[stored.chunk.start : stored.chunk.end]
        assert stored.access == document.access == (("board",) if stored.source == "board" else ("public",))
    assert report["verified"] == {"documents": 3, "chunks": sum(map(len, texts.values())), "embedded": 14}


def test_the_live_index_and_its_manifest_are_not_touched(full: Workbench) -> None:
    before = full.content(), full.index.revision(full.spec.name), rows(full, full.spec.name)

    full.rebuild().run()

    assert (full.content(), full.index.revision(full.spec.name), rows(full, full.spec.name)) == before


def test_its_manifest_is_the_live_ones_but_for_the_number_of_chunks(full: Workbench) -> None:
    rebuild = full.rebuild()
    rebuild.run()

    ours, live = rows(full, rebuild.spec.name), rows(full, full.spec.name)
    assert {key: replace(entry, chunks=0) for key, entry in ours.items()} == {
        key: replace(entry, chunks=0) for key, entry in live.items()
    }
    assert chunk_numbers(ours) == {uri: len(texts) for uri, texts in full.texts(rebuild.spec.name).items()}


def test_once_it_is_live_ingestion_goes_on_from_where_it_stands(full: Workbench) -> None:
    rebuild = full.rebuild(tokens=30)
    rebuild.run()
    full.splitter = rebuild.splitter  # as after a promotion: this is what the installation fills now
    full.embedder.embedded.clear()

    assert full.spec == rebuild.spec
    assert counts(full.ingest()) == (0, 0, 2, 0, 0)
    assert full.embedder.embedded == []


def test_another_embedder_embeds_everything_once(full: Workbench) -> None:
    other = OtherEmbedder()
    rebuild = full.rebuild(tokens=60, embedder=other)

    report = rebuild.run()

    assert report["chunks"]["embedded"] == report["chunks"]["written"] == 6
    assert {vector.shape for _, vector in full.index.scroll(rebuild.spec.name)} == {(32,)}
    other.embedded.clear()
    assert rebuild.run()["chunks"]["embedded"] == 0
    assert other.embedded == []


# -- again


def test_run_again_it_loads_no_model_and_commits_nothing(full: Workbench) -> None:
    rebuild = full.rebuild()
    rebuild.run()
    revision = full.index.revision(rebuild.spec.name)
    again = replace(rebuild, open_embedder=_no_model)

    report = again.run()

    assert counts(report) == (0, 0, 3, 0, 0)
    assert full.index.revision(rebuild.spec.name) == revision
    assert report["verified"]["documents"] == 3


def test_run_again_it_is_brought_up_to_date(full: Workbench) -> None:
    rebuild = full.rebuild()
    rebuild.run()
    full.write("notes.md", "# Notes\n\nThe kettle is in the cellar now.\n")
    full.write("new.md", "# New\n\nSomething new.\n")
    (full.docs / "plans.md").unlink()
    full.ingest()

    assert counts(rebuild.run()) == (1, 1, 1, 1, 0)

    assert full.texts(rebuild.spec.name).keys() == full.texts().keys()
    assert full.texts(rebuild.spec.name)["docs/notes.md"] == ["# Notes\n\nThe kettle is in the cellar now."]
    assert full.documents.get(document_id("docs/plans.md")) is None  # no index needs its text any more


def test_a_text_stays_as_long_as_one_index_needs_it(full: Workbench) -> None:
    full.rebuild().run()
    (full.docs / "plans.md").unlink()
    full.ingest()

    assert full.documents.get(document_id("docs/plans.md")) is not None


def test_what_the_new_index_lost_is_built_again(full: Workbench) -> None:
    rebuild = full.rebuild()
    rebuild.run()
    full.index.commit(rebuild.spec.name, [], [document_id("docs/notes.md")])

    assert counts(rebuild.run()) == (0, 1, 2, 0, 0)


# -- meanwhile


def test_what_is_ingested_while_it_is_built_is_caught_up_with(full: Workbench) -> None:
    rebuild = full.rebuild()
    run_id = "run"
    plan = rebuild.plan(run_id)
    rebuild.process(run_id, range(plan.shards))
    full.write("notes.md", "# Notes\n\nThe kettle is in the cellar now.\n")
    full.write("new.md", "# New\n\nSomething new.\n")
    full.ingest()
    rebuild.commit(run_id)
    (full.docs / "plans.md").unlink()
    full.ingest()

    verified = rebuild.verify(run_id)

    assert verified.documents == 3
    assert rebuild.report(run_id)["caught_up"] == 3
    texts = full.texts(rebuild.spec.name)
    assert texts.keys() == full.texts().keys()
    assert texts["docs/notes.md"] == ["# Notes\n\nThe kettle is in the cellar now."]


def test_a_document_that_fails_while_it_is_built_is_no_difference(full: Workbench) -> None:
    rebuild = full.rebuild()
    plan = rebuild.plan("run")
    rebuild.process("run", range(plan.shards))
    rebuild.commit("run")
    full.write("broken.md", b"")
    full.ingest()

    assert rebuild.verify("run").documents == 3
    assert [failure["uri"] for failure in rebuild.report("run")["failures"]] == ["docs/broken.md"]


def test_what_is_erased_while_it_is_built_does_not_come_back(full: Workbench) -> None:
    rebuild = full.rebuild()
    plan = rebuild.plan("run")
    rebuild.process("run", range(plan.shards))
    # Erased without a look at the staged files: as if this shard had been written a moment later.
    full.documents.remove([document_id("docs/plans.md")])
    full.documents.remove_entries(full.spec.name, [document_id("docs/plans.md")])
    full.index.commit(full.spec.name, [], [document_id("docs/plans.md")])
    rebuild.commit("run")

    assert "docs/plans.md" not in full.texts(rebuild.spec.name)
    assert "docs/plans.md" not in chunk_numbers(rows(full, rebuild.spec.name))
    rebuild.verify("run")


def test_an_erasure_reaches_every_index(full: Workbench) -> None:
    rebuild = full.rebuild()
    rebuild.run()

    full.delete("board/guide.md")

    for name in (rebuild.spec.name, full.spec.name):
        assert "board/guide.md" not in full.texts(name)
        assert "board/guide.md" not in chunk_numbers(rows(full, name))
    rebuild.run()


def test_its_steps_may_run_in_other_processes(full: Workbench) -> None:
    plan = full.rebuild().plan("run")
    full.rebuild().process("run", range(plan.shards))
    full.rebuild().process("run", range(plan.shards))  # tried again
    full.rebuild().commit("run")
    full.rebuild().commit("run")
    full.rebuild().verify("run")
    report = full.rebuild().report("run")

    assert counts(report) == (3, 0, 0, 0, 0)
    assert list((full.home / "staging").iterdir()) == []


def test_a_promotion_between_the_steps_stops_the_run(full: Workbench) -> None:
    full.rebuild(tokens=30).plan("run")
    other = full.rebuild(tokens=40)

    for step in (lambda: other.process("run", [0]), lambda: other.commit("run")):
        with pytest.raises(ConflictError, match="Another release was promoted"):
            step()


# -- documents whose ingestion fell behind


def test_documents_that_failed_stay_as_they_are_in_the_live_index(full: Workbench) -> None:
    full.write("notes.md", b"")  # its earlier version stays searchable
    full.write("broken.md", b"")
    full.ingest()
    rebuild = full.rebuild()

    report = rebuild.run()

    assert [failure["uri"] for failure in report["failures"]] == ["docs/broken.md"]
    assert full.texts(rebuild.spec.name)["docs/notes.md"] == [NOTES.strip()]
    ours = {entry.uri: entry for entry in rows(full, rebuild.spec.name).values()}
    assert [(ours[f"docs/{name}.md"].state, ours[f"docs/{name}.md"].chunks) for name in ("notes", "broken")] == [
        (DocumentState.FAILED, 1),
        (DocumentState.FAILED, 0),
    ]
    assert counts(rebuild.run())[:4] == (0, 0, 3, 0)


class _Killed(Exception):
    pass


def interrupt(bench: Workbench, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Ingest, and die before (`commit`) or after (`save`) the index has changed."""

    def die(*_arguments: object) -> None:
        raise _Killed

    with monkeypatch.context() as patch:
        patch.setattr(bench.index if where == "commit" else bench.documents, where, die)
        with pytest.raises(_Killed):
            bench.ingest()


def test_an_interrupted_ingestion_that_changed_nothing_yet_is_no_obstacle(
    full: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    full.write("notes.md", "# Notes\n\nThe kettle is in the cellar now.\n")
    interrupt(full, monkeypatch, "commit")
    rebuild = full.rebuild()

    report = rebuild.run()

    assert report["failures"] == []
    assert full.texts(rebuild.spec.name)["docs/notes.md"] == [NOTES.strip()]
    assert rows(full, rebuild.spec.name)[document_id("docs/notes.md")].state is DocumentState.PENDING
    full.splitter = rebuild.splitter
    assert counts(full.ingest()) == (0, 1, 1, 0, 0)  # once it is live, ingestion finishes what was interrupted


def test_a_document_whose_text_and_index_differ_is_left_out_and_named(
    full: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuild = full.rebuild()
    rebuild.run()
    full.write("notes.md", "# Notes\n\nThe kettle is in the cellar now.\n")
    interrupt(full, monkeypatch, "save")

    report = rebuild.run()

    assert [(one["uri"], "ragloop ingest" in one["reason"]) for one in report["failures"]] == [("docs/notes.md", True)]
    assert "docs/notes.md" not in full.texts(rebuild.spec.name)
    full.ingest()
    assert rebuild.run()["failures"] == []
    assert full.texts(rebuild.spec.name)["docs/notes.md"] == ["# Notes\n\nThe kettle is in the cellar now."]


def test_if_the_live_index_is_behind_the_texts_the_newest_text_is_taken(full: Workbench) -> None:
    ahead = full.rebuild(tokens=30)
    ahead.run()
    behind, full.splitter = full.splitter, ahead.splitter  # promoted, ingested into, and rolled back
    full.write("notes.md", "# Notes\n\nThe kettle is in the cellar now.\n")
    full.ingest()
    full.splitter = behind
    rebuild = full.rebuild(tokens=40)

    rebuild.run()

    assert full.texts(rebuild.spec.name)["docs/notes.md"] == ["# Notes\n\nThe kettle is in the cellar now."]
    assert counts(rebuild.run()) == (0, 0, 3, 0, 0)
    full.splitter = rebuild.splitter
    assert full.dry_run()["documents"]["changed"] == 1  # once it is live, ingestion looks at the file again


# -- what is refused


def test_an_index_that_is_the_live_one_is_refused_with_what_could_be_different(full: Workbench) -> None:
    rebuild = full.rebuild(tokens=60)
    assert rebuild.spec == full.spec

    for call in (rebuild.run, rebuild.dry_run):
        with pytest.raises(ConflictError) as refusal:
            call()
        assert "--chunk-tokens" in refusal.value.hint


def test_an_index_that_became_live_meanwhile_is_not_written_to(full: Workbench) -> None:
    rebuild = full.rebuild()
    plan = rebuild.plan("run")
    rebuild.process("run", range(plan.shards))

    with pytest.raises(ConflictError):
        replace(rebuild, live=lambda: rebuild.spec).commit("run")
    assert rebuild.spec.name not in full.index.collections()


def test_one_rebuild_at_a_time(full: Workbench) -> None:
    with exclusive_lock(full.home / "rebuild.lock", "rebuild an index", 0), pytest.raises(ConflictError):
        full.rebuild().run()


def test_documents_may_be_ingested_while_it_embeds(full: Workbench) -> None:
    class Busy(OtherEmbedder):
        def embed(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vector:
            if not self.embedded:
                full.write("new.md", "# New\n\nSomething new.\n")
                assert counts(full.ingest()) == (1, 0, 2, 0, 0)
            return super().embed(texts, progress)

    report = full.rebuild(embedder=Busy()).run()

    assert (report["caught_up"], report["verified"]["documents"]) == (1, 4)


def test_a_dry_run_counts_and_writes_nothing(full: Workbench) -> None:
    rebuild = replace(full.rebuild(), open_embedder=_no_model)

    report = rebuild.dry_run()

    assert report["dry_run"]
    assert counts(report) == (3, 0, 0, 0, 0)
    assert full.index.collections() == [full.spec.name]
    assert rows(full, rebuild.spec.name) == {}


def test_an_index_that_is_down_is_an_error(full: Workbench) -> None:
    class Down(InMemoryIndex):
        def commit(self, *_arguments: object) -> int:
            raise IndexUnavailableError("The index is down.")

    full.index = Down()
    with pytest.raises(IndexUnavailableError):
        full.rebuild().run()


def _no_model() -> FakeEmbedder:
    raise AssertionError("the model was loaded")
