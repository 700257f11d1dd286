"""Datasets by name and version: what an evaluation runs over, and where imports and accepted drafts go."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.errors import InputError, NotFoundError
from core.storage.database import Database
from core.storage.evals.datasets import DatasetRepository, DatasetVersion, StoredCase
from evals.cases.cases import DATASETS, Case, check_cases, load_cases

# A name stands in addresses, file names and on the command line, where @ parts it from its version.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_VERSION = re.compile(r"(?P<name>[^@]+)@(?P<version>\d{1,9})", re.ASCII)
_SHIPPED = "Shipped with RAGLoop."

# The dataset of the locked cases that accepted feedback became. It only grows: loop.feedback.acceptance adds to it.
FEEDBACK = "feedback"


@dataclass(frozen=True, slots=True)
class Dataset:
    """One version of a dataset. Its cases never change, but that erased ones are gone."""

    name: str
    version: int
    sha256: str
    cases: tuple[Case, ...]

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def unanswerable(self) -> int:
        """How many of its cases the documents do not answer."""
        return sum(case.unanswerable for case in self.cases)

    @property
    def locked(self) -> int:
        """How many of its cases came from complaints."""
        return sum(case.locked for case in self.cases)


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """A version of a dataset as lists show it. `tags` says how many cases carry each."""

    name: str
    version: int
    sha256: str
    cases: int
    unanswerable: int
    locked: int
    tags: Mapping[str, int]
    created_by: str
    reason: str
    created_at: datetime


class DatasetStore:
    """Saves and finds datasets. A version that was saved never changes."""

    def __init__(self, database: Database) -> None:
        self._repository = DatasetRepository(database)

    def save(self, name: str, cases: Iterable[Case], *, actor: str, reason: str) -> Dataset:
        """The cases as the dataset's next version; if a version holds exactly these cases, that one.

        Raises InputError for a name that cannot be one, for no cases, for too many, and for two with one id.
        """
        check_name(name)
        kept = tuple(cases)
        check_cases(kept, f"Dataset {name}")
        version = self._repository.save(name, stored(kept), created_by=actor, reason=reason)
        return Dataset(name, version.version, version.sha256, kept)

    def get(self, name: str, version: int | None = None) -> Dataset:
        """This version, or the newest. Raises NotFoundError."""
        found = self._repository.get(name, version)
        if found is None:
            wanted = name if version is None else f"{name}@{version}"
            raise NotFoundError(f"There is no dataset {wanted}.", hint="`ragloop eval datasets` lists what there is.")
        return self._dataset(found)

    def all(self) -> list[DatasetSummary]:
        """The newest version of each dataset, by name."""
        return [self._summary(version) for version in self._repository.newest()]

    def versions(self, name: str) -> list[DatasetSummary]:
        """Every version of one dataset, oldest first. Raises NotFoundError if there is none."""
        self.get(name)
        return [self._summary(version) for version in self._repository.versions(name)]

    def cases(self, sha256s: Iterable[str]) -> dict[str, Case]:
        """Those of these cases that are stored and were not erased, by hash."""
        return {sha256: Case.model_validate(text) for sha256, text in self._repository.contents(sha256s).items()}

    def resolve(self, name_or_path: str, *, actor: str = "ragloop") -> Dataset:
        """The dataset that a person means: `name`, `name@version`, one that ships with RAGLoop, or a JSONL file.

        Shipped ones and files are stored as a version first, so that a report can always show its cases; a file goes
        by its own name. A shipped dataset that people went on to change is no longer replaced by the shipped one.
        """
        if numbered := _VERSION.fullmatch(name_or_path):
            return self.get(numbered["name"], int(numbered["version"]))
        if name_or_path.endswith(".jsonl"):
            return self._from_file(Path(name_or_path), actor)
        if not _NAME.fullmatch(name_or_path):
            raise _no_dataset(name_or_path)
        return self._by_name(name_or_path)

    def _by_name(self, name: str) -> Dataset:
        found = self._repository.get(name)
        shipped = DATASETS / f"{name}.jsonl"
        if shipped.is_file() and (found is None or found.reason == _SHIPPED):
            return self.save(name, load_cases(shipped), actor="ragloop", reason=_SHIPPED)
        if found is None:
            raise _no_dataset(name)
        return self._dataset(found)

    def _from_file(self, path: Path, actor: str) -> Dataset:
        return self.save(name_of(path), load_cases(path), actor=actor, reason=f"Read from {path.name}.")

    def _dataset(self, version: DatasetVersion) -> Dataset:
        cases = self.cases(version.cases)
        return Dataset(
            version.dataset, version.version, version.sha256, tuple(cases[key] for key in version.cases if key in cases)
        )

    def _summary(self, version: DatasetVersion) -> DatasetSummary:
        dataset = self._dataset(version)
        return DatasetSummary(
            name=version.dataset,
            version=version.version,
            sha256=version.sha256,
            cases=len(dataset.cases),
            unanswerable=dataset.unanswerable,
            locked=dataset.locked,
            tags=Counter(tag for case in dataset.cases for tag in case.tags),
            created_by=version.created_by,
            reason=version.reason,
            created_at=version.created_at,
        )


def stored(cases: Sequence[Case]) -> list[StoredCase]:
    """The cases as the database keeps them."""
    return [StoredCase(case.sha256, case.model_dump(mode="json")) for case in cases]


def check_name(name: str) -> None:
    """Raises InputError unless the name can be a dataset's."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name[:100]!r} cannot be the name of a dataset.",
            hint="Use letters, digits, dots, dashes and underscores, at most 100 of them.",
        )
    if name == FEEDBACK:
        raise InputError(
            f"The dataset {FEEDBACK} holds the cases that accepted feedback became, and nothing else.",
            hint="Choose another name.",
        )


def name_of(path: Path) -> str:
    """The name that a file's cases go by: its own, with a dash for every character that a name may not have."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-._")[:100]
    return name or "cases"


def _no_dataset(name: str) -> NotFoundError:
    return NotFoundError(
        f"There is no dataset {name[:200]}.",
        hint="`ragloop eval datasets` lists what there is; a file of cases ends in .jsonl.",
    )
