"""Who may make, approve, promote and roll back releases, when, and what goes on record."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import (
    CollectionMismatchError,
    ConflictError,
    IndexUnavailableError,
    InputError,
    NotFoundError,
    PermissionDeniedError,
    RagloopError,
    UnavailableError,
)
from core.release import Release, ReleaseStatus
from core.storage.releases import ReleaseRepository
from core.storage.tables import interactions
from core.types import Actor, Role
from serving.releases import service as module
from serving.releases.service import ReleaseService
from serving.releases.verification import verify_release
from tests.support.app_world import World
from tests.support.release_world import APPROVER, BOSS, MAKER, report, second_collection

CHANGES = {"retrieval.top_k": "3"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path).ingest()


@pytest.fixture
def service(world: World) -> ReleaseService:
    return ReleaseService(world.services)


@pytest.fixture
def candidate(service: ReleaseService) -> Release:
    return service.create(MAKER, changes=CHANGES, reason="fewer passages")


def first(world: World) -> Release:
    assert world.release is not None
    return world.release


def champion(world: World) -> str:
    found = ReleaseRepository(world.database).champion()
    assert found is not None
    return found.id


def said(service: ReleaseService, release: Release | None = None) -> list[str]:
    return [event.event.value for event in service.history(release.id if release else None)]


def refusal(kind: type[RagloopError], deed: Callable[[], object]) -> RagloopError:
    """The error of a deed that is refused. It must tell what to do, and leave nothing on record."""
    with pytest.raises(kind) as refused:
        deed()
    assert refused.value.hint
    return refused.value


# ---------------------------------------------------------------- create


def test_a_candidate_is_the_champion_with_changes_and_answers_nobody_yet(world: World, candidate: Release) -> None:
    assert candidate.status is ReleaseStatus.CANDIDATE
    assert candidate.created_by == "Ann"
    assert candidate.manifest.retrieval.top_k == 3
    assert candidate.manifest.collection == first(world).manifest.collection
    assert champion(world) == first(world).id


def test_a_name_is_one_short_line_that_can_be_shown(service: ReleaseService) -> None:
    made = service.create(MAKER, changes={"retrieval.top_k": "2"}, name="  two \n passages ")
    assert (made.name, service.get(made.id).name) == ("two passages", "two passages")
    with pytest.raises(InputError, match="The name has 81 characters; at most 80"):
        service.create(MAKER, changes={"retrieval.top_k": "4"}, name="n" * 81)
    with pytest.raises(InputError, match="cannot be shown"):
        service.create(MAKER, changes={"retrieval.top_k": "4"}, name="red\x1b[31m")


def test_what_was_created_why_and_by_whom_is_on_record(service: ReleaseService, candidate: Release) -> None:
    (event,) = service.history(candidate.id)
    assert (event.event.value, event.actor, event.reason) == ("created", "Ann", "fewer passages")
    assert said(service) == ["installed", "created"]


def test_a_release_is_made_from_any_other_and_over_any_collection(world: World, service: ReleaseService) -> None:
    collection = second_collection(world)
    base = service.create(MAKER, changes={"collection": collection})
    made = service.create(MAKER, base=base.id[:10], changes={"retrieval.top_k": "2"})
    assert made.manifest.collection.name == collection
    assert service.verify(made.id).collection == collection


def test_creating_what_is_a_candidate_already_returns_it(service: ReleaseService, candidate: Release) -> None:
    assert service.create(APPROVER, changes=CHANGES, reason="again") == candidate
    assert said(service, candidate) == ["created"]


def test_the_champions_own_manifest_is_no_candidate(service: ReleaseService) -> None:
    refusal(ConflictError, lambda: service.create(MAKER, changes={}))


def test_what_was_rejected_is_reopened_by_creating_it_again_with_a_reason(
    service: ReleaseService, candidate: Release
) -> None:
    service.reject(candidate.id, APPROVER, reason="slower")
    refusal(ConflictError, lambda: service.create(MAKER, changes=CHANGES))
    reopened = service.create(APPROVER, base=candidate.id, changes={}, reason="measured wrongly")
    assert reopened.status is ReleaseStatus.CANDIDATE
    assert said(service, candidate) == ["created", "rejected", "reopened"]


def test_a_release_that_cannot_be_served_is_not_created(world: World, service: ReleaseService) -> None:
    empty = second_collection(world)
    world.index.commit(empty, [], list(world.index.chunk_counts(empty)))
    assert "empty" in refusal(ConflictError, lambda: service.create(MAKER, changes={"collection": empty})).message
    llm = refusal(ConflictError, lambda: service.create(MAKER, changes={"generator.kind": "llm"}))
    assert "RAGLOOP_MODEL_URL" in llm.hint
    refusal(ConflictError, lambda: service.create(MAKER, changes={"generator.sampling.temperature": "0"}))
    refusal(InputError, lambda: service.create(MAKER, changes={"retrieval.topk": "3"}))
    assert said(service) == ["installed"]
    assert ReleaseRepository(world.database).all() == [first(world)]


def test_nothing_is_created_from_what_is_not_there(tmp_path: Path, service: ReleaseService) -> None:
    for base in ("", "f" * 64, "%", "no such", "\x00", "\ud800"):
        refusal(NotFoundError, lambda base=base: service.create(MAKER, base=base, changes=CHANGES))  # type: ignore[misc]
    empty = ReleaseService(World(tmp_path / "empty").services)
    refusal(UnavailableError, lambda: empty.create(MAKER, changes=CHANGES))


# ---------------------------------------------------------------- verify


def test_verifying_asks_headings_of_the_documents_and_leaves_no_record(
    world: World, service: ReleaseService, candidate: Release
) -> None:
    verification = service.verify(candidate.id[:8])
    assert set(verification.probes) <= {"Holidays", "Salaries"}
    assert verification.probes
    assert (verification.release_id, verification.collection) == (candidate.id, world.spec.name)
    assert verification.revision == world.index.revision(world.spec.name)
    with world.database.transaction() as connection:
        assert connection.execute(interactions.select()).all() == []


def test_an_index_that_is_down_or_changed_its_collection_is_told(
    world: World, service: ReleaseService, candidate: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    monkeypatch.setattr(world.index, "spec", lambda _: replace(world.spec, splitter_fingerprint="9"))
    refusal(CollectionMismatchError, lambda: service.verify(candidate.id))

    def down(_: str) -> None:
        raise IndexUnavailableError("The index is down.", hint="Start it.")

    monkeypatch.setattr(world.index, "spec", down)
    refusal(IndexUnavailableError, lambda: service.verify(candidate.id))


def test_a_release_that_finds_nothing_is_not_servable(
    world: World, service: ReleaseService, candidate: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.index, "fetch", lambda *_: [])
    assert "found nothing" in refusal(ConflictError, lambda: service.verify(candidate.id)).message


# ---------------------------------------------------------------- approve and reject


def test_an_approval_is_on_record_with_its_report_and_changes_nothing_yet(
    world: World, service: ReleaseService, candidate: Release
) -> None:
    evaluation = report(world, candidate)
    approved = service.approve(candidate.id[:12], APPROVER, reason=" reads better ")
    assert approved == candidate
    event = service.history(candidate.id)[-1]
    assert (event.event.value, event.actor, event.reason, event.evaluation_id) == (
        "approved", "bob", "reads better", evaluation,
    )  # fmt: skip
    assert champion(world) == first(world).id


def test_a_release_is_not_approved_without_a_finished_report_that_passes(
    world: World, service: ReleaseService, candidate: Release
) -> None:
    def approve() -> Release:
        return service.approve(candidate.id, APPROVER, reason="good")

    assert "no finished report" in refusal(ConflictError, approve).message
    report(world, candidate, state="running")
    report(world, candidate, state="failed")
    assert "no finished report" in refusal(ConflictError, approve).message
    report(world, candidate, passes=True)
    report(world, candidate, passes=False)
    assert "does not pass" in refusal(ConflictError, approve).message
    assert said(service, candidate) == ["created"]


def test_a_report_against_another_baseline_than_the_champion_of_now_is_no_ground(
    world: World, service: ReleaseService, candidate: Release
) -> None:
    report(world, candidate)
    other = service.create(MAKER, changes={"retrieval.top_k": "2"})
    service.promote(other.id, BOSS, reason="urgent", override=True)
    assert (
        "champion is now"
        in refusal(ConflictError, lambda: service.approve(candidate.id, APPROVER, reason="good")).message
    )
    report(world, candidate, baseline=other)
    service.approve(candidate.id, APPROVER, reason="good")


def test_a_decision_on_a_report_that_is_not_the_newest_is_refused(
    world: World, service: ReleaseService, candidate: Release
) -> None:
    old, new = report(world, candidate), report(world, candidate)
    for deed in (service.approve, service.reject):
        for read in (old, "unknown"):
            refusal(
                ConflictError,
                lambda deed=deed, read=read: deed(candidate.id, APPROVER, reason="x", evaluation_id=read),  # type: ignore[misc]
            )
    service.approve(candidate.id, APPROVER, reason="x", evaluation_id=new)


def test_who_made_a_release_does_not_approve_it_unless_the_settings_allow_it(
    tmp_path: Path, world: World, service: ReleaseService, candidate: Release
) -> None:
    report(world, candidate)
    for name in ("Ann", "ANN", " ann"):
        same = Actor(name, frozenset({Role.ADMIN}))
        refusal(PermissionDeniedError, lambda same=same: service.approve(candidate.id, same, reason="x"))  # type: ignore[misc]
    alone = World(tmp_path / "alone", {"allow_self_approval": True}).ingest()
    own = ReleaseService(alone.services)
    made = own.create(BOSS, changes=CHANGES)
    report(alone, made)
    assert own.approve(made.id, BOSS, reason="there is nobody else")


def test_documents_that_changed_since_the_report_are_said_and_do_not_stand_in_the_way(
    world: World, service: ReleaseService, candidate: Release
) -> None:
    revision = world.index.revision(world.spec.name)
    report(world, candidate, read_revision=revision)
    service.approve(candidate.id, APPROVER, reason="good")
    assert service.history(candidate.id)[-1].reason == "good"
    world.add("handbook/new.md", "# New\n\nSomething new.\n")
    service.approve(candidate.id, APPROVER, reason="still good")
    assert f"was at revision {revision} and is at {revision + 1}" in service.history(candidate.id)[-1].reason


def test_a_rejected_release_is_closed(world: World, service: ReleaseService, candidate: Release) -> None:
    evaluation = report(world, candidate)
    service.approve(candidate.id, APPROVER, reason="good")
    rejected = service.reject(candidate.id, MAKER, reason="a mistake")
    assert rejected.status is ReleaseStatus.REJECTED
    assert service.history(candidate.id)[-1].evaluation_id == evaluation
    for deed in (service.approve, service.reject):
        refusal(ConflictError, lambda deed=deed: deed(candidate.id, APPROVER, reason="x"))  # type: ignore[misc]
    refusal(ConflictError, lambda: service.promote(candidate.id, APPROVER))
    refusal(ConflictError, lambda: service.promote(candidate.id, BOSS, reason="x", override=True))


def test_a_reopened_release_needs_a_report_from_after_it_was_reopened(
    world: World, service: ReleaseService, candidate: Release
) -> None:
    report(world, candidate)
    service.reject(candidate.id, APPROVER, reason="slower")
    service.create(MAKER, base=candidate.id, changes={}, reason="try again")
    assert "before" in refusal(ConflictError, lambda: service.approve(candidate.id, APPROVER, reason="x")).message
    report(world, candidate)
    service.approve(candidate.id, APPROVER, reason="x")


@pytest.mark.parametrize("reason", ["", "  ", "x" * 2001, "a\x00b", "half \ud800"])
def test_decisions_need_a_reason_that_can_be_kept(
    world: World, service: ReleaseService, candidate: Release, reason: str
) -> None:
    report(world, candidate)
    for deed in (
        lambda: service.approve(candidate.id, APPROVER, reason=reason),
        lambda: service.reject(candidate.id, APPROVER, reason=reason),
        lambda: service.promote(candidate.id, BOSS, reason=reason, override=True),
        lambda: service.rollback(BOSS, reason=reason),
    ):
        refusal(InputError, deed)
    assert said(service) == ["installed", "created"]


# ---------------------------------------------------------------- promote and roll back


def approved(world: World, service: ReleaseService, candidate: Release) -> str:
    evaluation = report(world, candidate)
    service.approve(candidate.id, APPROVER, reason="good")
    return evaluation


def test_an_approved_release_is_promoted_on_its_report(
    world: World, service: ReleaseService, candidate: Release
) -> None:
    evaluation = approved(world, service, candidate)
    promoted = service.promote(candidate.id, APPROVER)
    assert promoted.status is ReleaseStatus.CHAMPION
    assert champion(world) == candidate.id
    event = service.history(candidate.id)[-1]
    assert (event.event.value, event.evaluation_id) == ("promoted", evaluation)
    assert said(service, first(world)) == ["installed", "replaced"]


def test_nothing_is_promoted_without_an_approval_that_stands(
    world: World, service: ReleaseService, candidate: Release
) -> None:
    def promote() -> Release:
        return service.promote(candidate.id, APPROVER)

    report(world, candidate)
    assert "not approved" in refusal(ConflictError, promote).message
    service.approve(candidate.id, APPROVER, reason="good")
    report(world, candidate)
    assert "newer report" in refusal(ConflictError, promote).message
    report(world, candidate, passes=False)
    assert "does not pass" in refusal(ConflictError, promote).message
    assert champion(world) == first(world).id


def test_an_approval_against_a_champion_that_is_gone_promotes_nothing(
    world: World, service: ReleaseService, candidate: Release
) -> None:
    approved(world, service, candidate)
    other = service.create(MAKER, changes={"retrieval.top_k": "2"})
    service.promote(other.id, BOSS, reason="urgent", override=True)
    assert "champion is now" in refusal(ConflictError, lambda: service.promote(candidate.id, APPROVER)).message


def test_a_release_that_no_longer_opens_is_not_promoted_not_even_by_override(
    world: World, service: ReleaseService
) -> None:
    candidate = service.create(MAKER, changes={"collection": second_collection(world)})
    approved(world, service, candidate)
    world.index.drop(candidate.manifest.collection.name)
    refusal(NotFoundError, lambda: service.promote(candidate.id, APPROVER))
    refusal(NotFoundError, lambda: service.promote(candidate.id, BOSS, reason="x", override=True))
    assert champion(world) == first(world).id


def test_of_two_promotions_that_overlap_one_wins(
    world: World, service: ReleaseService, candidate: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    rival = service.create(MAKER, changes={"retrieval.top_k": "2"})

    def verify_while_the_rival_is_promoted(*arguments: object) -> object:
        monkeypatch.setattr(module, "verify_release", verify_release)
        service.promote(rival.id, BOSS, reason="quicker", override=True)
        return verify_release(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "verify_release", verify_while_the_rival_is_promoted)
    refusal(ConflictError, lambda: service.promote(candidate.id, BOSS, reason="slower", override=True))
    assert champion(world) == rival.id
    assert said(service, candidate) == ["created"]


def test_an_override_needs_no_report_is_an_admins_and_is_loud(
    world: World, service: ReleaseService, candidate: Release, caplog: pytest.LogCaptureFixture
) -> None:
    refusal(PermissionDeniedError, lambda: service.promote(candidate.id, APPROVER, reason="now", override=True))
    with caplog.at_level(logging.WARNING):
        service.promote(candidate.id, BOSS, reason="the index is wrong", override=True)
    assert champion(world) == candidate.id
    assert "eve" in caplog.text
    assert "the index is wrong" in caplog.text
    event = service.history(candidate.id)[-1]
    assert (event.event.value, event.actor, event.evaluation_id) == ("overridden", "eve", None)
    service.promote(first(world).id, BOSS, reason="a retired one may return so", override=True)
    refusal(ConflictError, lambda: service.promote(first(world).id, BOSS, reason="again", override=True))


def test_a_rollback_leads_back_and_voids_the_approval(
    world: World, service: ReleaseService, candidate: Release, caplog: pytest.LogCaptureFixture
) -> None:
    approved(world, service, candidate)
    service.promote(candidate.id, APPROVER)
    with caplog.at_level(logging.WARNING):
        restored = service.rollback(APPROVER, reason="wrong answers on holidays")
    assert restored.id == first(world).id
    assert restored.status is ReleaseStatus.CHAMPION
    assert "wrong answers on holidays" in caplog.text
    assert service.get(candidate.id).status is ReleaseStatus.RETIRED
    assert said(service, candidate)[-2:] == ["promoted", "rolled_back"]
    assert said(service, first(world)) == ["installed", "replaced", "restored"]
    refusal(ConflictError, lambda: service.promote(candidate.id, APPROVER))
    service.create(MAKER, base=candidate.id, changes={}, reason="mended")
    refusal(ConflictError, lambda: service.promote(candidate.id, APPROVER))


def test_rollbacks_go_back_champion_by_champion_to_the_first(world: World, service: ReleaseService) -> None:
    made = [service.create(MAKER, changes={"retrieval.top_k": str(k)}) for k in (1, 2)]
    for each in made:
        service.promote(each.id, BOSS, reason="x", override=True)
    assert service.rollback(BOSS, reason="x").id == made[0].id
    assert service.rollback(BOSS, reason="x").id == first(world).id
    assert "no champion before" in refusal(ConflictError, lambda: service.rollback(BOSS, reason="x")).message


def test_a_rollback_to_what_does_not_open_changes_nothing(world: World, service: ReleaseService) -> None:
    made = service.create(MAKER, changes={"collection": second_collection(world)})
    service.promote(made.id, BOSS, reason="x", override=True)
    world.index.drop(first(world).manifest.collection.name)
    refusal(NotFoundError, lambda: service.rollback(APPROVER, reason="x"))
    assert champion(world) == made.id


@pytest.mark.parametrize("roles", [set(), {Role.CHAT, Role.INGEST}, {Role.REVIEW}, {Role.APPROVE}])
def test_each_deed_needs_its_role(world: World, service: ReleaseService, candidate: Release, roles: set[Role]) -> None:
    actor = Actor("mallory", frozenset(roles))
    needed = {
        Role.REVIEW: [
            lambda: service.create(actor, changes={"retrieval.top_k": "1"}),
            lambda: service.reject(candidate.id, actor, reason="x"),
        ],
        Role.APPROVE: [
            lambda: service.approve(candidate.id, actor, reason="x"),
            lambda: service.promote(candidate.id, actor),
            lambda: service.rollback(actor, reason="x"),
        ],
    }
    for role, deeds in needed.items():
        for deed in deeds:
            if role not in roles:
                refusal(PermissionDeniedError, deed)
