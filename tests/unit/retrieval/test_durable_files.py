"""Files that change at once, copies without holes, and a lock that says who holds it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import ConflictError
from retrieval.durable import replace_file, sync_tree
from retrieval.locks import exclusive_lock
from tests.support.sparse_files import copy_sparse

PAGE = 4096


def test_a_replaced_file_has_the_new_content_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "CURRENT"
    replace_file(path, b"1")
    replace_file(path, b"2")
    assert path.read_bytes() == b"2"
    assert [entry.name for entry in tmp_path.iterdir()] == ["CURRENT"]


def test_a_replacement_that_fails_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "CURRENT"
    replace_file(path, b"1")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, b"2")
    assert path.read_bytes() == b"1"
    assert [entry.name for entry in tmp_path.iterdir()] == ["CURRENT"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(blocks=st.lists(st.sampled_from([b"", b"x" * PAGE, b"y" * 100])), tail=st.integers(0, 3 * PAGE))
def test_a_copy_without_holes_has_the_same_bytes(tmp_path: Path, blocks: list[bytes], tail: int) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    with source.open("wb") as file:
        for number, block in enumerate(blocks):
            file.seek(number * 3 * PAGE)
            file.write(block)
        file.truncate(len(blocks) * 3 * PAGE + tail)
    copy_sparse(source, target)
    assert target.read_bytes() == source.read_bytes()


def test_holes_take_no_space_in_the_copy(tmp_path: Path) -> None:
    source = tmp_path / "source"
    with source.open("wb") as file:
        file.truncate(64 << 20)
    copy_sparse(source, tmp_path / "target")
    assert (tmp_path / "target").stat().st_size == 64 << 20
    assert (tmp_path / "target").stat().st_blocks * 512 < 1 << 20


def test_a_tree_is_synced_whatever_it_holds(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_text("x")
    sync_tree(tmp_path)


def test_a_second_holder_waits_and_then_gets_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "a.lock"
    order: list[str] = []

    def second() -> None:
        with exclusive_lock(path, "write", 10):
            order.append("second")

    with exclusive_lock(path, "write", 10):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_waiting_in_vain_names_the_holder(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    waiting = exclusive_lock(path, "write", 0.1)
    with exclusive_lock(path, "write", 10), pytest.raises(ConflictError, match=f"process {os.getpid()}"), waiting:
        pass
    with exclusive_lock(path, "write", 0):
        pass
