"""Every model server behind RAGLOOP_MODEL_URL, told of an adapter before anyone depends on it.

servers = open_model_servers(settings)          # None where no model is set up
await servers.ensure(release.manifest.generator)

`ensure` finds the base model served, loads the adapter under its digest-bearing name where it is missing, and asks it a
question. It remembers that, so that it costs nothing before each answer; `forget` makes it look again, for a server
that was started anew has lost its adapters. Answers go through a balancer, so one server that is reached is enough for
them: the others are told when they are back and say that they do not know the adapter. A release that is to be promoted
must be ready on all.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import SecretStr

from core.errors import AdapterError, ModelRefusedError, ModelUnavailableError, RagloopError
from core.release import GeneratorSpec
from core.settings import Settings
from serving.adapters.replica import Replica
from serving.adapters.store import Adapter, AdapterStore
from serving.llm.connection import open_http

if TYPE_CHECKING:
    import httpx

Found = TypeVar("Found")
# Adapters being loaded at the same time. Each takes a server a fraction of a second.
_WORKERS = 4


class ModelServers:
    """The model servers of this installation. Safe to share between threads and event loops.

    Work is done in threads of its own with an event loop each: many may wait for the same adapter, in whatever loop,
    while it is loaded once. `transport` stands in for the network in tests.
    """

    def __init__(
        self,
        replicas: Sequence[str],
        api_key: SecretStr | None,
        store: AdapterStore,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.replicas = tuple(replicas)
        self.store = store
        self._api_key = api_key
        self._transport = transport
        self._lock = threading.Lock()
        self._ready: set[str] = set()
        self._loading: dict[str, Future[None]] = {}
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="adapters")

    async def ensure(self, spec: GeneratorSpec) -> None:
        """Ready on every server that can be reached, of which there must be one.

        Raises ModelUnavailableError or ModelRefusedError when none will do, AdapterError when the adapter is missing
        here, belongs to another base model or is refused.
        """
        name = _served(spec)
        if name in self._ready:
            return
        await asyncio.wrap_future(self._loaded(name, spec))

    async def ensure_everywhere(self, spec: GeneratorSpec) -> None:
        """Ready on every server, whatever is remembered. Raises as `ensure`, and names the server that is at fault."""
        adapter = self._adapter(spec)
        outcomes = await self._on_each(lambda replica: _make_ready(replica, spec, adapter))
        for error in _errors(outcomes):
            raise error
        with self._lock:
            self._ready.add(_served(spec))

    def forget(self, spec: GeneratorSpec) -> None:
        """Look again next time: a server says that it does not know the model."""
        with self._lock:
            self._ready.discard(_served(spec))

    async def unload(self, name: str) -> list[str]:
        """Unload the adapter that is served under `name` from every server; the servers that had it.

        Raises ModelUnavailableError or ModelRefusedError if a server does not do it, the others having done it.
        """
        with self._lock:
            self._ready.discard(name)
        outcomes = await self._on_each(lambda replica: replica.unload(name))
        for error in _errors(outcomes):
            raise error
        return [url for url, had_it in outcomes.items() if had_it is True]

    async def models(self) -> dict[str, dict[str, str | None] | RagloopError]:
        """What each server offers, by its URL: a folder for each name, or why it does not say."""
        return await self._on_each(lambda replica: replica.models())

    def close(self) -> None:
        """End the threads. What is being loaded is finished first."""
        self._pool.shutdown()

    def _loaded(self, name: str, spec: GeneratorSpec) -> Future[None]:
        """What ends when the model is ready: it is begun unless somebody waits for it already."""
        with self._lock:
            loading = self._loading.get(name)
            if loading is not None:
                return loading
            loading = self._loading[name] = Future()
            loading.set_running_or_notify_cancel()  # who gives up waiting must not take it from the others
        self._pool.submit(self._make_ready, spec).add_done_callback(partial(self._tell, name, loading))
        return loading

    def _make_ready(self, spec: GeneratorSpec) -> None:
        adapter = self._adapter(spec)
        outcomes = asyncio.run(self._on_each(lambda replica: _make_ready(replica, spec, adapter)))
        errors = _errors(outcomes)
        if outcomes and len(errors) == len(outcomes):
            raise errors[0]

    def _tell(self, name: str, loading: Future[None], done: Future[None]) -> None:
        """Tell those who wait for `loading` how it ended."""
        error = done.exception()
        with self._lock:
            del self._loading[name]
            if error is None:
                self._ready.add(name)
        if error is None:
            loading.set_result(None)
        else:
            loading.set_exception(error)

    def _adapter(self, spec: GeneratorSpec) -> Adapter | None:
        """The adapter of the release, found sound and made for its base model."""
        if spec.adapter_digest is None:
            return None
        adapter = self.store.get(spec.adapter_digest)
        trained_on = adapter.facts.get("base_model")
        if trained_on is not None and trained_on != spec.base_model:
            raise AdapterError(
                f"Adapter {adapter.digest[:16]} was trained on the base model {str(trained_on)[:100]!r}, not on "
                f"{spec.base_model!r}.",
                hint=f"Set generator.base_model={str(trained_on)[:100]}, or choose another adapter.",
            )
        if not self.replicas:
            raise AdapterError(
                "Adapters can only be loaded by vLLM, and none is set up.",
                hint="Set RAGLOOP_MODEL_PROVIDER=openai and RAGLOOP_MODEL_REPLICAS to the vLLM servers' base URLs.",
            )
        return adapter

    async def _on_each(self, deed: Callable[[Replica], Awaitable[Found]]) -> dict[str, Found | RagloopError]:
        """What the deed gave at each server, all at once; an error is a value."""

        async def tried(replica: Replica) -> Found | RagloopError:
            try:
                return await deed(replica)
            except (ModelUnavailableError, AdapterError) as error:
                return error

        async with open_http(self._api_key, transport=self._transport) as client:
            found = await asyncio.gather(*(tried(Replica(url, client)) for url in self.replicas))
        return dict(zip(self.replicas, found, strict=True))


def open_model_servers(settings: Settings) -> ModelServers | None:
    """The servers that the settings name, None if they name none.

    Azure names its deployments itself and loads no adapters, so there is nothing to be made ready at it.
    """
    if settings.model_url is None:
        return None
    replicas = settings.replicas if settings.model_provider == "openai" else ()
    return ModelServers(replicas, settings.model_api_key, AdapterStore(settings.adapters))


async def _make_ready(replica: Replica, spec: GeneratorSpec, adapter: Adapter | None) -> None:
    name, base = _served(spec), str(spec.base_model)
    if adapter is None:
        await _ask_base(replica, base)
        return
    offered = await replica.models()
    _require_offered(replica, base, offered)
    if name not in offered:
        await asyncio.to_thread(_require_fit, adapter, offered[base])
        await replica.load(name, adapter.folder)
    await replica.probe(name)


async def _ask_base(replica: Replica, base: str) -> None:
    """Its answer decides: an endpoint other than vLLM need not list its models, nor list them by every name."""
    try:
        await replica.probe(base)
    except ModelRefusedError:
        _require_offered(replica, base, await replica.models())
        raise


def _require_offered(replica: Replica, base: str, offered: Mapping[str, object]) -> None:
    if base not in offered:
        names = ", ".join(repr(each) for each in list(offered)[:5]) or "nothing"
        raise ModelRefusedError(
            f"The model server {replica.url} offers {names}, not the release's base model {base!r}.",
            hint="Serve that model there (`make vllm MODEL_NAME=…`), or set generator.base_model to what is served.",
        )


def _require_fit(adapter: Adapter, base: str | None) -> None:
    """Raises AdapterError if the base model's folder is to be seen here and the adapter does not fit it.

    vLLM itself takes an adapter whose matrices are smaller than the model's, and then answers nonsense.
    """
    if base is not None and Path(base).is_dir() and any(Path(base).glob("*.safetensors")):
        adapter.require_fit(Path(base))


def _served(spec: GeneratorSpec) -> str:
    if not spec.base_model:
        raise AdapterError("The release names no base model.", hint="Set generator.base_model.")
    return spec.served_model or spec.base_model


def _errors(outcomes: Mapping[str, object]) -> list[RagloopError]:
    """What went wrong; an adapter at fault before a server that is down, since waiting does not mend it."""
    found = [outcome for outcome in outcomes.values() if isinstance(outcome, RagloopError)]
    return sorted(found, key=lambda error: not isinstance(error, AdapterError))
