"""One vLLM server: which models it offers, loading and unloading adapters, and one question to see that it answers.

Written for vLLM 0.32. Any OpenAI-compatible endpoint will do for a release without an adapter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import AdapterError, ModelRefusedError, ModelUnavailableError
from serving.llm.connection import CONNECT_SECONDS
from serving.llm.failures import explain_status

if TYPE_CHECKING:
    import httpx

# Seconds. Loading reads the adapter from disk and hands it to every worker of the server.
ASK_SECONDS = 20.0
LOAD_SECONDS = 120.0

PROBE = "Are you ready?"
PROBE_TOKENS = 4

_LONGEST_REASON = 500
_KEY = "Set RAGLOOP_MODEL_API_KEY to the key that the model server wants."
_DOWN = "Start it (`make vllm`), or set RAGLOOP_MODEL_URL and RAGLOOP_MODEL_REPLICAS to where it is."
_BASE_URL = "The base URL of an OpenAI-compatible endpoint mostly ends in /v1: check RAGLOOP_MODEL_URL."
_NOT_RUNTIME = (
    "Start vLLM with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, as `make vllm` does, and name vLLM "
    "itself, not a proxy before it, in RAGLOOP_MODEL_REPLICAS."
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered: its status, and the JSON object of its body, empty if there is none."""

    status: int
    body: Mapping[str, Any]

    @property
    def reason(self) -> str:
        """The server's own words, on one line."""
        error = self.body.get("error")
        message = error.get("message") if isinstance(error, dict) else self.body.get("detail")
        return " ".join(str(message or f"status {self.status}").split())[:_LONGEST_REASON]


class Replica:
    """The server at one base URL. Raises ModelUnavailableError when it cannot be reached, ModelRefusedError when it
    wants another key or another request."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self.url = url
        self._client = client

    async def models(self) -> dict[str, str | None]:
        """What it offers: for each name the folder that it read the model from, where it says so."""
        reply = await self._send("GET", "/models", seconds=ASK_SECONDS)
        if reply.status != 200:
            raise ModelRefusedError(
                f"The model server {self.url} does not list its models: {reply.reason}",
                hint=_BASE_URL,
            )
        entries = reply.body.get("data")
        found = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
        return {str(entry.get("id")): entry.get("root") for entry in found}

    async def load(self, name: str, folder: Path) -> None:
        """Load the adapter in `folder`, a path that the server reads. Raises AdapterError with the server's reason."""
        reply = await self._send(
            "POST", "/load_lora_adapter", {"lora_name": name, "lora_path": str(folder)}, seconds=LOAD_SECONDS
        )
        if reply.status == 200 or "already been loaded" in reply.reason:
            return
        if "error" not in reply.body:  # no such route: the error is the web framework's, not vLLM's
            raise ModelRefusedError(f"The model server {self.url} does not load adapters.", hint=_NOT_RUNTIME)
        raise AdapterError(
            f"The model server {self.url} refuses adapter {name}: {reply.reason}", hint=_mend(reply.reason, folder)
        )

    async def unload(self, name: str) -> bool:
        """Unload the adapter; False if it was not loaded."""
        reply = await self._send("POST", "/unload_lora_adapter", {"lora_name": name}, seconds=ASK_SECONDS)
        if "error" not in reply.body and reply.status != 200:
            raise ModelRefusedError(f"The model server {self.url} does not unload adapters.", hint=_NOT_RUNTIME)
        if reply.status not in (200, 404):
            raise ModelRefusedError(f"The model server {self.url} does not unload {name}: {reply.reason}", hint="")
        return reply.status == 200

    async def probe(self, name: str) -> None:
        """Ask one question and see that this very model answers."""
        body = {
            "model": name,
            "messages": [{"role": "user", "content": PROBE}],
            "max_completion_tokens": PROBE_TOKENS,  # as answers are asked for: OpenAI's newer models refuse max_tokens
        }
        reply = await self._send("POST", "/chat/completions", body, seconds=ASK_SECONDS)
        if reply.status != 200:
            told = explain_status(reply.status, reply.reason, name)
            raise type(told)(f"{self._silent_to(name)}: {reply.reason}", hint=told.hint)
        if not reply.body.get("choices"):
            raise ModelRefusedError(f"{self._silent_to(name)}: what it sends is no chat completion.", hint=_BASE_URL)

    def _silent_to(self, name: str) -> str:
        return f"The model server {self.url} does not answer a question to {name}"

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, seconds: float) -> Reply:
        import httpx

        timeout = httpx.Timeout(seconds, connect=CONNECT_SECONDS)
        try:
            response = await self._client.request(method, f"{self.url}{path}", json=body, timeout=timeout)
        except httpx.HTTPError as error:
            what = "took too long" if isinstance(error, httpx.TimeoutException) else "cannot be reached"
            raise ModelUnavailableError(f"The model server {self.url} {what}.", hint=_DOWN) from error
        if response.status_code in (401, 403):
            raise ModelRefusedError(f"The model server {self.url} refuses our key.", hint=_KEY)
        if response.status_code in (502, 503, 504):
            raise ModelUnavailableError(f"The model server {self.url} is not ready yet.", hint=_DOWN)
        return Reply(response.status_code, _object(response.text))


def _object(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _mend(reason: str, folder: Path) -> str:
    """What helps against the reason for which vLLM refuses an adapter."""
    if "max_lora_rank" in reason:
        return "Start vLLM with a higher --max-lora-rank, or train the adapter with a lower rank."
    if "No adapter found" in reason or "doesn't contain" in reason or "No such file" in reason:
        return f"The model server must read {folder} under the same path: share RAGLOOP_ADAPTERS_FOLDER with it."
    return "The adapter does not fit the model that is served: serve the one it was trained on."
