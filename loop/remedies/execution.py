"""Carrying out a remedy in this process: what `ragloop triggers run` does.

However it ends, the firing says so: a candidate that waits for its evaluation, a request for content, nothing better
found, or what went wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core.feedback import Firing, FiringState, Remedy
from core.storage.loop.firings import FiringRepository
from core.types import Actor, Role
from loop.remedies.lifecycle import begin, failures_on_record, found
from loop.remedies.proposal import NOTHING_BETTER, propose
from loop.remedies.reindex import build_index
from loop.remedies.retune import measured, outcome, tune
from serving.factory import Services
from serving.releases.service import LONGEST_REASON, ReleaseService

# In whose name remedies make candidates. It may do nothing else.
REMEDIES = Actor("remedies", frozenset({Role.REVIEW}))

Say = Callable[[str], None]


def carry_out(services: Services, firing: Firing, say: Say = lambda _line: None, actor: Actor = REMEDIES) -> Firing:
    """Do what the firing's remedy is, and return the firing as it stands then. `say` is told how far it is.

    The candidate is made in the name of `actor`. Raises NotFoundError, ConflictError if somebody did it before, and
    what went wrong, which is on record then.
    """
    firings = FiringRepository(services.database)
    begun = begin(firings, firing.id, actor.name)
    with failures_on_record(firings, begun.id):
        proposal = begun.proposal or propose(services, begun, say)
        settle(services, begun, proposal, say, actor)
    return found(firings, begun.id)


def settle(services: Services, firing: Firing, proposal: Mapping[str, Any], say: Say, actor: Actor) -> None:
    """Do what is proposed, and put on record what came of it."""
    firings = FiringRepository(services.database)
    if NOTHING_BETTER in proposal:
        close(services, firing, proposal)
        return
    if firing.remedy is Remedy.CONTENT:
        firings.change(firing.id, FiringState.REQUESTED, proposal=proposal, detail=_request(proposal))
        return
    firings.change(firing.id, FiringState.RUNNING, proposal=proposal, detail=firing.detail)
    if firing.remedy is Remedy.RETUNE:
        _retune(services, firing, proposal, say, actor)
        return
    release = make_candidate(services, firing, _changes(services, firing, proposal, say), actor)
    say(f"Candidate {release}")


def _retune(services: Services, firing: Firing, proposal: Mapping[str, Any], say: Say, actor: Actor) -> None:
    result = tune(services, proposal, say)
    done = {**proposal, "result": measured(result)}
    settle_tuning(services, firing, done, result.changes, actor)


def settle_tuning(
    services: Services, firing: Firing, proposal: Mapping[str, Any], changes: Mapping[str, str], actor: Actor
) -> str | None:
    """Make the tuned adapter a candidate if it is any better; returns the release's id. `proposal` has the `result`."""
    firings = FiringRepository(services.database)
    result = proposal["result"]
    why_not = outcome(result["perplexity_before"], result["perplexity_after"])
    if why_not is not None:
        close(services, firing, {**proposal, NOTHING_BETTER: why_not})
        return None
    firings.change(firing.id, FiringState.RUNNING, proposal=proposal, detail=firing.detail)
    return make_candidate(services, firing, changes, actor)


def close(services: Services, firing: Firing, proposal: Mapping[str, Any]) -> None:
    """Put on record that nothing better was found, with what was measured."""
    why = str(proposal[NOTHING_BETTER])
    FiringRepository(services.database).change(firing.id, FiringState.CLOSED, proposal=proposal, detail=why)


def make_candidate(services: Services, firing: Firing, changes: Mapping[str, str], actor: Actor) -> str:
    """Make the champion with these changes a candidate, and return its id; the firing names it."""
    reason = f"Trigger {firing.trigger} ({firing.id[:8]}): {firing.reason}"
    release = ReleaseService(services).create(actor, changes=changes, reason=reason[:LONGEST_REASON])
    FiringRepository(services.database).change(
        firing.id,
        FiringState.CANDIDATE,
        release_id=release.id,
        detail="The candidate waits for its evaluation and for a person.",
    )
    return release.id


def _changes(services: Services, firing: Firing, proposal: Mapping[str, Any], say: Say) -> Mapping[str, str]:
    """Build what the candidate needs; returns what it changes, as `ragloop release create --set` takes it."""
    if firing.remedy is Remedy.REFIT:
        return {str(path): str(value) for path, value in proposal["changes"].items()}
    return {"collection": build_index(services.settings, proposal, firing.id, say)}


def _request(proposal: Mapping[str, Any]) -> str:
    where = f" of {proposal['source']}" if proposal.get("source") else ""
    count = len(proposal["questions"])
    about = f"about {count} question{'' if count == 1 else 's'}" if count else "about what people ask now: see /gaps"
    return f"Whoever keeps the documents{where} is asked to write {about}."
