"""What the embedded index promises beyond the contract: commits are all or nothing, whatever happens meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from core.errors import CollectionMismatchError, ConflictError, IndexUnavailableError
from core.types import EmbeddedDocument
from retrieval.indexes.edge import EdgeIndex
from tests.support.indexed_documents import (
    EVERYTHING,
    embedded,
    spec_for,
    texts_in,
    vector_of,
)
from tests.support.victims.index_writer import DOCUMENTS, version_of_everything

SPEC = spec_for()
NAME = SPEC.name
PROJECT = Path(__file__).parents[3]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def index(root: Path) -> EdgeIndex:
    index = EdgeIndex(root, writer_wait_seconds=0.2)
    index.ensure(SPEC)
    return index


def generations(root: Path) -> set[str]:
    return {folder.name for folder in (root / NAME / "generations").iterdir()}


def current_folder(root: Path) -> Path:
    return root / NAME / "generations" / (root / NAME / "CURRENT").read_text()


def start_writer(root: Path, first_version: int, pause_at: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.support.victims.index_writer", str(root), str(first_version), str(pause_at)]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


# ---------------------------------------------------------------- commits are all or nothing


def test_a_reader_sees_the_old_content_until_the_commit_is_complete(root: Path, index: EdgeIndex) -> None:
    index.commit(NAME, [embedded("s/a", ["old"]), embedded("s/b", ["old"])], [])
    other_process = EdgeIndex(root)
    seen: list[set[str]] = []

    def upserts() -> Iterator[EmbeddedDocument]:
        yield embedded("s/a", ["new"])
        seen.extend([texts_in(index, NAME), texts_in(other_process, NAME)])
        yield embedded("s/b", ["new"])
        seen.extend([texts_in(index, NAME), texts_in(other_process, NAME)])

    index.commit(NAME, upserts(), [])
    assert seen == [{"old"}] * 4
    assert texts_in(index, NAME) == texts_in(other_process, NAME) == {"new"}


def test_a_commit_that_fails_half_way_changes_nothing_and_leaves_nothing(root: Path, index: EdgeIndex) -> None:
    index.commit(NAME, [embedded("s/a", ["old"])], [])

    def upserts() -> Iterator[EmbeddedDocument]:
        yield embedded("s/a", ["new"])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        index.commit(NAME, upserts(), [])
    assert (texts_in(index, NAME), index.revision(NAME)) == ({"old"}, 1)
    assert generations(root) == {"1"}


def test_a_missing_file_of_the_callers_is_not_taken_for_a_broken_index(index: EdgeIndex, tmp_path: Path) -> None:
    def upserts() -> Iterator[EmbeddedDocument]:
        (tmp_path / "staged shard").read_bytes()
        yield embedded("s/a", ["new"])

    with pytest.raises(FileNotFoundError):
        index.commit(NAME, upserts(), [])


def test_a_killed_writer_leaves_the_previous_generation_readable(root: Path, index: EdgeIndex) -> None:
    index.commit(NAME, version_of_everything(1), [])
    writer = start_writer(root, first_version=2, pause_at=30)
    assert read_line(writer) == "half way"
    with pytest.raises(ConflictError) as conflict:  # the writer holds the collection, and the message says who it is
        index.commit(NAME, [], [])
    assert f"process {writer.pid}" in conflict.value.message
    writer.kill()
    writer.communicate()
    assert generations(root) == {"1", "2"}

    assert index.revision(NAME) == 1
    assert {text.split()[1] for text in texts_in(index, NAME)} == {"1"}
    assert index.commit(NAME, version_of_everything(3), []) == 2  # nothing is locked, and the left-over is replaced
    assert {text.split()[1] for text in texts_in(EdgeIndex(root), NAME)} == {"3"}
    assert generations(root) == {"1", "2"}


def test_killed_at_any_moment_the_collection_is_one_version_of_everything(root: Path, index: EdgeIndex) -> None:
    index.commit(NAME, version_of_everything(0), [])
    for attempt, delay in enumerate((0.0, 0.06, 0.14)):
        writer = start_writer(root, first_version=100 * attempt, pause_at=0)
        published = int(read_line(writer))
        time.sleep(delay)
        writer.kill()
        writer.communicate()
        fresh = EdgeIndex(root)
        texts = [stored.chunk.text for stored, _ in fresh.scroll(NAME)]
        version = int(texts[0].split()[1])
        expected = {f"version {version} part {part}" for part in range(8 + version % 3)}
        assert set(texts) == expected
        assert len(texts) == DOCUMENTS * len(expected)
        assert fresh.revision(NAME) >= published


def test_readers_in_many_threads_see_whole_versions_while_commits_go_on(index: EdgeIndex) -> None:
    index.commit(NAME, version_of_everything(0), [])
    done = threading.Event()

    def read() -> int:
        revision, searches = 0, 0
        while not done.is_set():
            legs = index.search(NAME, "version", vector_of("version"), 1000, EVERYTHING)
            assert len(legs.dense) in {DOCUMENTS * size for size in (8, 9, 10)}
            assert len(legs.sparse) == len(legs.dense)
            assert len({text.split()[1] for text in texts_in(index, NAME)}) == 1
            assert legs.revision >= revision
            revision, searches = legs.revision, searches + 1
            time.sleep(0.03)  # leaves the interpreter to the writer now and then
        return searches

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for version in range(1, 4):
            index.commit(NAME, version_of_everything(version), [])
        done.set()
        assert all(reader.result() >= 2 for reader in readers)


def test_the_generation_before_the_current_one_is_kept_for_its_readers(root: Path, index: EdgeIndex) -> None:
    index.commit(NAME, version_of_everything(1), [])
    rows = index.scroll(NAME)
    next(rows)
    index.commit(NAME, version_of_everything(2), [])
    assert generations(root) == {"1", "2"}
    assert {stored.chunk.text.split()[1] for stored, _ in rows} == {"1"}
    index.commit(NAME, [], [])
    assert generations(root) == {"2", "3"}


def test_one_process_sees_what_another_committed(root: Path, index: EdgeIndex) -> None:
    assert texts_in(index, NAME) == set()
    EdgeIndex(root).commit(NAME, [embedded("s/a", ["alpha"])], [])
    assert texts_in(index, NAME) == {"alpha"}


def test_a_collection_made_again_under_its_name_is_not_mistaken_for_the_old_one(root: Path, index: EdgeIndex) -> None:
    index.commit(NAME, [embedded("s/a", ["old"])], [])
    assert texts_in(index, NAME) == {"old"}
    other = EdgeIndex(root)
    other.drop(NAME)
    other.ensure(SPEC)
    other.commit(NAME, [embedded("s/a", ["new"])], [])
    assert texts_in(index, NAME) == {"new"}


def test_upserts_are_written_as_they_come_and_not_collected(index: EdgeIndex) -> None:
    alive = weakref.WeakSet[EmbeddedVectors]()
    most = 0

    def upserts() -> Iterator[EmbeddedDocument]:
        nonlocal most
        for number in range(100):
            document = embedded(f"s/{number}", [f"text {number} {part}" for part in range(16)])
            vectors = document.vectors.view(EmbeddedVectors)
            alive.add(vectors)
            most = max(most, len(alive))
            yield replace(document, vectors=vectors)

    index.commit(NAME, upserts(), [])
    assert sum(index.chunk_counts(NAME).values()) == 1600
    assert most <= 256 / 16 + 2  # one batch, the document that comes next, and the one the generator still holds


class EmbeddedVectors(np.ndarray):
    """An array that a weak set can hold: equal only to itself."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__  # type: ignore[assignment]


# ---------------------------------------------------------------- damage


def test_a_missing_generation_is_an_error_never_an_empty_result(root: Path, index: EdgeIndex) -> None:
    index.commit(NAME, [embedded("s/a", ["alpha"])], [])
    (root / NAME / "CURRENT").write_text("7")
    with pytest.raises(IndexUnavailableError) as damage:
        index.search(NAME, "alpha", vector_of("alpha"), 5, EVERYTHING)
    assert "generations/7" in damage.value.message
    assert "backup" in damage.value.hint


@pytest.mark.parametrize("content", ["", "latest", "-1"])
def test_a_pointer_that_says_nothing_is_an_error(root: Path, index: EdgeIndex, content: str) -> None:
    (root / NAME / "CURRENT").write_text(content)
    with pytest.raises(IndexUnavailableError):
        index.revision(NAME)


def test_any_missing_or_shortened_file_is_an_error(root: Path, index: EdgeIndex) -> None:
    index.commit(NAME, [embedded("s/a", ["alpha"])], [])
    read = (current_folder(root), root / NAME / "segments")
    files = [path for folder in read for path in sorted(folder.rglob("*")) if path.is_file()]
    assert len(files) > 20
    for path in files:
        content = path.read_bytes()
        for harm in (path.unlink, lambda path=path: path.write_bytes(b"")):
            if content or harm == path.unlink:
                harm()
                with pytest.raises(IndexUnavailableError):
                    EdgeIndex(root).chunk_counts(NAME)
            path.write_bytes(content)
    assert texts_in(EdgeIndex(root), NAME) == {"alpha"}


def test_fewer_readable_chunks_than_were_written_is_an_error(root: Path, index: EdgeIndex) -> None:
    index.commit(NAME, [embedded("s/a", ["alpha"])], [])
    (manifest,) = (root / NAME / "segments").glob("*/segment.json")
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"chunks": 2}))
    with pytest.raises(IndexUnavailableError, match="1 of 2 chunks"):
        EdgeIndex(root).search(NAME, "alpha", vector_of("alpha"), 5, EVERYTHING)


def test_a_collection_of_a_later_layout_is_not_guessed_at(root: Path, index: EdgeIndex) -> None:
    manifest = current_folder(root) / "collection.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"layout_version": 3}))
    with pytest.raises(IndexUnavailableError):
        index.spec(NAME)


def test_a_collection_that_says_it_has_another_embedder_is_refused(root: Path, index: EdgeIndex) -> None:
    path = current_folder(root) / "collection.json"
    manifest = json.loads(path.read_text())
    manifest["spec"]["embedder_fingerprint"] = "f" * 64
    path.write_text(json.dumps(manifest))
    with pytest.raises(CollectionMismatchError, match="embedder_fingerprint"):
        index.ensure(SPEC)


def test_a_full_disk_is_an_error_before_anything_is_written(
    root: Path, index: EdgeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.indexes.disk._SPARE_BYTES", 1 << 60)
    with pytest.raises(IndexUnavailableError) as full:
        index.commit(NAME, [embedded("s/a", ["alpha"])], [])
    assert "RAGLOOP_HOME" in full.value.hint
    assert generations(root) == {"0"}


def test_a_small_collection_takes_little_of_the_disk() -> None:
    with TemporaryDirectory(dir="/var/tmp") as folder:  # a disk: where files lie in memory, reading a hole fills it
        index = EdgeIndex(Path(folder), writer_wait_seconds=0.2)
        index.ensure(SPEC)
        index.commit(NAME, [embedded("s/a", ["alpha"])], [])
        index.close()
        files = [path.stat() for path in (Path(folder) / NAME).rglob("*") if path.is_file()]
    assert sum(status.st_blocks * 512 for status in files) < 4 << 20 < sum(status.st_size for status in files)


# ---------------------------------------------------------------- what was deleted


def test_a_purge_leaves_nothing_of_deleted_documents_in_any_file(index: EdgeIndex, root: Path) -> None:
    def holders(word: bytes) -> list[Path]:
        return [path for path in root.rglob("*") if path.is_file() and word in path.read_bytes()]

    index.commit(NAME, [embedded(f"s/{number}.md", [f"filler number {number}"]) for number in range(50)], [])
    secret = embedded("s/secret.md", ["xylophonquartz is the word"])
    index.commit(NAME, [secret], [])
    index.commit(NAME, [], [secret.document_id])
    assert holders(b"xylophonquartz")  # the engine only marks what is deleted
    index.purge(NAME)
    assert holders(b"xylophonquartz") == holders(secret.document_id.encode()) == []
    assert len(texts_in(index, NAME)) == 50
    assert len(generations(root)) == 1
