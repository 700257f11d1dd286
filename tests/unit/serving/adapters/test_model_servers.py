"""Model servers: an adapter is loaded and asked a question on every server before anyone depends on it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from core.errors import AdapterError, ModelRefusedError, ModelUnavailableError
from core.release import GeneratorSpec
from core.settings import load_settings
from serving.adapters.replica import Replica
from serving.adapters.servers import ModelServers, open_model_servers
from serving.adapters.store import Adapter, AdapterStore
from tests.support.adapters import FakeVLLM, write_adapter, write_base
from tests.support.asked import answer, generator_over
from tests.support.mock_model import MockModel


@pytest.fixture
def vllm() -> FakeVLLM:
    return FakeVLLM("one", "two")


@pytest.fixture
def servers(vllm: FakeVLLM, tmp_path: Path) -> ModelServers:
    return ModelServers(vllm.urls, None, AdapterStore(tmp_path / "adapters"), transport=vllm)


@pytest.fixture
def adapter(servers: ModelServers, tmp_path: Path) -> Adapter:
    return servers.store.add(write_adapter(tmp_path / "out"))


def tuned(adapter: Adapter, base: str = "base") -> GeneratorSpec:
    return GeneratorSpec(kind="llm", base_model=base, adapter_digest=adapter.digest)


PLAIN = GeneratorSpec(kind="llm", base_model="base")


async def test_an_adapter_is_loaded_on_every_server_and_asked_a_question(
    servers: ModelServers, vllm: FakeVLLM, adapter: Adapter
) -> None:
    await servers.ensure(tuned(adapter))
    name = f"base-{adapter.digest[:16]}"
    assert vllm.loaded == {host: {name: str(adapter.folder)} for host in ("one", "two")}
    assert vllm.requests["chat/completions"] == 2


async def test_what_is_ready_is_not_looked_at_again_until_it_is_forgotten(
    servers: ModelServers, vllm: FakeVLLM, adapter: Adapter
) -> None:
    await servers.ensure(tuned(adapter))
    asked = vllm.requests.total()
    await servers.ensure(tuned(adapter))
    assert vllm.requests.total() == asked

    vllm.restart("two")
    servers.forget(tuned(adapter))
    await servers.ensure(tuned(adapter))
    assert vllm.loaded["two"] == vllm.loaded["one"]
    assert vllm.requests["load_lora_adapter"] == 3, "the server that had it was not given it again"


async def test_many_that_wait_for_an_adapter_load_it_once(
    servers: ModelServers, vllm: FakeVLLM, adapter: Adapter
) -> None:
    vllm.gate = threading.Event()
    waiting = [asyncio.create_task(servers.ensure(tuned(adapter))) for _ in range(20)]
    await asyncio.sleep(0.05)
    waiting[0].cancel()
    elsewhere = threading.Thread(target=lambda: asyncio.run(servers.ensure(tuned(adapter))))
    elsewhere.start()
    vllm.gate.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    await asyncio.to_thread(elsewhere.join)

    assert [type(result) for result in results[1:]] == [type(None)] * 19
    assert vllm.requests["load_lora_adapter"] == 2, "once on each server"


def test_who_gives_up_waiting_leaves_the_loading_to_go_on(
    servers: ModelServers, vllm: FakeVLLM, adapter: Adapter, caplog: pytest.LogCaptureFixture
) -> None:
    vllm.gate = threading.Event()
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(servers.ensure(tuned(adapter)), 0.05))
    vllm.gate.set()
    asyncio.run(servers.ensure(tuned(adapter)))
    servers.close()
    assert vllm.requests["load_lora_adapter"] == 2
    assert not caplog.records


async def test_a_server_that_another_process_gave_the_adapter_has_it(
    servers: ModelServers, vllm: FakeVLLM, adapter: Adapter, tmp_path: Path
) -> None:
    other = ModelServers(vllm.urls, None, AdapterStore(tmp_path / "adapters"), transport=vllm)
    await asyncio.gather(*(each.ensure_everywhere(tuned(adapter)) for each in (servers, other)))
    assert all(len(loaded) == 1 for loaded in vllm.loaded.values())


async def test_answers_need_one_server_and_a_promotion_needs_all(
    servers: ModelServers, vllm: FakeVLLM, adapter: Adapter
) -> None:
    vllm.down = {"two"}
    await servers.ensure(tuned(adapter))
    with pytest.raises(ModelUnavailableError, match="http://two/v1 cannot be reached") as raised:
        await servers.ensure_everywhere(tuned(adapter))
    assert "RAGLOOP_MODEL_REPLICAS" in raised.value.hint

    vllm.down = set()
    await servers.ensure_everywhere(tuned(adapter))
    assert vllm.loaded["two"]


async def test_no_server_at_all_is_an_outage(servers: ModelServers, vllm: FakeVLLM, adapter: Adapter) -> None:
    vllm.down = {"one", "two"}
    with pytest.raises(ModelUnavailableError):
        await servers.ensure(tuned(adapter))
    vllm.down = set()
    await servers.ensure(tuned(adapter))


async def test_a_release_without_an_adapter_needs_its_base_model_served(servers: ModelServers, vllm: FakeVLLM) -> None:
    await servers.ensure_everywhere(PLAIN)
    assert vllm.requests["load_lora_adapter"] == 0
    with pytest.raises(ModelRefusedError, match="offers 'base', not the release's base model 'other'"):
        await servers.ensure(GeneratorSpec(kind="llm", base_model="other"))


async def test_an_endpoint_need_not_list_its_models(servers: ModelServers, vllm: FakeVLLM, adapter: Adapter) -> None:
    vllm.lists_models = False
    await servers.ensure_everywhere(PLAIN)
    with pytest.raises(ModelRefusedError, match="does not list its models"):
        await servers.ensure(tuned(adapter))


async def test_an_adapter_of_another_base_model_is_refused_before_any_server_hears_of_it(
    servers: ModelServers, vllm: FakeVLLM, tmp_path: Path
) -> None:
    adapter = servers.store.add(write_adapter(tmp_path / "out", facts={"base_model": "llama"}))
    with pytest.raises(AdapterError, match="trained on the base model 'llama'") as raised:
        await servers.ensure(tuned(adapter))
    assert "generator.base_model=llama" in raised.value.hint
    assert not vllm.requests


async def test_an_adapter_that_does_not_fit_the_served_model_is_not_loaded(
    servers: ModelServers, vllm: FakeVLLM, adapter: Adapter, tmp_path: Path
) -> None:
    vllm.root = str(write_base(tmp_path / "larger", outputs=32))
    with pytest.raises(AdapterError, match="another base model"):
        await servers.ensure(tuned(adapter))
    assert not vllm.requests["load_lora_adapter"]
    vllm.root = str(write_base(tmp_path / "base"))
    await servers.ensure(tuned(adapter))


async def test_an_adapter_that_is_missing_or_damaged_is_refused_before_any_server_hears_of_it(
    servers: ModelServers, vllm: FakeVLLM, adapter: Adapter
) -> None:
    (adapter.folder / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(AdapterError, match="not what it was"):
        await servers.ensure(tuned(adapter))
    with pytest.raises(AdapterError, match="There is no adapter"):
        await servers.ensure(GeneratorSpec(kind="llm", base_model="base", adapter_digest="0" * 64))
    assert not vllm.requests


@pytest.mark.parametrize(
    ("status", "reason", "hint"),
    [
        (500, "LoRA rank 128 is greater than max_lora_rank 64.", "--max-lora-rank"),
        (404, "Loading lora x failed: No adapter found for /x", "RAGLOOP_ADAPTERS_FOLDER"),
        (500, "While loading /x, expected target modules in {'q_proj'}", "does not fit"),
    ],
)
async def test_what_vllm_says_against_an_adapter_is_passed_on_with_what_helps(
    servers: ModelServers, vllm: FakeVLLM, adapter: Adapter, status: int, reason: str, hint: str
) -> None:
    vllm.refuses = (status, reason)
    with pytest.raises(AdapterError) as raised:
        await servers.ensure(tuned(adapter))
    assert reason in raised.value.message
    assert hint in raised.value.hint


async def test_a_server_that_does_not_load_adapters_says_how_to_start_one_that_does(
    servers: ModelServers, vllm: FakeVLLM, adapter: Adapter
) -> None:
    vllm.knows_adapters = False
    with pytest.raises(ModelRefusedError, match="does not load adapters") as raised:
        await servers.ensure(tuned(adapter))
    assert "VLLM_ALLOW_RUNTIME_LORA_UPDATING" in raised.value.hint


async def test_a_model_that_does_not_answer_its_probe_is_not_ready(servers: ModelServers, vllm: FakeVLLM) -> None:
    vllm.probe_status = 500
    with pytest.raises(ModelUnavailableError, match="the engine is dead"):
        await servers.ensure(PLAIN)
    vllm.probe_status = 200
    await servers.ensure(PLAIN)


@pytest.mark.parametrize(
    ("status", "said", "hint"),
    [
        (400, "This model's maximum context length is 16 tokens.", "RAGLOOP_MODEL_CONTEXT_TOKENS"),
        (400, "top_p is not known", "generator.sampling"),
        (429, "too many requests", "RAGLOOP_MODEL_CONCURRENCY"),
        (500, "the engine is dead", "log"),
        (200, "", "RAGLOOP_MODEL_URL"),
    ],
)
async def test_a_server_that_answers_its_probe_with_something_else_is_told_what_helps(
    status: int, said: str, hint: str
) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"error": {"message": said}} if said else ["no", "completion"])

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(ModelUnavailableError, match="does not answer a question to base") as raised:
            await Replica("http://one/v1", client).probe("base")
    assert said in raised.value.message
    assert hint in raised.value.hint


async def test_the_probe_limits_its_answer_by_the_parameter_that_answers_are_limited_by() -> None:
    with MockModel() as model:
        await ModelServers([model.url], None, AdapterStore(Path("unused"))).ensure(PLAIN)
        await answer(generator_over(model))
    probe, asked = model.bodies
    limits = {"max_tokens", "max_completion_tokens"}
    assert limits & probe.keys() == limits & asked.keys() == {"max_completion_tokens"}


async def test_a_wrong_key_names_the_setting(vllm: FakeVLLM, tmp_path: Path) -> None:
    vllm.key = "right"
    store = AdapterStore(tmp_path)
    with pytest.raises(ModelRefusedError, match="key") as raised:
        await ModelServers(vllm.urls, SecretStr("wrong"), store, transport=vllm).ensure(PLAIN)
    assert "RAGLOOP_MODEL_API_KEY" in raised.value.hint
    await ModelServers(vllm.urls, SecretStr("right"), store, transport=vllm).ensure(PLAIN)


async def test_unloading_takes_the_adapter_from_every_server_that_has_it(
    servers: ModelServers, vllm: FakeVLLM, adapter: Adapter
) -> None:
    await servers.ensure(tuned(adapter))
    vllm.restart("one")
    assert await servers.unload(f"base-{adapter.digest[:16]}") == ["http://two/v1"]
    assert vllm.loaded == {"one": {}, "two": {}}
    await servers.ensure(tuned(adapter))
    assert vllm.loaded["one"], "what was unloaded is not remembered as ready"


async def test_each_server_is_listed_with_what_it_offers_or_why_not(servers: ModelServers, vllm: FakeVLLM) -> None:
    vllm.down = {"two"}
    found = await servers.models()
    assert found["http://one/v1"] == {"base": "/models/base"}
    assert isinstance(found["http://two/v1"], ModelUnavailableError)


async def test_settings_name_the_servers(tmp_path: Path) -> None:
    assert open_model_servers(load_settings(home=tmp_path)) is None
    one = open_model_servers(load_settings(home=tmp_path, model_url="http://a/v1/"))
    two = open_model_servers(load_settings(home=tmp_path, model_url="http://a", model_replicas="http://b, http://c/"))
    assert one is not None
    assert two is not None
    assert (one.replicas, two.replicas) == (("http://a/v1",), ("http://b", "http://c"))


async def test_azure_is_ready_as_it_is_and_takes_no_adapters(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, model_url="http://azure.example", model_provider="azure")
    servers = open_model_servers(settings)
    assert servers is not None
    await servers.ensure_everywhere(PLAIN)
    adapter = servers.store.add(write_adapter(tmp_path / "out"))
    with pytest.raises(AdapterError, match="only be loaded by vLLM"):
        await servers.ensure(tuned(adapter))
