"""Adapters for tests, written on the spot, and a vLLM server that only knows about them, at httpx's transport seam."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from safetensors.numpy import save_file

MODULES = ("model.layers.0.self_attn.q_proj", "model.layers.1.mlp.down_proj")
OUTPUTS, INPUTS = 16, 8


def lora_config(rank: int = 4, **changes: Any) -> dict[str, Any]:
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "somewhere/base",
        "r": rank,
        "lora_alpha": 8,
        "target_modules": ["q_proj", "down_proj"],
        "bias": "none",
        **changes,
    }


def lora_tensors(rank: int = 4, *, seed: int = 0, dtype: str = "float32") -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    tensors = {}
    for module in MODULES:
        tensors[f"base_model.model.{module}.lora_A.weight"] = random.normal(size=(rank, INPUTS)).astype(dtype)
        tensors[f"base_model.model.{module}.lora_B.weight"] = random.normal(size=(OUTPUTS, rank)).astype(dtype)
    return tensors


def write_adapter(
    folder: Path,
    *,
    config: Mapping[str, Any] | None = None,
    tensors: Mapping[str, np.ndarray] | None = None,
    facts: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Path:
    """A sound adapter of rank 4, unless told otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps(lora_config() if config is None else config))
    save_file(dict(lora_tensors(seed=seed) if tensors is None else tensors), folder / "adapter_model.safetensors")
    if facts is not None:
        (folder / "ragloop.json").write_text(json.dumps(facts))
    return folder


def write_base(folder: Path, *, outputs: int = OUTPUTS, modules: Sequence[str] = MODULES) -> Path:
    """A model whose matrices the adapters above fit, as far as their shapes go."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {f"{module}.weight": np.zeros((outputs, INPUTS), dtype=np.float32) for module in modules},
        folder / "model.safetensors",
    )
    return folder


class FakeVLLM(httpx.AsyncBaseTransport):
    """Servers by host name. `down` are the hosts that nobody can connect to; `refuses` is what they say to an adapter.
    A server that is started anew has forgotten its adapters."""

    def __init__(self, *hosts: str, base: str = "base") -> None:
        self.loaded: dict[str, dict[str, str]] = {host: {} for host in hosts}
        self.base = base
        self.root = "/models/base"
        self.down: set[str] = set()
        self.refuses: tuple[int, str] | None = None
        self.knows_adapters = True
        self.lists_models = True
        self.probe_status = 200
        self.key: str | None = None
        self.requests: Counter[str] = Counter()
        self.gate: threading.Event | None = None

    @property
    def urls(self) -> Sequence[str]:
        return [f"http://{host}/v1" for host in self.loaded]

    def restart(self, host: str) -> None:
        self.loaded[host].clear()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host, path = request.url.host, request.url.path.removeprefix("/v1/")
        self.requests[path] += 1
        if host in self.down:
            raise httpx.ConnectError("connection refused", request=request)
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            return httpx.Response(401, json={"error": "Unauthorized"})
        body = json.loads(await request.aread() or b"{}")
        return getattr(self, f"_{path.replace('/', '_')}")(self.loaded[host], body)

    def _models(self, loaded: dict[str, str], body: Any) -> httpx.Response:
        if not self.lists_models:
            return httpx.Response(404, text="not found")
        entries = [{"id": self.base, "root": self.root}, *({"id": i, "root": r} for i, r in loaded.items())]
        return httpx.Response(200, json={"object": "list", "data": entries})

    def _load_lora_adapter(self, loaded: dict[str, str], body: Any) -> httpx.Response:
        if self.gate is not None:
            self.gate.wait(5)
        if not self.knows_adapters:
            return httpx.Response(404, json={"detail": "Not Found"})
        if self.refuses is not None:
            return _error(*self.refuses)
        name = body["lora_name"]
        if name in loaded:
            return _error(400, f"The lora adapter '{name}' has already been loaded.")
        if not Path(body["lora_path"], "adapter_config.json").exists():
            return _error(404, f"Loading lora {name} failed: No adapter found for {body['lora_path']}")
        loaded[name] = body["lora_path"]
        return httpx.Response(200, text=f"Success: LoRA adapter '{name}' added successfully.")

    def _unload_lora_adapter(self, loaded: dict[str, str], body: Any) -> httpx.Response:
        if loaded.pop(body["lora_name"], None) is None:
            return _error(404, f"The lora adapter '{body['lora_name']}' cannot be found.")
        return httpx.Response(200, text="Success")

    def _chat_completions(self, loaded: dict[str, str], body: Any) -> httpx.Response:
        if self.probe_status != 200:
            return _error(self.probe_status, "the engine is dead")
        if body["model"] not in (self.base, *loaded):
            return _error(404, f"The model `{body['model']}` does not exist.")
        return httpx.Response(200, json={"choices": [{"message": {"role": "assistant", "content": "Yes."}}]})


def _error(status: int, message: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"message": message, "type": "BadRequestError", "code": status}})
