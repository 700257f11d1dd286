"""A release is its manifest, named by its hash; the champion is one pointer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import ValidationError
from sqlalchemy import update

from core.audit_trail import champions
from core.errors import ConflictError, ReleaseUnavailableError
from core.release import (
    GeneratorSpec,
    Release,
    ReleaseEventKind,
    ReleaseManifest,
    ReleaseStatus,
)
from core.storage.database import Database
from core.storage.releases import Decision, ReleaseRepository
from core.storage.tables import releases
from serving.releases.first import READING
from tests.support.manifests import SPEC, manifest


def test_equal_manifests_are_one_release_and_any_change_is_another() -> None:
    assert manifest().id == manifest().id
    assert manifest(top_k=9).id != manifest().id


def test_a_manifest_survives_storage_with_its_hash(database: Database) -> None:
    release = ReleaseRepository(database).install_first(manifest(), "me", "test")
    assert release.id == release.manifest.id == manifest().id
    assert release.manifest.collection.spec == SPEC


def test_a_release_from_before_the_prompt_guard_was_a_setting_keeps_its_id_and_its_guard() -> None:
    stored = manifest().model_dump(mode="json")
    del stored["guards"]["prompt_guard"]
    old = ReleaseManifest.model_validate(stored)
    assert old.id == "74220c534c24faf9955a6f72d0bec6b1b69780fe7c6d4a55b2aacb15353592d2"
    assert old.guards.prompt_guard
    assert old.model_copy(update={"guards": old.guards.model_copy(update={"prompt_guard": False})}).id != old.id


def test_a_release_from_before_there_was_a_choice_of_reading_keeps_its_id_and_reads_as_it_did() -> None:
    stored = manifest().model_dump(mode="json")
    del stored["reading"]
    old = ReleaseManifest.model_validate(stored)
    assert old.id == manifest().id
    assert (old.reading.passages, old.reading.prior, old.reading.whole, old.reading.named) == (5, 0, False, False)
    assert old.model_copy(update={"reading": READING}).id != old.id


def test_a_manifest_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        manifest().retrieval.top_k = 3  # type: ignore[misc]


def test_there_is_no_champion_before_the_first_release(database: Database) -> None:
    assert ReleaseRepository(database).champion() is None


def test_a_release_is_found_by_the_beginning_of_its_id_if_that_is_unique(database: Database) -> None:
    repository = ReleaseRepository(database)
    release = repository.install_first(manifest(), "me", "test")
    assert repository.get(release.id[:8]) == release
    for no_id in ("", "%", "zzz", "\x00", "\udcff"):
        assert repository.get(no_id) is None


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


# ---------------------------------------------------------------- candidates and switching

ANN = Decision("ann", "because")


def candidate(repository: ReleaseRepository, **retrieval: float) -> Release:
    return repository.add_candidate(manifest(**retrieval), ANN)


def in_threads(*deeds: Callable[[], object]) -> list[object]:
    """What the deeds, done at the same moment, return or raise."""
    barrier = threading.Barrier(len(deeds))

    def do(deed: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return deed()
        except ConflictError as error:
            return error

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(do, deeds))


def test_a_promotion_moves_pointer_statuses_and_audit_trail_together(database: Database) -> None:
    repository = ReleaseRepository(database)
    first, second = repository.install_first(manifest(), "me", "test"), candidate(repository, top_k=3)
    promoted = repository.promote(second, first, Decision("bob", "better"))
    assert promoted.status is ReleaseStatus.CHAMPION
    assert repository.champion() == promoted
    assert repository.get(first.id) == first.model_copy(update={"status": ReleaseStatus.RETIRED})
    assert [(event.release_id, event.event.value, event.actor, event.reason) for event in repository.events()] == [
        (first.id, "installed", "me", "test"),
        (second.id, "created", "ann", "because"),
        (first.id, "replaced", "bob", "better"),
        (second.id, "promoted", "bob", "better"),
    ]
    assert champions(repository.events()) == [first.id, second.id]
    repository.roll_back(promoted, repository.all()[-1], Decision("cy", "worse after all"))
    assert repository.champion() == first
    assert [event.event.value for event in repository.events(second.id)] == ["created", "promoted", "rolled_back"]


def test_of_promotions_at_once_exactly_one_wins_and_nothing_of_the_others_remains(database: Database) -> None:
    repository = ReleaseRepository(database)
    first = repository.install_first(manifest(), "me", "test")
    rivals = [candidate(repository, top_k=k) for k in range(1, 5)]
    results = in_threads(*(lambda rival=rival: repository.promote(rival, first, ANN) for rival in rivals))  # type: ignore[misc]
    winners = [result for result in results if isinstance(result, Release)]
    assert winners == [repository.champion()]
    late = [str(result) for result in results if isinstance(result, ConflictError)]
    assert late == ["Another promotion or rollback came first."] * 3
    statuses = sorted(release.status.value for release in repository.all())
    assert statuses == ["candidate", "candidate", "candidate", "champion", "retired"]
    assert sum(event.event.value == "promoted" for event in repository.events()) == 1


def test_a_candidate_that_is_rejected_and_promoted_at_once_is_one_or_the_other(database: Database) -> None:
    repository = ReleaseRepository(database)
    first, second = repository.install_first(manifest(), "me", "test"), candidate(repository, top_k=3)
    results = in_threads(
        lambda: repository.promote(second, first, ANN),
        lambda: repository.decide(second, ReleaseEventKind.REJECTED, ReleaseStatus.REJECTED, ANN),
    )
    assert sum(isinstance(result, ConflictError) for result in results) == 1
    stored, champion = repository.get(second.id), repository.champion()
    assert stored is not None
    assert champion is not None
    assert (stored.status is ReleaseStatus.CHAMPION) == (champion.id == second.id)
    assert (stored.status is ReleaseStatus.REJECTED) == (champion.id == first.id)


def test_a_decision_on_what_has_changed_since_it_was_seen_is_refused(database: Database) -> None:
    repository = ReleaseRepository(database)
    repository.install_first(manifest(), "me", "test")
    seen = candidate(repository, top_k=3)
    repository.decide(seen, ReleaseEventKind.REJECTED, ReleaseStatus.REJECTED, ANN)
    with pytest.raises(ConflictError, match="first"):
        repository.decide(seen, ReleaseEventKind.APPROVED, ReleaseStatus.CANDIDATE, ANN)


def test_a_candidate_that_is_stored_twice_is_there_once_with_its_first_maker(database: Database) -> None:
    repository = ReleaseRepository(database)
    repository.install_first(manifest(), "me", "test")
    results = in_threads(*[lambda: candidate(repository, top_k=3)] * 4)
    assert len({release.id for release in results if isinstance(release, Release)}) == 1
    (created,) = (event for event in repository.events() if event.event is ReleaseEventKind.CREATED)
    assert created.actor == "ann"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1.5])
def test_a_manifest_refuses_numbers_that_it_could_not_be_read_back_with(value: float) -> None:
    with pytest.raises(ValidationError):
        GeneratorSpec(sampling={"temperature": float("nan")})
    with pytest.raises(ValidationError):
        manifest(dense_weight=value)


def test_a_manifest_of_another_version_is_an_error_that_says_so(database: Database) -> None:
    repository = ReleaseRepository(database)
    release = repository.install_first(manifest(), "me", "test")
    newer = {**release.manifest.model_dump(mode="json"), "schema_version": 2}
    with database.transaction() as connection:
        connection.execute(update(releases).values(manifest=newer))
    with pytest.raises(ReleaseUnavailableError, match="version"):
        repository.champion()


def test_a_release_without_a_question_map_has_the_id_that_it_had_before_there_were_any() -> None:
    stored = manifest().model_dump(mode="json")
    del stored["retrieval"]["question_map"]
    old = ReleaseManifest.model_validate(stored)
    assert old.id == manifest().id
    mapped = old.retrieval.model_copy(update={"question_map": "a" * 64})
    assert old.model_copy(update={"retrieval": mapped}).id != old.id


def test_weights_of_languages_make_another_release_and_none_keep_the_id_of_releases_before_there_were_any() -> None:
    stored = manifest().model_dump(mode="json")
    del stored["retrieval"]["language_weights"]
    assert ReleaseManifest.model_validate(stored).id == manifest().id
    weighed = manifest().retrieval.model_copy(update={"language_weights": {"thai": 0.0}})
    assert manifest().model_copy(update={"retrieval": weighed}).id != manifest().id
    assert (weighed.weight_for("thai"), weighed.weight_for("english")) == (0.0, 0.5)
