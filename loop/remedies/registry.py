"""Finds the remedies by their names, those of the modules of loop/remedies/catalogue. A remedy is read when it is asked
for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from core.errors import NotFoundError
from core.loop.feedback import Firing, NothingBetter, RemedyProposal
from core.storage.database import Database
from core.storage.loop.firings import FiringRepository
from core.storage.loop.stored_values import StoredValue
from loop.remedies import catalogue
from loop.remedies.catalogue import remedy_names
from loop.remedies.port import Remedy


def find_remedy(name: str) -> Remedy[Any]:
    """The remedy of this name. Raises NotFoundError with the names there are."""
    if name not in remedy_names():
        raise NotFoundError(f"There is no remedy {name[:60]!r}.", hint=f"There are {', '.join(remedy_names())}.")
    found: Remedy[Any] = import_module(f"{catalogue.__name__}.{name}").REMEDY
    return found


def remedy_of(firing: Firing) -> Remedy[Any]:
    """The remedy of the firing. Raises NotFoundError if it was taken away since."""
    if not is_installed(firing):
        raise NotFoundError(
            f"The remedy {firing.remedy} is no longer installed.",
            hint=f"Put its module back, or close the firing: ragloop triggers close {firing.id[:8]} --reason '…'",
        )
    return find_remedy(firing.remedy)


def is_installed(firing: Firing) -> bool:
    """Whether the firing's remedy is there."""
    return firing.remedy in remedy_names()


def asks_people(firing: Firing) -> bool:
    """Whether the firing is a request for content."""
    return is_installed(firing) and remedy_of(firing).asks_people


def all_remedies() -> list[Remedy[Any]]:
    """Every remedy, in the order of their names."""
    return [find_remedy(name) for name in remedy_names()]


def in_words(firing: Firing) -> str:
    """What the firing's remedy proposes, or why nothing is done, in a sentence; "" where nothing is proposed yet."""
    if firing.proposal is None:
        return ""
    if isinstance(firing.proposal, NothingBetter):
        return firing.proposal.why
    if not is_installed(firing):
        return f"The remedy {firing.remedy} is no longer installed."
    return find_remedy(firing.remedy).in_words(firing.proposal)


def open_firings(database: Database) -> FiringRepository:
    """The firings, their proposals kept as their remedies say."""
    return FiringRepository(database, _proposals)


def _proposals(remedy: str) -> StoredValue[RemedyProposal]:
    found = find_remedy(remedy)
    return StoredValue("trigger_firings", "proposal", found.read, found.upcasts)
