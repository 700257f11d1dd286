"""What the embedded index promises of its segments: many of them answer as one, and a change costs what it changes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import IndexUnavailableError
from core.search_filter import DocumentFacts, parse_filter
from core.types import AccessScope, EmbeddedDocument, Hit, document_id
from retrieval.indexes import disk
from retrieval.indexes.document_table import Size
from retrieval.indexes.edge import EdgeIndex
from retrieval.indexes.tiers import SMALL, joined
from tests.support.first_layout import write_first_layout
from tests.support.indexed_documents import EVERYTHING, embedded, spec_for, texts_in, vector_of
from tests.support.victims.segment_writer import change, texts_at

SPEC = spec_for()
NAME = SPEC.name
PROJECT = Path(__file__).parents[3]
WORDS = [
    f"{stem}{end}" for stem in ("lea", "off", "par", "kit", "man", "sal") for end in ("ver", "icor", "tral", "ment")
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def index(root: Path) -> EdgeIndex:
    index = EdgeIndex(root, writer_wait_seconds=0.2)
    index.ensure(SPEC)
    return index


def segments(root: Path) -> set[str]:
    return {folder.name for folder in (root / NAME / "segments").iterdir()}


def made(chance: random.Random, number: int, chunks: int) -> EmbeddedDocument:
    """A document of words of which some are rare, some common, and now and then an identifier."""
    texts = []
    for _ in range(chunks):
        words = [WORDS[min(int(chance.expovariate(0.25)), len(WORDS) - 1)] for _ in range(chance.randint(3, 25))]
        texts.append(" ".join([*words, f"ERR-{chance.randrange(40)}"]))
    access = ("hr",) if number % 3 == 0 else ("public",)
    facts = DocumentFacts(date(2025, 1 + number % 12, 1), {"author": (f"author {number % 4}",)})
    return embedded(f"s{number % 2}/{number}", texts, access=access, version=str(chance.random()), facts=facts)


def history(seed: int) -> list[tuple[list[EmbeddedDocument], list[str]]]:
    """Commits: one that is large, then small ones that add, replace and remove."""
    chance = random.Random(seed)
    commits = [([made(chance, number, chance.randint(1, 9)) for number in range(120)], list[str]())]
    for _ in range(12):
        numbers = chance.sample(range(140), chance.randint(1, 12))
        removed = [document_id(f"s{number % 2}/{number}") for number in chance.sample(range(140), 2)]
        commits.append(([made(chance, number, chance.randint(1, 9)) for number in numbers], removed))
    return commits


def left(commits: Sequence[tuple[list[EmbeddedDocument], list[str]]]) -> dict[str, EmbeddedDocument]:
    documents: dict[str, EmbeddedDocument] = {}
    for upserts, removed in commits:
        documents |= {document.document_id: document for document in upserts}
        for key in removed:
            documents.pop(key, None)
    return documents


def require_same(found: Sequence[Hit], expected: Sequence[Hit]) -> None:
    """The same scores and, but for those that tie with the last, the same chunks."""
    assert [hit.score for hit in found] == pytest.approx([hit.score for hit in expected], abs=1e-4)
    cut = min((hit.score for hit in expected), default=0.0) + 1e-4
    above, wanted = ({hit.chunk_id: hit.score for hit in hits if hit.score > cut} for hits in (found, expected))
    assert above == pytest.approx(wanted, abs=1e-4)


# ---------------------------------------------------------------- many segments answer as one


@pytest.fixture(scope="module", params=[1, 2])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EdgeIndex, ...]]:
    """The same documents after many commits, and written by the first layout, whose engine knew every chunk."""
    commits = history(request.param)
    many = EdgeIndex(tmp_path_factory.mktemp("many"))
    many.ensure(SPEC)
    for upserts, removed in commits:
        many.commit(NAME, upserts, removed)
    folder = tmp_path_factory.mktemp("one")
    write_first_layout(folder, SPEC, left(commits).values(), revision=len(commits))
    return many, EdgeIndex(folder)


SCOPES = [EVERYTHING, AccessScope.of("public"), replace(EVERYTHING, narrowed=parse_filter(["author=author 1"]))]


@pytest.mark.parametrize("scope", SCOPES, ids=["everything", "public", "filtered"])
def test_many_segments_with_replacements_rank_as_one_shard_does(
    both: tuple[EdgeIndex, EdgeIndex], scope: AccessScope
) -> None:
    many, one = both
    chance = random.Random(7)
    for _ in range(15):
        question = " ".join([*chance.sample(WORDS, 3), f"ERR-{chance.randrange(40)}"])
        found, expected = (each.search(NAME, question, vector_of(question), 30, scope) for each in (many, one))
        assert len(expected.sparse) > 5
        require_same(found.dense, expected.dense)
        require_same(found.sparse, expected.sparse)
        assert (found.exact, found.revision) == (expected.exact, expected.revision)


def test_many_segments_hold_what_one_shard_holds(both: tuple[EdgeIndex, EdgeIndex]) -> None:
    many, one = both
    rows, expected = list(many.scroll(NAME)), list(one.scroll(NAME))
    assert [stored for stored, _ in rows] == [stored for stored, _ in expected]
    np.testing.assert_allclose([vector for _, vector in rows], [vector for _, vector in expected], atol=1e-6)
    assert many.chunk_counts(NAME) == one.chunk_counts(NAME)
    for scope in SCOPES:
        assert many.fields(NAME, scope) == one.fields(NAME, scope)
    ids = [stored.chunk.id for stored, _ in expected][::7]
    assert many.fetch(NAME, ids, EVERYTHING) == one.fetch(NAME, ids, EVERYTHING)


def test_a_purge_of_many_segments_changes_no_ranking(both: tuple[EdgeIndex, EdgeIndex]) -> None:
    many, one = both
    many.purge(NAME)
    question = " ".join(WORDS[:5])
    found, expected = (each.search(NAME, question, vector_of(question), 50, EVERYTHING) for each in both)
    require_same(found.sparse, expected.sparse)
    assert many.chunk_counts(NAME) == one.chunk_counts(NAME)


# ---------------------------------------------------------------- what a change costs


def test_a_commit_leaves_the_segments_that_it_does_not_change_as_they_are(root: Path, index: EdgeIndex) -> None:
    index.commit(NAME, [embedded(f"s/{n}", [f"text {n} {part}" for part in range(30)]) for n in range(40)], [])
    before = segments(root)
    texts_in(index, NAME)
    reader = index._readers[NAME]
    index.commit(NAME, [embedded("s/7", ["new"])], [])
    assert segments(root) > before
    assert len(segments(root)) == 2
    assert texts_in(index, NAME) >= {"new"}
    shared = {layer.segment for layer in index._readers[NAME].layers._layers} & {
        layer.segment for layer in reader.layers._layers
    }
    assert len(shared) == 1  # the reader keeps the large one open


def test_removing_documents_writes_no_segment(root: Path, index: EdgeIndex) -> None:
    index.commit(NAME, [embedded(f"s/{n}", ["text"]) for n in range(20)], [])
    before = segments(root)
    index.commit(NAME, [], [document_id("s/3")])
    assert segments(root) == before
    assert len(index.chunk_counts(NAME)) == 19
    index.commit(NAME, [], list(index.chunk_counts(NAME)))
    index.commit(NAME, [], [])
    assert index.chunk_counts(NAME) == {}
    assert segments(root) == set()


def test_a_removed_document_that_comes_back_is_found_again_and_once(index: EdgeIndex) -> None:
    index.commit(NAME, [embedded(f"s/{n}", [f"text {part}" for part in range(30)]) for n in range(40)], [])
    for _ in range(2):
        index.commit(NAME, [], [document_id("s/7")])
        assert document_id("s/7") not in index.chunk_counts(NAME)
        index.commit(NAME, [embedded("s/7", ["back again"])], [])
        assert index.chunk_counts(NAME)[document_id("s/7")] == 1
        found = index.search(NAME, "back again", vector_of("back again"), 2000, EVERYTHING)
        assert len(found.dense) == len({hit.chunk_id for hit in found.dense}) == 39 * 30 + 1


@given(st.lists(st.integers(1, 3000), max_size=60))
def test_segments_stay_few_whatever_is_added(additions: list[int]) -> None:
    sizes: list[Size] = []
    for added in additions:
        taken = joined(sizes, added)
        new = Size(added + sum(sizes[place].live for place in taken), 0)
        sizes = [size for place, size in enumerate(sizes) if place not in taken] + [new]
        total = sum(size.live for size in sizes)
        assert len(sizes) <= 2 + max(0.0, np.log(total / SMALL) / np.log(4))
    assert sum(size.live for size in sizes) == sum(additions)


def test_each_chunk_is_written_a_few_times_only_when_they_come_one_by_one() -> None:
    sizes, written = [Size(100_000, 0)], 0
    for _ in range(20_000):
        taken = joined(sizes, 5)
        new = Size(5 + sum(sizes[place].live for place in taken), 0)
        sizes = [size for place, size in enumerate(sizes) if place not in taken] + [new]
        written += new.live
    assert written / 100_000 < 40


@pytest.mark.parametrize(("size", "expected"), [(Size(1000, 250), set()), (Size(1000, 251), {0}), (Size(0, 9), {0})])
def test_a_segment_is_written_anew_when_a_fifth_of_it_is_dead(size: Size, expected: set[int]) -> None:
    assert joined([size], 1) == expected


# ---------------------------------------------------------------- the first layout, and a full disk


def test_a_collection_of_the_first_layout_is_read_and_taken_over_by_the_next_commit(root: Path) -> None:
    documents = left(history(3))
    write_first_layout(root, SPEC, documents.values(), revision=4)
    index = EdgeIndex(root)
    index.ensure(SPEC)
    question = " ".join(WORDS[:4])
    before = index.search(NAME, question, vector_of(question), 50, EVERYTHING)
    assert (before.revision, len(before.sparse)) == (4, 50)
    assert index.commit(NAME, [], []) == 5
    after = index.search(NAME, question, vector_of(question), 50, EVERYTHING)
    require_same(after.dense, before.dense)
    require_same(after.sparse, before.sparse)
    assert index.chunk_counts(NAME) == {key: len(document.chunks) for key, document in documents.items()}
    index.commit(NAME, [embedded("s/new", ["new"])], [next(iter(documents))])
    assert not (root / NAME / "generations" / "4").exists()
    assert len(index.chunk_counts(NAME)) == len(documents)


def test_a_damaged_collection_of_the_first_layout_is_an_error(root: Path) -> None:
    write_first_layout(root, SPEC, [embedded("s/a", ["alpha"])], revision=1)
    next((root / NAME).rglob("*.mmap"), next((root / NAME).rglob("*.dat"))).unlink()
    with pytest.raises(IndexUnavailableError, match="missing"):
        EdgeIndex(root).chunk_counts(NAME)


def test_a_disk_that_fills_up_while_a_commit_writes_ends_in_a_sentence(
    root: Path, index: EdgeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.commit(NAME, [embedded("s/a", ["old"])], [])

    def upserts() -> Iterator[EmbeddedDocument]:
        yield embedded("s/a", [f"new {number}" for number in range(300)])
        monkeypatch.setattr(disk, "_SPARE_BYTES", 1 << 60)
        yield embedded("s/b", ["new"])

    before = segments(root)
    with pytest.raises(IndexUnavailableError, match="MB left"):
        index.commit(NAME, upserts(), [])
    assert (texts_in(index, NAME), segments(root)) == ({"old"}, before)


# ---------------------------------------------------------------- kill -9


def killed_after(root: Path, seconds: float) -> int:
    """Commits to the index in a process that is killed so long after its first; returns the last it said it made."""
    command = [sys.executable, "-m", "tests.support.victims.segment_writer", str(root)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        revisions = [writer.stdout.readline()]
        time.sleep(seconds)
        writer.kill()
        revisions += writer.stdout.readlines()
    return int(revisions[-1])


def require_whole(root: Path, at_least: int) -> None:
    """The index is one revision's content, for a fresh reader, and the next commit works and leaves nothing over."""
    index = EdgeIndex(root, writer_wait_seconds=5)
    revision = index.revision(NAME)
    assert revision >= at_least
    rows = [stored.chunk.text for stored, _ in index.scroll(NAME)]
    assert len(rows) == len(set(rows)) == sum(index.chunk_counts(NAME).values())
    assert set(rows) == texts_at(revision)
    assert index.commit(NAME, *change(revision + 1)) == revision + 1
    assert texts_in(EdgeIndex(root), NAME) == texts_at(revision + 1)
    index.commit(NAME, *change(revision + 2))
    kept = {folder.name for folder in (root / NAME / "generations").iterdir()}
    assert kept == {str(revision + 1), str(revision + 2)}
    assert len(segments(root)) <= 6


def test_killed_at_any_moment_of_small_commits_the_index_is_one_revision(root: Path, index: EdgeIndex) -> None:
    index.commit(NAME, *change(1))
    chance = random.Random(5)
    for _ in range(3):
        require_whole(root, killed_after(root, chance.uniform(0.0, 0.6)))


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_killed_twenty_times_the_index_is_one_revision_each_time(root: Path, index: EdgeIndex) -> None:
    index.commit(NAME, *change(1))
    chance = random.Random(int(os.environ.get("TEST_KILL_SEED", "6")))
    for _ in range(int(os.environ.get("TEST_KILLS", "20"))):
        require_whole(root, killed_after(root, chance.uniform(0.0, 1.0)))


def test_living_chunks_behind_many_dead_ones_of_a_segment_are_found(root: Path, index: EdgeIndex) -> None:
    best = [embedded(f"s/best-{n}", [f"leaver {part}" for part in range(30)]) for n in range(5)]
    others = [embedded(f"s/{n}", [f"leaver among many other words {part}" for part in range(30)]) for n in range(35)]
    index.commit(NAME, [*best, *others], [])
    index.commit(NAME, [embedded(f"s/best-{n}", ["canteen"]) for n in range(5)], [])
    assert len(segments(root)) == 2

    found = index.search(NAME, "leaver", vector_of("leaver"), 20, EVERYTHING)

    assert len(found.sparse) == len(found.dense) == 20
    fetched = index.fetch(NAME, [hit.chunk_id for hit in found.sparse], EVERYTHING)
    assert len(fetched) == 20
    assert all("among" in one.chunk.text for one in fetched)
