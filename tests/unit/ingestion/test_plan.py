"""The difference between a source and the manifest."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConflictError
from core.types import DocumentState, ManifestEntry, SourceItem
from ingestion.plan import Diff, PlannedItem, diff, groups, refuse_mass_deletion, shards


def item(name: str, etag: str = "1", access: tuple[str, ...] = ("public",)) -> SourceItem:
    return SourceItem(f"docs/{name}", "docs", etag, 1, access)


def entry(name: str, state: DocumentState = DocumentState.INDEXED, chunks: int = 2, etag: str = "1") -> ManifestEntry:
    one = item(name)
    return ManifestEntry(one.document_id, one.uri, "docs", etag, "a" * 64, "converter", state, chunks, ("public",))


def plan(items: list[SourceItem], entries: list[ManifestEntry], indexed: dict[str, int] | None = None) -> Diff:
    known = {one.document_id: one for one in entries}
    counts = {one.document_id: one.chunks for one in entries} if indexed is None else indexed
    return diff(items, known, "converter", counts)


def test_new_changed_unchanged_and_vanished_documents_are_told_apart() -> None:
    found = plan([item("new"), item("same"), item("other", "2")], [entry("same"), entry("other"), entry("gone")])

    assert [(one.item.uri, one.is_new) for one in found.work] == [("docs/new", True), ("docs/other", False)]
    assert found.unchanged == 1
    assert [one.uri for one in found.vanished] == ["docs/gone"]
    assert found.seen == 3


def test_a_changed_document_may_turn_out_to_have_the_same_bytes() -> None:
    (one,) = plan([item("a", "2")], [entry("a")]).work

    assert one.known_sha256 == "a" * 64
    assert not one.reread
    assert one.has_good_version


def test_a_pending_document_is_in_doubt_and_read_again() -> None:
    (one,) = plan([item("a")], [entry("a", DocumentState.PENDING)]).work

    assert one.in_doubt
    assert one.reread
    assert not one.has_good_version


def test_a_document_that_the_index_does_not_hold_is_in_doubt() -> None:
    (one,) = plan([item("a")], [entry("a")], indexed={}).work

    assert one.in_doubt


def test_a_good_version_with_other_labels_may_not_stay() -> None:
    (one,) = plan([item("a", access=("hr",))], [entry("a")]).work

    assert one.reread
    assert not one.has_good_version


def test_a_settled_failure_is_not_tried_again_and_one_of_load_is() -> None:
    settled = replace(entry("a", DocumentState.FAILED, 0), failure_kind="malformed", failure_reason="damaged")
    by_load = replace(entry("b", DocumentState.FAILED, 0), failure_kind="timeout", failure_reason="slow")
    found = plan([item("a"), item("b")], [settled, by_load])

    assert found.settled == (settled,)
    assert [one.item.uri for one in found.work] == ["docs/b"]


@pytest.mark.parametrize(
    ("known", "lost", "refused"), [(20, 20, False), (21, 17, True), (21, 16, False), (100, 80, False)]
)
def test_the_guard_against_mass_deletion(known: int, lost: int, refused: bool) -> None:
    entries = {str(number): entry(str(number)) for number in range(known)}
    vanished = list(entries.values())[:lost]
    if not refused:
        refuse_mass_deletion("docs", entries, vanished)
        return
    with pytest.raises(ConflictError):
        refuse_mass_deletion("docs", entries, vanished)


@given(sizes=st.lists(st.integers(0, 50), max_size=200), documents=st.integers(1, 64), size=st.integers(1, 100))
def test_shards_hold_all_the_work_in_order(sizes: list[int], documents: int, size: int) -> None:
    work = [PlannedItem(replace(item(str(n)), size=bytes_), is_new=True) for n, bytes_ in enumerate(sizes)]
    portions = list(shards(work, documents, size))

    assert [one for portion in portions for one in portion] == work
    assert all(0 < len(portion) <= documents for portion in portions)
    assert all(len(portion) == 1 or sum(one.item.size for one in portion) <= size for portion in portions)


@given(count=st.integers(0, 3000), most=st.integers(1, 32))
def test_groups_hold_all_shards_in_few_tasks_of_equal_size(count: int, most: int) -> None:
    found = groups(count, most)

    assert [number for group in found for number in group] == list(range(count))
    assert len(found) == min(count, most)
    sizes = {len(group) for group in found}
    assert not sizes or max(sizes) - min(sizes) <= 1
