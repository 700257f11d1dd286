"""All prompts of an installation, those of answering and those of the judges, and who uses which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.errors import InputError, NotFoundError
from core.release import Release, ReleaseStatus
from evals.judges.prompts import PROMPTS as JUDGES
from serving.prompts.library import (
    PROMPTS,
    PromptTemplate,
    PromptVersions,
    load_prompts,
    misnamed,
    released_prompts,
)

_OPEN = (ReleaseStatus.CHAMPION, ReleaseStatus.CANDIDATE)


class PromptShelf:
    """The prompts by name and version. `releases` are all that there are. `misnamed` files look like prompts and are
    none."""

    def __init__(self, releases: Sequence[Release] = ()) -> None:
        self.misnamed = [*misnamed(PROMPTS), *misnamed(JUDGES)]
        self.library = {**load_prompts(PROMPTS), **load_prompts(JUDGES)}
        self._released = {**released_prompts(PROMPTS), **released_prompts(JUDGES)}
        self._open = [release for release in releases if release.status in _OPEN]

    def find(self, wanted: str) -> tuple[PromptVersions, int]:
        """A prompt's versions and the one that NAME or NAME@VERSION means, the newest unless said otherwise. Raises
        NotFoundError that names what there is."""
        name, at, given = wanted.partition("@")
        versions = self.library.get(name)
        if versions is None:
            raise NotFoundError(f"There is no prompt {name[:80]!r}.", hint=f"There are {', '.join(self.library)}.")
        if at and given not in map(str, versions):
            known = ", ".join(str(version) for version in versions)
            raise NotFoundError(f"There is no version {given[:80]!r} of prompt {name}.", hint=f"There is {known}.")
        return versions, int(given) if at else max(versions)

    def template(self, wanted: str) -> PromptTemplate:
        """The prompt that NAME or NAME@VERSION means. Raises InputError for one that cannot be used."""
        versions, version = self.find(wanted)
        return versions[version]

    def described(self) -> list[dict[str, Any]]:
        """What `ragloop prompts list --json` prints of every version."""
        return [self.description(name, version) for name, versions in self.library.items() for version in versions]

    def description(self, name: str, version: int) -> dict[str, Any]:
        """What is to be known of a version; of one that cannot be used, why."""
        row = {"name": name, "version": version}
        try:
            prompt = self.library[name][version]
        except InputError as error:
            unknown: dict[str, Any] = {"sha256": None, "variables": [], "tests": 0, "used_by": []}
            return {**row, "state": "broken", "description": error.message, **unknown}
        return {
            **row,
            "state": self._state(prompt),
            "description": prompt.description,
            "sha256": prompt.sha256,
            "variables": list(prompt.variables),
            "tests": len(prompt.tests),
            "used_by": self._users(prompt),
        }

    def _state(self, prompt: PromptTemplate) -> str:
        released = self._released.get((prompt.name, prompt.version))
        if released is None:
            return "draft"
        return "released" if released == prompt.sha256 else "edited"

    def _users(self, prompt: PromptTemplate) -> list[dict[str, str]]:
        """The champion and the open candidates that have this very text."""
        return [
            {"release": release.id, "status": release.status.value}
            for release in self._open
            if release.manifest.prompts.get(prompt.name) == prompt.ref
        ]
