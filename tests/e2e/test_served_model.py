"""Answers of the real vLLM through the real server: cited and streamed, with adapters that come and go, and through a
crash of vLLM in the middle of an answer."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from core.settings import Settings, child_environment, load_settings
from core.storage.api_keys import ApiKeyRepository
from core.storage.database import Database
from core.types import Role
from ingestion.factory import folder_source, open_pipeline
from serving.adapters.store import AdapterStore
from tests.benchmarks.adapter_swaps import SEEDS, Streamed, stream
from tests.benchmarks.search import server
from tests.support.home import make_home
from tests.support.random_adapters import random_adapter
from tests.support.vllm_server import NAME, SMALL_MODEL, VLLMServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# Short answers over a short context: the small model has a small window. A model that a busy machine keeps waiting is
# not down.
LIMITS = {"top_k": 2, "model_max_tokens": 400, "model_first_token_seconds": 90, "model_idle_seconds": 90}
WHEN = "What do the documents say about travel expenses before the trip?"
TRAVEL = """# Travel

The team lead approves travel expenses before the trip. Receipts are handed in within two weeks.

## Trains

Journeys under four hours are made by train. First class needs a reason.
"""


@dataclass
class Installation:
    """A server over one document, and a maker and an admin at the command line."""

    settings: Settings
    address: str
    key: str

    def ragloop(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Runs a command; its exit code and the JSON that it printed."""
        program = str(Path(sys.executable).with_name("ragloop"))
        environment = child_environment(
            RAGLOOP_HOME=str(self.settings.home), RAGLOOP_API_KEY=self.key, **variables(self.settings)
        )
        ran = subprocess.run(
            [program, *arguments, "--json"], env=environment, capture_output=True, text=True, check=False
        )
        return ran.returncode, json.loads(ran.stdout or "{}")

    def done(self, *arguments: str) -> dict[str, Any]:
        code, printed = self.ragloop(*arguments)
        assert code == 0, printed
        return printed

    def create(self, **generator: str) -> str:
        """The id of a candidate that a model answers."""
        values = {"kind": "llm", "base_model": NAME, "sampling.temperature": "0", **generator}
        sets = [word for name, value in values.items() for word in ("--set", f"generator.{name}={value}")]
        return str(self.done("release", "create", *sets, "--reason", "a test")["id"])

    def promote(self, release: str) -> None:
        self.done("release", "promote", release, "--override", "--reason", "a test")
        assert within(60, lambda: self.ask().release == release)

    def ask(self) -> Streamed:
        with httpx.Client(timeout=120) as client:
            answer = stream(client, self.address, WHEN)
        assert not answer.error, answer.error
        return answer


def variables(settings: Settings) -> dict[str, str]:
    limits = {f"RAGLOOP_{name.upper()}": str(value) for name, value in LIMITS.items()}
    return {"RAGLOOP_MODEL_URL": str(settings.model_url), **limits}


def within(seconds: float, is_so: Any) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.1)
    return bool(is_so())


def offered(vllm: VLLMServer) -> set[str]:
    return {model["id"] for model in httpx.get(f"{vllm.url}/models", timeout=60).json()["data"]}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, vllm: VLLMServer) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("served")
    settings = load_settings(home=make_home(folder), model_url=vllm.url, **LIMITS)
    documents = folder / "policies"
    documents.mkdir()
    (documents / "travel.md").write_text(TRAVEL)
    with open_pipeline(settings) as pipeline:
        pipeline.run(folder_source(pipeline, documents))
    database = Database.open(settings)
    key = ApiKeyRepository(database).create("admin", roles=[Role.ADMIN])[1]
    database.close()
    with server(settings, **variables(settings)) as (address, _):
        yield Installation(settings, address, key)


@pytest.fixture(scope="module")
def base_release(installation: Installation) -> str:
    """A release that the base model answers."""
    return installation.create()


@pytest.fixture
def live(installation: Installation, vllm: VLLMServer, base_release: str) -> str:
    """That release as the champion, whatever the tests before came to."""
    if installation.ask().release != base_release:
        installation.promote(base_release)
    return base_release


def an_adapter(installation: Installation, number: int, folder: Path) -> str:
    """The digest of an adapter of the small model that vLLM, which other tests use too, has not loaded: the test of
    swaps, which leaves its adapters there, has other seeds."""
    seed = max(SEEDS) + number
    return random_adapter(AdapterStore(installation.settings.adapters), SMALL_MODEL, seed, folder)


def test_a_served_model_streams_a_cited_answer_through_the_api(installation: Installation, live: str) -> None:
    body = {"model": "ragloop", "messages": [{"role": "user", "content": WHEN}]}
    answer = httpx.post(f"{installation.address}/v1/chat/completions", json=body, timeout=120).json()
    assert answer["release"] == live
    assert (answer["degraded"], answer["model_use"]["model"]) == (False, NAME)
    assert answer["usage"]["completion_tokens"] > 0
    assert answer["citations"], answer["answer"]
    assert {citation["uri"] for citation in answer["citations"]} == {"policies/travel.md"}
    assert all(citation["quote"] in TRAVEL for citation in answer["citations"])
    assert "[1]" in answer["answer"]

    streamed = installation.ask()
    assert streamed.text == answer["answer"], "at temperature 0 the same question is answered the same"


def test_an_adapter_is_loaded_for_its_release_and_unloaded_when_no_release_needs_it(
    installation: Installation, vllm: VLLMServer, live: str, tmp_path: Path
) -> None:
    adapter = an_adapter(installation, 1, tmp_path)
    name = f"{NAME}-{adapter[:16]}"
    assert name not in offered(vllm)
    release = installation.create(adapter_digest=adapter)
    assert name in offered(vllm)
    installation.promote(release)
    answer = installation.ask()
    assert (answer.model, answer.degraded) == (name, False)
    assert answer.text

    assert name not in pruned(installation), "the champion's adapter stays"
    installation.done("release", "rollback", "--reason", "a test")
    assert within(60, lambda: installation.ask().release == live)
    assert name in pruned(installation)
    assert name not in offered(vllm)


def test_wrong_adapters_are_refused_and_what_is_live_goes_on(
    installation: Installation, vllm: VLLMServer, live: str, tmp_path: Path
) -> None:
    before = offered(vllm)
    sound = installation.settings.adapters / an_adapter(installation, 2, tmp_path)
    damaged = copied(sound, tmp_path / "damaged")
    (damaged / "adapter_model.safetensors").write_bytes(b"nothing")
    assert installation.ragloop("adapters", "add", str(damaged))[0] == 2

    too_high = installation.done("adapters", "add", str(resized(sound, tmp_path / "high", rank=128)))["digest"]
    narrow = installation.done("adapters", "add", str(resized(sound, tmp_path / "narrow", inputs=16)))["digest"]
    for digest, said in {too_high: "max_lora_rank", narrow: "another base model", "0" * 64: "no adapter"}.items():
        code, refused = installation.ragloop(
            "release", "create", "--set", "generator.kind=llm", "--set", f"generator.base_model={NAME}",
            "--set", f"generator.adapter_digest={digest}", "--reason", "a test",
        )  # fmt: skip
        assert code == 2
        assert said in refused["error"]["message"]
        assert refused["error"]["hint"]
    assert offered(vllm) == before
    answer = installation.ask()
    assert (answer.release, answer.degraded) == (live, False)


def pruned(installation: Installation) -> list[str]:
    """The names that were unloaded."""
    return [each["name"] for each in installation.done("adapters", "prune")["unloaded"]]


def copied(source: Path, target: Path) -> Path:
    target.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (target / name).write_bytes((source / name).read_bytes())
    return target


def resized(source: Path, target: Path, *, rank: int | None = None, inputs: int | None = None) -> Path:
    """The adapter with matrices of another rank, or for a model with fewer inputs; all zeros."""
    copied(source, target)
    config = json.loads((target / "adapter_config.json").read_text())
    rank = rank or config["r"]
    (target / "adapter_config.json").write_text(json.dumps({**config, "r": rank}))
    weights = load_file(target / "adapter_model.safetensors")
    shapes = {
        name: (rank, inputs or matrix.shape[1]) if "lora_A" in name else (matrix.shape[0], rank)
        for name, matrix in weights.items()
    }
    zeros = {name: np.zeros(shape, dtype=np.float32) for name, shape in shapes.items()}
    save_file(zeros, target / "adapter_model.safetensors", metadata={"format": "pt"})
    return target


def test_a_crash_of_vllm_in_mid_answer_ends_the_answer_from_the_documents_and_is_recovered_from(
    installation: Installation, vllm: VLLMServer, live: str, tmp_path: Path
) -> None:
    adapter = an_adapter(installation, 3, tmp_path)
    # An answer that goes on for a hundred tokens, so that it is being written when vLLM is killed.
    long = {"sampling.min_tokens": "100", "sampling.max_tokens": "150"}
    installation.promote(installation.create(adapter_digest=adapter, **long))
    text, last = "", {}
    body = {"model": "ragloop", "messages": [{"role": "user", "content": WHEN}], "stream": True}
    with httpx.stream("POST", f"{installation.address}/v1/chat/completions", json=body, timeout=120) as response:
        for line in response.iter_lines():
            if line.startswith("data: {"):
                last = json.loads(line.removeprefix("data: "))
                text += last["choices"][0]["delta"].get("content") or ""
                if text:
                    vllm.kill()  # the first time; it is dead after that
        assert line == "" or line == "data: [DONE]"
    assert (last["degraded"], last["choices"][0]["finish_reason"]) == (True, "stop")
    assert last["answer"] == text
    written, _, quoted = text.partition("The model broke off here.")
    assert written.strip()
    assert "The team lead approves travel expenses before the trip." in quoted
    assert last["citations"]

    degraded = installation.ask()
    assert degraded.degraded
    assert degraded.model == ""
    assert httpx.get(f"{installation.address}/readyz", timeout=60).status_code == 200

    vllm.start()
    assert f"{NAME}-{adapter[:16]}" not in offered(vllm)
    healthy = time.monotonic()
    asked = []

    def recovered() -> bool:
        asked.append(time.monotonic())
        return not installation.ask().degraded

    assert within(60, recovered), "it recovers by itself"
    # What is asked within ten seconds is answered by the model again, however long a busy machine writes at it.
    assert asked[-1] - healthy < 10
    assert f"{NAME}-{adapter[:16]}" in offered(vllm)
    assert installation.ask().model == f"{NAME}-{adapter[:16]}"
