"""What there is to go to, for those who may: the bar on every page and where signing in leads to."""

from __future__ import annotations

from dataclasses import dataclass

from core.types import Actor, Role


@dataclass(frozen=True, slots=True)
class Place:
    """A page in the bar. `name` is what its template sets `here` to; `role` is what its route asks for."""

    name: str
    label: str
    path: str
    role: Role


PLACES = (
    Place("ask", "Ask", "/", Role.CHAT),
    Place("documents", "Documents", "/documents", Role.CHAT),
    Place("reviews", "Reviews", "/reviews", Role.REVIEW),
    Place("feedback", "Feedback", "/feedback", Role.REVIEW),
    Place("gaps", "Gaps", "/gaps", Role.REVIEW),
    Place("ops", "Operations", "/ops", Role.REVIEW),
)


def places_for(actor: Actor) -> tuple[Place, ...]:
    """The places that the actor may open, in the bar's order."""
    return tuple(place for place in PLACES if actor.may(place.role))


def home_of(actor: Actor) -> str:
    """The path of the first place that the actor may open; the front page, which says why not, if there is none."""
    return next((place.path for place in places_for(actor)), "/")
