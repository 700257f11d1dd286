"""A release as lists show it: what it is called, why it was made, and in what it differs from the champion. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from core.audit_trail import why_made
from core.release import ManifestChange, Release, ReleaseEvent, differences

# In a list, this many changes of a release are told; the release's own page and command tell all.
MOST_TOLD = 3
_LONGEST_VALUE = 40
# What else the manifest says of a collection or of a prompt follows from its name or version.
_FOLLOWS = ("collection.", "prompts.")
_LEADS = ("collection.name", ".version")


@dataclass(frozen=True, slots=True)
class ReleaseSummary:
    """`changes` against the champion: none for the champion itself, and where there is no champion."""

    release: Release
    why: str
    changes: tuple[ManifestChange, ...]

    def as_json(self) -> dict[str, Any]:
        """The release's fields, with `why` and `changes`."""
        return {**self.release.as_json(), **self.beside()}

    def beside(self) -> dict[str, Any]:
        """What is told of the release beside something else, an evaluation of it, say."""
        return {
            "name": self.release.name,
            "why": self.why,
            "changes": [change.model_dump(mode="json") for change in self.changes],
        }


def summaries(
    releases: Iterable[Release], events: Iterable[ReleaseEvent], champion: Release | None
) -> list[ReleaseSummary]:
    """One of each release, in their order. `events` is the audit trail of all."""
    trail: dict[str, list[ReleaseEvent]] = defaultdict(list)
    for event in events:
        trail[event.release_id].append(event)
    return [
        ReleaseSummary(
            release, why_made(trail[release.id]), differences(release.manifest, champion.manifest) if champion else ()
        )
        for release in releases
    ]


def in_words(changes: Sequence[ManifestChange], most: int = MOST_TOLD) -> str:
    """`retrieval.top_k 8 → 6, prompts.answer 2 → 3 and 2 more`. Empty where nothing changed."""
    leading = [change for change in changes if _leads(change.path)] or list(changes)
    told = [_told(change) for change in leading[:most]]
    more = f" and {len(leading) - most} more" if len(leading) > most else ""
    return ", ".join(told) + more


def _leads(path: str) -> bool:
    return not path.startswith(_FOLLOWS) or path.endswith(_LEADS)


def _told(change: ManifestChange) -> str:
    path = change.path.removesuffix(".name").removesuffix(".version")
    return f"{path} {_short(change.baseline)} → {_short(change.candidate)}"


def _short(value: Any) -> str:
    text = manifest_value(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def manifest_value(found: object) -> str:
    """A value of a manifest as text; a long hash by its beginning."""
    if found is None:
        return "–"
    text = str(found)
    return f"{text[:12]}…" if len(text) == 64 and text.isalnum() else text
