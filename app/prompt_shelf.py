"""All prompts of an installation, of answering and of the judges: from where each is, and who uses which."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import InputError, NotFoundError
from core.release import PromptRef, ReleaseStatus
from core.settings import Settings
from core.storage.database import Database
from core.storage.prompt_ledger import PromptLedger, UsedPrompt
from core.storage.releases import ReleaseRepository
from evals.judges.prompts import PROMPTS as JUDGES
from serving.prompts.ledger import complaint
from serving.prompts.library import PROMPTS, load_prompts, misnamed, own_folder
from serving.prompts.template import PromptTemplate, read_prompt

_OPEN = (ReleaseStatus.CHAMPION, ReleaseStatus.CANDIDATE)


class PromptShelf:
    """The prompts by name and version, in files and on record. What was used stands here as it was used. `misnamed`
    files look like prompts and are none. Raises InputError for a folder that was named and cannot be read."""

    def __init__(self, settings: Settings, database: Database) -> None:
        own = own_folder(settings)
        self.library = {**load_prompts(PROMPTS, own), **load_prompts(JUDGES, own)}
        self.misnamed = [str(own / file) for file in misnamed(own, list(self.library))] if own else []
        self._used: Mapping[tuple[str, int], UsedPrompt] = {
            (used.name, used.version): used for used in PromptLedger(database).all() if used.name in self.library
        }
        self._open = [release for release in ReleaseRepository(database).all() if release.status in _OPEN]

    def versions(self, name: str) -> list[int]:
        """The versions of a prompt, those whose files are gone among them."""
        return sorted({*self.library[name], *(version for each, version in self._used if each == name)})

    def next_version(self, name: str) -> int:
        """A number that no version has or had, nor a file that could be taken for one."""
        like = re.compile(rf"{name}/v?0*(\d{{1,6}})\.ya?ml")
        alike = (like.fullmatch("/".join(Path(file).parts[-2:])) for file in self.misnamed)
        return 1 + max([*self.versions(name), *(int(found[1]) for found in alike if found)])

    def find(self, wanted: str) -> tuple[str, int]:
        """The name and version that NAME or NAME@VERSION means, the newest file unless said otherwise. Raises
        NotFoundError that names what there is."""
        name, at, given = wanted.partition("@")
        if name not in self.library:
            raise NotFoundError(f"There is no prompt {name[:80]!r}.", hint=f"There are {', '.join(self.library)}.")
        known = [str(version) for version in self.versions(name)]
        if at and given not in known:
            raise NotFoundError(
                f"There is no version {given[:80]!r} of prompt {name}.", hint=f"There is {', '.join(known)}."
            )
        return name, int(given) if at else max(self.library[name])

    def text(self, name: str, version: int) -> str:
        """The text: as it was used, else as its file stands."""
        used = self._used.get((name, version))
        return used.text if used else self.library[name].text(version)

    def written(self, name: str, version: int) -> str:
        """The text as its file stands, else as it was used."""
        return self.library[name].text(version) if version in self.library[name] else self.text(name, version)

    def template(self, wanted: str) -> PromptTemplate:
        """The prompt that NAME or NAME@VERSION means. Raises InputError for one that cannot be used."""
        name, version = self.find(wanted)
        used = self._used.get((name, version))
        return read_prompt(used.text, f"{name}@{version} on record") if used else self.library[name][version]

    def described(self) -> list[dict[str, Any]]:
        """What `ragloop prompts list --json` prints of every version."""
        return [self.description(name, version) for name in self.library for version in self.versions(name)]

    def description(self, name: str, version: int) -> dict[str, Any]:
        """What is to be known of a version, and what is wrong with its file."""
        used = self._used.get((name, version))
        here = version in self.library[name]
        own = self.library[name].is_own(version)
        row = {
            "name": name,
            "version": version,
            "from": "folder" if own else "package",
            "file": str(self.library[name].path(version)) if here or used is None else used.file,
        }
        problem = complaint(used, self.library) if used else ""
        try:
            prompt = self.template(f"{name}@{version}")
        except InputError as error:
            unknown: dict[str, Any] = {"sha256": None, "variables": [], "tests": 0, "used_by": []}
            wrong = f"{error.message} {error.hint}"
            return {**row, "state": "broken", "description": error.message, **unknown, "problem": wrong}
        unused = "draft" if own else "released"
        state = unused if used is None else "released" if not problem else "edited" if here else "gone"
        return {
            **row,
            "state": state,
            "description": prompt.description,
            "sha256": prompt.sha256,
            "variables": list(prompt.variables),
            "tests": len(prompt.tests),
            "used_by": self._users(name, prompt.ref),
            "problem": problem,
        }

    def problems(self) -> list[str]:
        """What is wrong with files, a sentence or two each. A used version whose file is gone counts while a champion
        or an open candidate has it."""
        rows = [row for row in self.described() if row["problem"] and (row["state"] != "gone" or row["used_by"])]
        return [*(row["problem"] for row in rows), *(misnamed_file(file) for file in self.misnamed)]

    def _users(self, name: str, reference: PromptRef) -> list[dict[str, str]]:
        """The champion and the open candidates that have this very text."""
        return [
            {"release": release.id, "status": release.status.value}
            for release in self._open
            if release.manifest.prompts.get(name) == reference
        ]


def misnamed_file(file: str) -> str:
    """What is to be said of a file that looks like a prompt and is none."""
    return f"{file} is not used: a prompt's file is named NAME/VERSION.yaml, such as answer/3.yaml."


def prompt_problems(settings: Settings, database: Database) -> list[str]:
    """What is wrong with the files of prompts, or with their folder. Whatever it is, the champion answers."""
    try:
        return PromptShelf(settings, database).problems()
    except InputError as error:
        return [f"{error.message} {error.hint}"]
