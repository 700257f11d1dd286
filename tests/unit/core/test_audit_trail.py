"""What the audit trail says of champions, approvals and makers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.audit_trail import champions, made_by, reopened_at, standing_approval
from core.release import Release, ReleaseEvent, ReleaseEventKind, ReleaseStatus
from tests.support.manifests import manifest

Kind = ReleaseEventKind


def trail(*steps: tuple[str, Kind], actor: str = "ann") -> list[ReleaseEvent]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        ReleaseEvent(
            id=number, release_id=release, event=kind, actor=actor, reason="", evaluation_id=None,
            at=start + timedelta(minutes=number),
        )
        for number, (release, kind) in enumerate(steps, start=1)
    ]  # fmt: skip


def test_the_first_release_is_champion_and_promotions_go_on_top() -> None:
    assert champions([]) == []
    assert champions(trail(("a", Kind.INSTALLED), ("b", Kind.CREATED), ("b", Kind.APPROVED))) == ["a"]
    assert champions(trail(("a", Kind.INSTALLED), ("a", Kind.REPLACED), ("b", Kind.PROMOTED))) == ["a", "b"]


def test_two_rollbacks_lead_two_promotions_back_and_never_to_what_was_rolled_back() -> None:
    events = trail(
        ("a", Kind.INSTALLED), ("b", Kind.PROMOTED), ("c", Kind.OVERRIDDEN), ("c", Kind.ROLLED_BACK),
        ("b", Kind.RESTORED), ("d", Kind.PROMOTED), ("d", Kind.ROLLED_BACK), ("b", Kind.RESTORED),
        ("b", Kind.ROLLED_BACK), ("a", Kind.RESTORED),
    )  # fmt: skip
    assert champions(events[:5]) == ["a", "b"]
    assert champions(events[:8]) == ["a", "b"]
    assert champions(events) == ["a"]


@given(st.lists(st.sampled_from(["b", "c", "d", "back"]), max_size=60))
def test_whatever_the_order_of_promotions_and_rollbacks_each_rollback_undoes_the_promotion_it_follows(
    deeds: list[str],
) -> None:
    stack, steps = ["a"], [("a", Kind.INSTALLED)]
    for deed in deeds:
        if deed != "back" and deed != stack[-1]:
            steps += [(stack[-1], Kind.REPLACED), (deed, Kind.PROMOTED)]
            stack.append(deed)
        elif deed == "back" and len(stack) > 1:
            left = stack.pop()
            steps += [(left, Kind.ROLLED_BACK), (stack[-1], Kind.RESTORED)]
    assert champions(trail(*steps)) == stack


@given(st.lists(st.sampled_from(list(Kind)), max_size=20))
def test_an_approval_stands_until_anything_else_happens_to_the_release(kinds: list[Kind]) -> None:
    events = trail(*(("a", kind) for kind in kinds))
    approval = standing_approval(events)
    if kinds and kinds[-1] is Kind.APPROVED:
        assert approval == events[-1]
    else:
        assert approval is None


def test_whoever_created_or_reopened_a_release_made_it_however_they_write_their_name() -> None:
    release = Release(
        id="a", status=ReleaseStatus.CANDIDATE, manifest=manifest(), created_by="Ann", created_at=datetime.now(UTC)
    )
    events = trail(("a", Kind.CREATED)) + trail(("a", Kind.REOPENED), actor="Bob ")
    events += trail(("a", Kind.APPROVED), actor="cy")
    assert made_by("ANN", release, events)
    assert made_by("bob", release, events)
    assert not made_by("cy", release, events)


def test_a_release_that_was_never_reopened_has_no_such_moment() -> None:
    assert reopened_at(trail(("a", Kind.CREATED), ("a", Kind.REJECTED))) is None
    events = trail(("a", Kind.CREATED), ("a", Kind.REJECTED), ("a", Kind.REOPENED), ("a", Kind.APPROVED))
    assert reopened_at(events) == events[2].at
