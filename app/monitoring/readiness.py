"""Whether this process can answer: database, index, model, documents and release, each looked at by itself.

The model server is told of beside them: while it is down answers are quoted from the documents, so it keeps no process
from being ready.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from app.runtime import Runtime
from core.errors import RagloopError
from serving.factory import Services
from serving.releases.champion import current_champion

PARTS = ("database", "index", "model", "documents", "release")


@dataclass(slots=True)
class Readiness:
    """Each part's state: ok, or the type of the error that stands in the way. Messages stay in the log: the probe is
    open to everyone, and they name places."""

    checks: dict[str, str] = field(default_factory=dict)
    hint: str = ""
    model_server: str = "none"
    """none where there is none, ok, or degraded while questions are answered without it."""

    @property
    def ready(self) -> bool:
        return all(state == "ok" for state in self.checks.values())

    def note(self, part: str, look: Callable[[], object]) -> None:
        try:
            look()
            self.checks[part] = "ok"
        except RagloopError as error:
            self.checks[part] = error.type
            self.hint = self.hint or error.hint


def look(runtime: Runtime) -> Readiness:
    """Look at every part. Blocks on the database and the index."""
    state = runtime.state()
    if isinstance(state, RagloopError):
        return Readiness(dict.fromkeys(PARTS, state.type), state.hint)
    return _look_at(runtime, state)


def _look_at(runtime: Runtime, services: Services) -> Readiness:
    found = Readiness()
    found.note("database", services.database.check)
    found.note("index", services.index.collections)
    if services.settings.model_url is not None:
        found.model_server = "degraded" if services.model_endpoint.breaker.is_open else "ok"
    found.checks["model"] = "ok"  # it embedded a word before the services were handed over, and it is in this process
    looks: dict[str, Callable[[], object]] = {
        "documents": lambda: current_champion(services),  # there is none while nothing was ingested
        # The release may be there and its index gone.
        "release": lambda: runtime.champion_answerer().retriever.verify(),
    }
    for part, look in looks.items():
        if found.ready:
            found.note(part, look)
        else:
            found.checks[part] = "unknown"
    return found
