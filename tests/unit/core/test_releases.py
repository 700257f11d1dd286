"""A release is its manifest, named by its hash; the champion is one pointer."""

from __future__ import annotations

import threading

import pytest
from pydantic import ValidationError

from core.release import (
    AbstentionModel,
    CollectionRef,
    GeneratorSpec,
    Guards,
    PromptRef,
    ReleaseManifest,
    RetrievalParameters,
)
from core.storage.database import Database
from core.storage.releases import ReleaseRepository
from core.types import CollectionSpec

SPEC = CollectionSpec("model", "e" * 64, 384, "structure", "s" * 64)


def manifest(**retrieval: float) -> ReleaseManifest:
    return ReleaseManifest(
        prompts={"answer": PromptRef(version=1, sha256="p" * 64)},
        collection=CollectionRef.of(SPEC),
        retrieval=RetrievalParameters(**retrieval),  # type: ignore[arg-type]
        generator=GeneratorSpec(),
        guards=Guards(abstention=AbstentionModel(weights={"dense": 1.0}, bias=0.0, threshold=0.5, fitted_on="x")),
    )


def test_equal_manifests_are_one_release_and_any_change_is_another() -> None:
    assert manifest().id == manifest().id
    assert manifest(top_k=9).id != manifest().id


def test_a_manifest_survives_storage_with_its_hash(database: Database) -> None:
    release = ReleaseRepository(database).install_first(manifest(), "me", "test")
    assert release.id == release.manifest.id == manifest().id
    assert release.manifest.collection.spec == SPEC


def test_a_manifest_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        manifest().retrieval.top_k = 3  # type: ignore[misc]


def test_there_is_no_champion_before_the_first_release(database: Database) -> None:
    assert ReleaseRepository(database).champion() is None


def test_a_release_is_found_by_the_beginning_of_its_id_if_that_is_unique(database: Database) -> None:
    repository = ReleaseRepository(database)
    release = repository.install_first(manifest(), "me", "test")
    assert repository.get(release.id[:8]) == release
    assert repository.get("%") is None
    assert repository.get("zzz") is None


def test_the_first_release_stays_champion_when_others_try_to_be_first(database: Database) -> None:
    repository = ReleaseRepository(database)
    first = repository.install_first(manifest(), "me", "test")
    assert repository.install_first(manifest(top_k=3), "other", "late").id == first.id


def test_processes_that_start_at_once_agree_on_one_champion(database: Database) -> None:
    repository = ReleaseRepository(database)
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda k=k: found.append(repository.install_first(manifest(top_k=k), "me", "t").id))
        for k in range(1, 6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 5
    assert len(set(found)) == 1
