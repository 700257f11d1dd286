"""The indexes there are: what each was built with, what it holds, who uses it; and taking one away."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from core.audit_trail import champions
from core.errors import ConflictError, NotFoundError
from core.release import Release, ReleaseStatus
from core.storage.releases import ReleaseRepository
from core.types import CollectionSpec
from ingestion.embedding import text_sha256
from ingestion.pipeline import WAIT_SECONDS, Stores, writing

# Texts whose vectors are forgotten in one transaction.
_BATCH = 5000


@dataclass(frozen=True, slots=True)
class Index:
    """One collection, as people see it. `releases` are all that were made with it, `live` says that one answers now."""

    spec: CollectionSpec
    documents: int
    chunks: int
    live: bool
    releases: tuple[Release, ...]

    @property
    def name(self) -> str:
        return self.spec.name


@dataclass(frozen=True)
class Indexes:
    """Lists and drops indexes. `home` has the lock that writers hold."""

    home: Path
    stores: Stores
    releases: ReleaseRepository

    def list(self) -> list[Index]:
        """All of them, sorted by name."""
        live = self._live()
        found = []
        for name in self.stores.index.collections():
            counts = self.stores.index.chunk_counts(name)
            found.append(
                Index(
                    spec=self.stores.index.spec(name),
                    documents=len(counts),
                    chunks=sum(counts.values()),
                    live=name == live,
                    releases=self._users(name),
                )
            )
        return found

    def drop(self, name: str) -> dict[str, int]:
        """Remove the index with all that only it needs, and return how much that was.

        Raises NotFoundError when there is none of this name, ConflictError while a release that answers, may be rolled
        back to or may be promoted reads it. Killed in between, it can be run again.
        """
        with writing(self.home, WAIT_SECONDS):
            if name not in self.stores.index.collections():
                raise NotFoundError(f"There is no index {name}.", hint="`ragloop index list` shows their names.")
            self._refuse_used(name)
            documents = self.stores.documents
            chunks = sum(self.stores.index.chunk_counts(name).values())
            vectors = self._forget_vectors(name)
            texts = documents.remove(documents.held_only_by(name))
            rows = list(documents.entries(name))
            documents.remove_entries(name, rows)
            self.stores.index.drop(name)
            return {"chunks": chunks, "memo": vectors, "documents": texts, "manifest": len(rows)}

    def _live(self) -> str | None:
        try:
            return live_spec(self.releases, self.stores).name
        except NotFoundError:
            return None

    def _users(self, name: str) -> tuple[Release, ...]:
        return tuple(release for release in self.releases.all() if release.manifest.collection.name == name)

    def _refuse_used(self, name: str) -> None:
        if name == self._live():
            raise ConflictError(
                f"The index {name} is the one that answers.",
                hint="Promote a release with another index first: `ragloop release promote`.",
            )
        before = champions(self.releases.events())[-2:-1]
        for release in self._users(name):
            if release.status is ReleaseStatus.CANDIDATE:
                how = f"Reject it first: `ragloop release reject {release.id[:12]}`."
                raise _used(name, release, "is a candidate", how)
            if release.id in before:
                how = "It can be dropped once another release has been promoted."
                raise _used(name, release, "is what `ragloop release rollback` goes back to", how)

    def _forget_vectors(self, name: str) -> int:
        """Vectors remembered for this index. What another one shares is embedded again if it is ever needed."""
        fingerprint = self.stores.index.spec(name).embedder_fingerprint
        hashes = (text_sha256(stored.chunk.indexed_text) for stored, _ in self.stores.index.scroll(name))
        forgotten = 0
        while batch := list(islice(hashes, _BATCH)):
            forgotten += self.stores.memo.remove(batch, fingerprint)
        return forgotten


def live_spec(releases: ReleaseRepository, stores: Stores) -> CollectionSpec:
    """The collection that answers: the champion's, or before there is one, the last that was ingested into.

    Raises NotFoundError while nothing has been ingested.
    """
    champion = releases.champion()
    if champion is not None:
        return champion.manifest.collection.spec
    names = stores.index.collections()
    for run in stores.runs.latest(limit=50):
        if run.state == "finished" and run.collection in names:
            return stores.index.spec(run.collection)
    raise NotFoundError("There is no live index yet.", hint="Run `ragloop ingest FOLDER` first.")


def _used(name: str, release: Release, why: str, how: str) -> ConflictError:
    return ConflictError(f"The index {name} is needed: release {release.id[:12]} reads it and {why}.", hint=how)
