"""What a rebuild has to do: whatever it finds, doing it leaves nothing to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from core.storage.documents import StoredVersion
from core.types import DocumentState, ManifestEntry, document_id
from ingestion.plan import Diff
from ingestion.rebuild.plan import rebuild_diff, rebuilt_entry

URIS = [f"docs/{name}.md" for name in "abcd"]
ACCESS = st.sampled_from([("public",), ("board",)])
VERSIONS = st.sampled_from(["v1", "v2"])


@dataclass
class World:
    """Both manifests, the stored texts and the new index's chunk counts, by document id."""

    live: dict[str, ManifestEntry]
    ours: dict[str, ManifestEntry]
    stored: dict[str, StoredVersion]
    indexed: dict[str, int]
    certain: set[str]


@st.composite
def entries(draw: st.DrawFn, uri: str) -> ManifestEntry:
    state = draw(st.sampled_from(DocumentState))
    chunks = draw(st.integers(0 if state is not DocumentState.INDEXED else 1, 2))
    return ManifestEntry(
        document_id(uri), uri, "docs", draw(st.sampled_from(["", "e1", "e2"])), draw(VERSIONS) if chunks else "", "c",
        state, chunks, draw(ACCESS),
    )  # fmt: skip


@st.composite
def worlds(draw: st.DrawFn) -> World:
    def some(strategy_of: Mapping[str, st.SearchStrategy]) -> dict:
        return {document_id(uri): draw(strategy_of[uri]) for uri in draw(st.sets(st.sampled_from(URIS)))}

    versions = st.builds(StoredVersion, VERSIONS, ACCESS, st.just(10))
    return World(
        live=some({uri: entries(uri) for uri in URIS}),
        ours=some({uri: entries(uri) for uri in URIS}),
        stored=some(dict.fromkeys(URIS, versions)),
        indexed=some(dict.fromkeys(URIS, st.integers(1, 2))),
        certain=draw(st.sets(st.sampled_from([document_id(uri) for uri in URIS]))),
    )


def difference(world: World) -> Diff:
    return rebuild_diff(world.live, world.ours, world.stored, world.indexed, world.certain)


def carry_out(world: World) -> World:
    """The world after a rebuild, every document of which has two chunks."""
    found = difference(world)
    ours, indexed = dict(world.ours), dict(world.indexed)
    for entry in found.vanished:
        ours.pop(entry.document_id, None)
        indexed.pop(entry.document_id, None)
    for planned in found.work:
        key = planned.item.document_id
        version = world.stored[key]
        ours[key] = rebuilt_entry(world.live[key], version.content_sha256, version.access, chunks=2)
        indexed[key] = 2
    ours.update({entry.document_id: entry for entry in found.settled})
    return replace(world, ours=ours, indexed=indexed)


@given(worlds())
def test_doing_it_leaves_nothing_to_do(world: World) -> None:
    again = difference(carry_out(world))

    assert again.work == ()
    assert again.vanished == ()


@given(worlds())
def test_afterwards_both_manifests_list_the_same_documents(world: World) -> None:
    assert carry_out(world).ours.keys() == world.live.keys()


@given(worlds())
def test_what_has_chunks_is_the_stored_version_with_its_access_labels(world: World) -> None:
    for key, entry in carry_out(world).ours.items():
        if entry.chunks:
            assert (entry.content_sha256, entry.access) == (world.stored[key].content_sha256, world.stored[key].access)


@given(worlds())
def test_nothing_that_is_in_doubt_has_chunks(world: World) -> None:
    for key, entry in carry_out(world).ours.items():
        if world.live[key].state is DocumentState.PENDING and key not in world.certain:
            assert entry.chunks == 0


@given(worlds())
def test_ingestion_looks_again_at_files_of_which_another_version_was_taken(world: World) -> None:
    for key, entry in carry_out(world).ours.items():
        live = world.live[key]
        if entry.chunks and (entry.content_sha256, entry.access) != (live.content_sha256, live.access):
            assert entry.etag == ""
