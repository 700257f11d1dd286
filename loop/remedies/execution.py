"""Proposing a remedy, carrying it out in this process (what `ragloop triggers run` does), and how it ends.

However it ends, the firing says so: a candidate that waits for its evaluation, a request for content, nothing better
found, or what went wrong.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.loop.enums import FiringState
from core.loop.feedback import Firing, NothingBetter, RemedyProposal
from core.types import Actor, Role
from loop.remedies.lifecycle import begin, failures_on_record
from loop.remedies.port import AskedPeople, Ending, Say
from loop.remedies.registry import open_firings, remedy_of
from serving.factory import Services
from serving.releases.service import ReleaseService

# In whose name remedies make candidates. It may do nothing else.
REMEDIES = Actor("remedies", frozenset({Role.REVIEW}))


def propose(services: Services, firing: Firing, say: Say = lambda _line: None) -> RemedyProposal:
    """What the firing's remedy would do, with its numbers. `say` is told how far it is. Changes nothing that
    answers. Raises NotFoundError for a remedy that was taken away."""
    proposal: RemedyProposal = remedy_of(firing).propose(services, firing, say)
    return proposal


def carry_out(services: Services, firing: Firing, say: Say = lambda _line: None, actor: Actor = REMEDIES) -> Firing:
    """Do what the firing's remedy is, and return the firing as it stands then. `say` is told how far it is.

    The candidate is made in the name of `actor`. Raises NotFoundError, ConflictError if somebody did it before or went
    on with it meanwhile, and what went wrong, which is on record then.
    """
    remedy = remedy_of(firing)
    firings = open_firings(services.database)
    begun = begin(firings, firing.id, actor.name)
    with failures_on_record(firings, begun):
        proposal = begun.proposal or propose(services, begun, say)
        if isinstance(proposal, NothingBetter):
            return settle(services, begun, proposal, actor)
        running = firings.change(begun, FiringState.RUNNING, proposal=proposal, detail=begun.detail)
        ended = settle(services, running, remedy.carry_out(services, running, proposal, say), actor)
    if ended.release_id is not None:
        say(f"Candidate {ended.release_id}")
    return ended


def settle(services: Services, firing: Firing, ending: Ending, actor: Actor) -> Firing:
    """Put on record how the remedy ended, a candidate made where there is one to be made; the firing as it stands.
    Raises ConflictError, before a candidate is made, if somebody else went on with the firing meanwhile."""
    firings = open_firings(services.database)
    if isinstance(ending, NothingBetter):
        return firings.change(firing, FiringState.CLOSED, proposal=ending, detail=ending.why)
    if isinstance(ending, AskedPeople):
        return firings.change(firing, FiringState.REQUESTED, detail=ending.words)
    running = firings.change(firing, FiringState.RUNNING, proposal=ending.proposal, detail=firing.detail)
    release_id = _candidate(services, running, ending.changes, actor)
    waits = "The candidate waits for its evaluation and for a person."
    return firings.change(running, FiringState.CANDIDATE, release_id=release_id, detail=waits)


def _candidate(services: Services, firing: Firing, changes: Mapping[str, str], actor: Actor) -> str:
    """Make the champion with these changes a candidate; returns its id. What fired is told by the firing alone: its
    words may quote documents and people, and are erased there."""
    reason = f"For the trigger {firing.trigger}, firing {firing.id[:8]}."
    return ReleaseService(services).create(actor, changes=changes, reason=reason).id
