"""Which adapters there are, which releases need them, and which servers have loaded them.

Needed are those of the champion, of the champion before it, to which a rollback leads, and of every open candidate.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.audit_trail import champions
from core.errors import AdapterError, ConflictError, RagloopError
from core.release import GeneratorSpec, Release, ReleaseEvent, ReleaseStatus
from core.storage.releases import ReleaseRepository
from serving.adapters.servers import ModelServers
from serving.adapters.store import Adapter, AdapterStore

_ADAPTER_NAME = re.compile(r".+-[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class AdapterListing:
    """One adapter of the store. `problem` says why it cannot be used, in which case there is no `adapter`; `needed_by`
    are ids of releases, `loaded_on` URLs of servers."""

    digest: str
    adapter: Adapter | None
    problem: str
    needed_by: Sequence[str]
    loaded_on: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        """Without the facts, which may list every question that was trained on."""
        adapter = self.adapter.as_json() if self.adapter else {"digest": self.digest}
        adapter.pop("facts", None)
        return {**adapter, "problem": self.problem, "needed_by": self.needed_by, "loaded_on": self.loaded_on}


class AdapterRegistry:
    """The store, the releases and the servers seen together. Not to be called from a running event loop. Without
    `servers`, which is where no model server is set up, nothing can be loaded or unloaded."""

    def __init__(self, store: AdapterStore, releases: ReleaseRepository, servers: ModelServers | None) -> None:
        self.store = store
        self._releases = releases
        self._servers = servers

    def list(self) -> list[AdapterListing]:
        """Every adapter of the store, sound or not."""
        needed, loaded = self._needed(), self._loaded()
        found = []
        for name in self.store.digests():
            on = [url for url, names in loaded.items() if any(_is_of(served, name) for served in names)]
            adapter, problem = self._look(name)
            found.append(AdapterListing(name, adapter, problem, needed.get(name, ()), on))
        return found

    def servers(self) -> dict[str, str]:
        """Each server's state by its URL: ok, or what stands in the way."""
        found = asyncio.run(self._servers.models()) if self._servers else {}
        return {url: each.message if isinstance(each, RagloopError) else "ok" for url, each in found.items()}

    def load(self, beginning: str, base_model: str | None = None) -> str:
        """Load an adapter on every server, and ask it a question there; the name that it is served under."""
        adapter = self.store.find(beginning)
        base = base_model or adapter.facts.get("base_model")
        if not isinstance(base, str):
            raise AdapterError(
                f"Nothing says under which name the base model of adapter {adapter.digest[:16]} is served.",
                hint="Name it: ragloop adapters load DIGEST --model base",
            )
        spec = GeneratorSpec(kind="llm", base_model=base, adapter_digest=adapter.digest)
        asyncio.run(self._required().ensure_everywhere(spec))
        return str(spec.served_model)

    def unload(self, beginning: str, *, force: bool = False) -> dict[str, Sequence[str]]:
        """Unload an adapter from every server: each name that it had there, with the servers.

        Raises ConflictError if a release needs it, unless `force` is set.
        """
        digest = self._digest(beginning)
        if not force:
            self._require_unneeded(digest, "unloads it anyway: the next question to that release loads it again.")
        return self._unload({name for name in self._names() if _is_of(name, digest)})

    def removable(self, beginning: str, *, force: bool = False) -> str:
        """The digest of the adapter that is meant, if it may be removed. Raises ConflictError as `unload`."""
        digest = self._digest(beginning)
        if not force:
            self._require_unneeded(digest, "removes it anyway: that release cannot answer with it any more.")
        return digest

    def remove(self, digest: str) -> dict[str, Sequence[str]]:
        """Unload an adapter from every server and delete it for good; what `unload` returns."""
        unloaded = self.unload(digest, force=True) if self._servers else {}
        self.store.remove(digest)
        return unloaded

    def prune(self) -> dict[str, Sequence[str]]:
        """Unload every adapter that no release needs: each name, with the servers that had it."""
        needed = set(self._needed())
        return self._unload(
            {
                name
                for name in self._names()
                if _ADAPTER_NAME.fullmatch(name) and not any(_is_of(name, digest) for digest in needed)
            }
        )

    def _require_unneeded(self, digest: str, forced: str) -> None:
        if needed := self._needed().get(digest):
            raise ConflictError(
                f"Release {needed[0][:12]} needs adapter {digest[:16]}.",
                hint=f"Reject the release or promote another first. --force {forced}",
            )

    def _unload(self, names: Iterable[str]) -> dict[str, Sequence[str]]:
        return {name: asyncio.run(self._required().unload(name)) for name in sorted(names)}

    def _names(self) -> set[str]:
        """What is loaded anywhere. Raises what keeps a server from saying so: it may hold the adapter."""
        found = asyncio.run(self._required().models())
        for each in found.values():
            if isinstance(each, RagloopError):
                raise each
        return {name for names in found.values() if not isinstance(names, RagloopError) for name in names}

    def _loaded(self) -> Mapping[str, Iterable[str]]:
        found = asyncio.run(self._servers.models()) if self._servers else {}
        return {url: names for url, names in found.items() if not isinstance(names, RagloopError)}

    def _needed(self) -> Mapping[str, Sequence[str]]:
        return needed(self._releases.all(), self._releases.events())

    def _look(self, digest: str) -> tuple[Adapter | None, str]:
        try:
            return self.store.get(digest), ""
        except AdapterError as error:
            return None, error.message

    def _digest(self, beginning: str) -> str:
        """The digest that begins so: of an adapter that is here, however damaged, or that a release names."""
        known = {*self.store.digests(), *self._needed()}
        found = [digest for digest in known if beginning and digest.startswith(beginning)]
        return found[0] if len(found) == 1 else self.store.find(beginning).digest

    def _required(self) -> ModelServers:
        if self._servers is None:
            raise ConflictError("No model server is set up.", hint="Set RAGLOOP_MODEL_URL; `make vllm` starts one.")
        return self._servers


def needed(releases: Iterable[Release], events: Iterable[ReleaseEvent]) -> dict[str, list[str]]:
    """The adapters that must stay loaded, by digest, each with the releases that need it. `events` oldest first."""
    stack = champions(events)[-2:]
    found: dict[str, list[str]] = {}
    for release in releases:
        digest = release.manifest.generator.adapter_digest
        if digest and (release.id in stack or release.status is ReleaseStatus.CANDIDATE):
            found.setdefault(digest, []).append(release.id)
    return found


def _is_of(name: str, digest: str) -> bool:
    """Whether a served name is that of this adapter."""
    return name.endswith(f"-{digest[:16]}")
