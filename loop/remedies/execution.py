"""Proposing a remedy, carrying it out in this process (what `ragloop triggers run` does), and how it ends.

However it ends, the firing says so: a candidate that waits for its evaluation, a request for content, nothing better
found, or what went wrong.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.loop.enums import FiringState
from core.loop.feedback import Firing, NothingBetter, RemedyProposal
from core.types import Actor, Role
from loop.remedies.lifecycle import begin, failures_on_record, found
from loop.remedies.port import AskedPeople, Ending, Say
from loop.remedies.registry import find_remedy, open_firings
from serving.factory import Services
from serving.releases.service import LONGEST_REASON, ReleaseService

# In whose name remedies make candidates. It may do nothing else.
REMEDIES = Actor("remedies", frozenset({Role.REVIEW}))


def propose(services: Services, firing: Firing, say: Say = lambda _line: None) -> RemedyProposal:
    """What the firing's remedy would do, with its numbers. `say` is told how far it is. Changes nothing."""
    proposal: RemedyProposal = find_remedy(firing.remedy).propose(services, firing, say)
    return proposal


def carry_out(services: Services, firing: Firing, say: Say = lambda _line: None, actor: Actor = REMEDIES) -> Firing:
    """Do what the firing's remedy is, and return the firing as it stands then. `say` is told how far it is.

    The candidate is made in the name of `actor`. Raises NotFoundError, ConflictError if somebody did it before, and
    what went wrong, which is on record then.
    """
    firings = open_firings(services.database)
    begun = begin(firings, firing.id, actor.name)
    with failures_on_record(firings, begun.id):
        proposal = begun.proposal or propose(services, begun, say)
        if isinstance(proposal, NothingBetter):
            return settle(services, begun, proposal, actor)
        firings.change(begun.id, FiringState.RUNNING, proposal=proposal, detail=begun.detail)
        ended = settle(services, begun, find_remedy(begun.remedy).carry_out(services, begun, proposal, say), actor)
    if ended.release_id is not None:
        say(f"Candidate {ended.release_id}")
    return ended


def settle(services: Services, firing: Firing, ending: Ending, actor: Actor) -> Firing:
    """Put on record how the remedy ended, a candidate made where there is one to be made; the firing as it stands."""
    firings = open_firings(services.database)
    if isinstance(ending, NothingBetter):
        firings.change(firing.id, FiringState.CLOSED, proposal=ending, detail=ending.why)
    elif isinstance(ending, AskedPeople):
        firings.change(firing.id, FiringState.REQUESTED, detail=ending.words)
    else:
        firings.change(firing.id, FiringState.RUNNING, proposal=ending.proposal, detail=firing.detail)
        release_id = _candidate(services, firing, ending.changes, actor)
        waits = "The candidate waits for its evaluation and for a person."
        firings.change(firing.id, FiringState.CANDIDATE, release_id=release_id, detail=waits)
    return found(firings, firing.id)


def _candidate(services: Services, firing: Firing, changes: Mapping[str, str], actor: Actor) -> str:
    """Make the champion with these changes a candidate; returns its id."""
    reason = f"Trigger {firing.trigger} ({firing.id[:8]}): {firing.reason}"
    return ReleaseService(services).create(actor, changes=changes, reason=reason[:LONGEST_REASON]).id
