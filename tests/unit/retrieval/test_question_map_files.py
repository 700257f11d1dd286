"""Question maps on disk: kept whole under their hash, and refused when they are not what they were."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from core.errors import ConflictError
from retrieval.question_map import QuestionMap, learned
from retrieval.question_map_files import QuestionMapFiles
from tests.fakes import FakeEmbedder

EMBEDDER = FakeEmbedder()


def taught() -> QuestionMap:
    texts = ["how long is leave", "where is coffee", "who pays trains"]
    return learned(EMBEDDER.embed(texts), EMBEDDER.embed(["sixteen weeks", "in the kitchen", "the office"]), 1.0)


@pytest.fixture
def files(tmp_path: Path) -> QuestionMapFiles:
    return QuestionMapFiles(tmp_path / "question-maps")


def stored(files: QuestionMapFiles, **arrays: object) -> str:
    """A file with these arrays in it, under its own hash."""
    buffer = BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    name = hashlib.sha256(buffer.getvalue()).hexdigest()
    files.folder.mkdir(exist_ok=True)
    (files.folder / f"{name}.npz").write_bytes(buffer.getvalue())
    return name


def test_a_map_is_read_as_it_was_kept(files: QuestionMapFiles) -> None:
    kept = taught()
    found = files.get(files.add(kept, EMBEDDER), EMBEDDER)
    for name in ("centre", "known", "moves"):
        assert np.array_equal(getattr(found, name), getattr(kept, name))


def test_the_same_map_has_the_same_name_and_leaves_one_file(files: QuestionMapFiles) -> None:
    assert files.add(taught(), EMBEDDER) == files.add(taught(), EMBEDDER)
    assert len(list(files.folder.iterdir())) == 1


def test_a_map_that_is_missing_or_has_changed_is_refused_with_what_to_do(files: QuestionMapFiles) -> None:
    with pytest.raises(ConflictError, match="There is no question map") as missing:
        files.get("a" * 64, EMBEDDER)
    assert "release rollback" in missing.value.hint
    name = files.add(taught(), EMBEDDER)
    path = files.folder / f"{name}.npz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ConflictError, match="is not what it was"):
        files.get(name, EMBEDDER)


def test_another_embedders_map_is_refused(files: QuestionMapFiles) -> None:
    other = FakeEmbedder()
    other.fingerprint = "f" * 64
    with pytest.raises(ConflictError, match="made for another embedder"):
        files.get(files.add(taught(), other), EMBEDDER)


@pytest.mark.parametrize("spoilt", ["centre", "known", "moves"])
@pytest.mark.parametrize("how", ["missing", "infinite", "short", "pickled"])
def test_a_file_of_something_else_is_refused(files: QuestionMapFiles, spoilt: str, how: str) -> None:
    kept = taught()
    arrays: dict[str, object] = {
        "embedder": np.array(EMBEDDER.fingerprint), "centre": kept.centre, "known": kept.known, "moves": kept.moves,
    }  # fmt: skip
    array = getattr(kept, spoilt)
    arrays[spoilt] = {
        "infinite": np.full_like(array, np.inf),
        "short": array[:-1],
        "pickled": np.array([object()]),
    }.get(how)
    if how == "missing":
        del arrays[spoilt]
    with pytest.raises(ConflictError, match="holds no question map"):
        files.get(stored(files, **arrays), EMBEDDER)


def test_a_file_that_is_no_archive_is_refused(files: QuestionMapFiles) -> None:
    files.folder.mkdir()
    name = hashlib.sha256(b"not an archive").hexdigest()
    (files.folder / f"{name}.npz").write_bytes(b"not an archive")
    with pytest.raises(ConflictError, match="holds no question map"):
        files.get(name, EMBEDDER)
