"""What there is to go to, for those who may: the bar on every page and where signing in leads to."""

from __future__ import annotations

from dataclasses import dataclass

from core.permissions import Deed, may
from core.types import Actor


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A page in the bar. `name` is what its template sets `here` to; `deed` is what its route asks for."""

    name: str
    label: str
    path: str
    deed: Deed


PLACES = (
    MenuEntry("ask", "Ask", "/", Deed.ASK),
    MenuEntry("documents", "Documents", "/documents", Deed.ASK),
    MenuEntry("reviews", "Reviews", "/reviews", Deed.REVIEW),
    MenuEntry("feedback", "Feedback", "/feedback", Deed.REVIEW),
    MenuEntry("gaps", "Gaps", "/gaps", Deed.REVIEW),
    MenuEntry("ops", "Operations", "/ops", Deed.REVIEW),
)


def places_for(actor: Actor) -> tuple[MenuEntry, ...]:
    """The places that the actor may open, in the bar's order."""
    return tuple(place for place in PLACES if may(actor, place.deed))


def home_of(actor: Actor) -> str:
    """The path of the first place that the actor may open; the front page, which says why not, if there is none."""
    return next((place.path for place in places_for(actor)), "/")
