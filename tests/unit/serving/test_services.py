"""One process, several embedders: each release is answered with the one that made its index, and no other is loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import CollectionMismatchError
from core.release import CollectionRef, Release
from core.storage.embedders import EmbedderRepository, RegisteredEmbedder
from core.types import AccessScope, CollectionSpec
from serving.answerer import Question
from serving.factory import Services, build_answerer
from tests.fakes import FakeEmbedder
from tests.support.app_world import World
from tests.support.home import make_home

QUESTION = Question("How many days of holiday has every employee each year?", AccessScope.everything(), "cli")


class OtherEmbedder(FakeEmbedder):
    name = "other"
    fingerprint = hashlib.sha256(b"other embedder").hexdigest()
    dimensions = 32


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(make_home(tmp_path)).ingest()
    yield world
    world.database.close()


def release_over(world: World, spec: CollectionSpec) -> Release:
    """The world's release, but with another index."""
    assert world.release is not None
    manifest = world.release.manifest.model_copy(update={"collection": CollectionRef.of(spec)})
    return world.release.model_copy(update={"id": manifest.id, "manifest": manifest})


async def test_a_release_is_answered_with_the_embedder_that_made_its_index(world: World) -> None:
    other = OtherEmbedder()
    spec = CollectionSpec("other", other.fingerprint, other.dimensions, "paragraphs", "1")
    _fill(world, spec, other)
    world.services._embedders.add(other)
    world.embedder.embedded.clear()
    other.embedded.clear()

    answer = await build_answerer(world.services, release_over(world, spec)).ask(QUESTION)

    assert "thirty days" in answer.text
    assert answer.retrieval.collection == spec.name
    assert QUESTION.text in other.embedded
    assert world.embedder.embedded == []


def test_the_settings_embedder_is_not_loaded_for_a_champion_that_another_made(world: World) -> None:
    """A second model is memory that a process which answers should not spend."""
    services = Services(world.settings, world.database, world.index)
    services._embedders.add(world.embedder)
    world.embedder.embedded.clear()

    services.warm_up()
    build_answerer(services, release_over(world, world.spec))

    assert world.embedder.embedded == ["ready"]
    assert set(services._embedders._loaded) == {world.embedder.fingerprint}


def test_a_release_whose_embedder_has_changed_on_disk_is_refused(world: World, tmp_path: Path) -> None:
    spec = CollectionSpec("lost", "f" * 64, 32, "paragraphs", "1")
    EmbedderRepository(world.database).save(RegisteredEmbedder("f" * 64, "lost", str(tmp_path / "lost")))

    with pytest.raises(CollectionMismatchError, match="no longer in") as refusal:
        build_answerer(world.services, release_over(world, spec))
    assert "ragloop index rebuild" in refusal.value.hint


def test_a_process_starts_although_the_champions_embedder_is_gone(world: World) -> None:
    services = Services(world.settings, world.database, world.index)  # nobody knows where the world's embedder lies

    services.warm_up()

    assert world.release is not None
    with pytest.raises(CollectionMismatchError):
        services.embedder_for(world.release.manifest.collection)


def _fill(world: World, spec: CollectionSpec, embedder: FakeEmbedder) -> None:
    """Index the world's documents once more, as `spec` says."""
    ours = world.spec, world.embedder
    documents = [world.documents.get(summary.id) for summary in world.documents.page()]
    world.spec, world.embedder = spec, embedder
    for document in documents:
        assert document is not None
        world.add(document.uri, document.text, title=document.title, access=document.access)
    world.spec, world.embedder = ours
