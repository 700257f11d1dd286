"""What a served model did for an answer, and what it cost: in the response, on record, in the sums and in /metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient

from core.release import GeneratorSpec
from core.storage.interactions import InteractionRepository
from core.storage.releases import Decision, ReleaseRepository
from core.storage.usage import UsageRepository
from core.types import Role
from tests.support.app_world import World, asks
from tests.support.mock_model import MockModel
from tests.support.model_replies import ModelManner

QUESTION = "How many days of holiday has every employee each year?"
PATH = "/v1/chat/completions"
PRICES = {"price_prompt_tokens": 2.0, "price_completion_tokens": 8.0}


@dataclass
class Served:
    """A world whose champion asks the mock model."""

    world: World
    model: MockModel

    def client(self, key: str) -> AsyncClient:
        return self.world.client(**{"X-API-Key": key})


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with MockModel(tokens_per_second=500) as model:
        given = {"model_url": model.url, "environment": "production", **PRICES}
        world = World(tmp_path, given).ingest()
        assert world.release is not None
        llm = GeneratorSpec(kind="llm", base_model="base")
        releases = ReleaseRepository(world.database)
        candidate = releases.add_candidate(
            world.release.manifest.model_copy(update={"generator": llm}), Decision("ann")
        )
        world.release = releases.promote(candidate, world.release, Decision("ann"), override=True)
        yield Served(world, model)
        world.services.close()


def price(usage: dict[str, int]) -> float:
    return (usage["prompt_tokens"] * 2.0 + usage["completion_tokens"] * 8.0) / 1_000_000


async def test_an_answer_says_what_its_model_did_and_to_a_reviewer_what_it_cost(served: Served) -> None:
    reviewer = served.world.key(roles=(Role.CHAT, Role.REVIEW))
    async with served.client(reviewer) as client:
        body = (await client.post(PATH, json=asks(QUESTION))).json()
    assert body["model"] == "ragloop", "OpenAI's field stays what it was"
    use = body["model_use"]
    assert (use["model"], use["attempts"]) == ("base", 1)
    assert use["passages"] >= 1
    assert use["first_token_seconds"] > 0
    assert 0 < use["tokens_per_second"] < 10_000
    assert use["queue_seconds"] >= 0
    assert body["usage"]["completion_tokens"] > 0
    assert body["cost"] == pytest.approx(price(body["usage"]))


async def test_who_may_only_ask_is_told_tokens_and_times_but_no_cost(served: Served) -> None:
    async with served.client(served.world.key()) as client:
        whole = (await client.post(PATH, json=asks(QUESTION))).json()
        streamed = (await client.post(PATH, json=asks(QUESTION, stream=True))).text
    last = [json.loads(line.removeprefix("data: ")) for line in streamed.split("\n\n")[:-2]][-1]
    for body in (whole, last):
        assert body["model_use"]["model"] == "base"
        assert "cost" not in body
    assert "cost" not in streamed


async def test_the_record_and_the_sums_know_release_key_tokens_and_cost(served: Served) -> None:
    key = served.world.key()
    async with served.client(key) as client:
        body = (await client.post(PATH, json=asks(QUESTION))).json()
    record = InteractionRepository(served.world.database).get(body["interaction_id"])
    assert record is not None
    assert record.model == body["model_use"]
    assert record.cost == pytest.approx(price(body["usage"]))
    assert (record.prompt["name"], record.prompt["version"], record.prompt["used"]) == ("answer", 2, True)
    for by, group in (("release", body["release"]), ("key", record.api_key_id), ("all", "all")):
        (row,) = UsageRepository(served.world.database).rows(by, datetime(2026, 1, 1, tzinfo=UTC))  # type: ignore[arg-type]
        assert (row.group, row.answers, row.by_model) == (group, 1, 1)
        assert (row.prompt_tokens, row.completion_tokens) == (
            body["usage"]["prompt_tokens"],
            body["usage"]["completion_tokens"],
        )
        assert row.cost == pytest.approx(record.cost)


async def test_metrics_count_tokens_cost_and_times_by_release_and_by_key(served: Served) -> None:
    key = served.world.key(roles=(Role.CHAT, Role.REVIEW))
    async with served.client(key) as client:
        body = (await client.post(PATH, json=asks(QUESTION))).json()
        text = (await client.get("/metrics")).text
    release = body["release"][:12]
    found = samples(text)
    assert (
        found[f'ragloop_model_tokens_total{{direction="prompt",release="{release}"}}'] == body["usage"]["prompt_tokens"]
    )
    completion = found[f'ragloop_model_tokens_total{{direction="completion",release="{release}"}}']
    assert completion == body["usage"]["completion_tokens"]
    assert found[f'ragloop_cost_total{{release="{release}"}}'] == pytest.approx(price(body["usage"]))
    key_id = served.world.keys.all()[0].id
    assert found[f'ragloop_key_tokens_total{{direction="prompt",key="{key_id}"}}'] == body["usage"]["prompt_tokens"]
    assert found[f'ragloop_key_tokens_total{{direction="completion",key="{key_id}"}}'] == completion
    assert found[f'ragloop_key_cost_total{{key="{key_id}"}}'] == pytest.approx(price(body["usage"]))
    for name in ("first_token_seconds", "queue_seconds", "tokens_per_second"):
        assert found[f'ragloop_model_{name}_count{{release="{release}"}}'] == 1
        assert found[f'ragloop_key_{name}_count{{key="{key_id}"}}'] == 1
    used = body["model_use"]
    assert found[f'ragloop_key_first_token_seconds_sum{{key="{key_id}"}}'] == pytest.approx(used["first_token_seconds"])
    assert found["ragloop_model_up"] == 1
    assert found["ragloop_model_answers_in_progress"] == found["ragloop_model_answers_waiting"] == 0


async def test_an_outage_shows_in_the_answer_on_record_and_in_metrics(served: Served) -> None:
    key = served.world.key(roles=(Role.CHAT, Role.REVIEW))
    async with served.client(key) as client:
        assert not (await client.post(PATH, json=asks(QUESTION))).json()["degraded"]
        served.model.manner = ModelManner.SERVER_ERROR
        answers = [(await client.post(PATH, json=asks(QUESTION))).json() for _ in range(3)]
        found = samples((await client.get("/metrics")).text)
    for body in answers:
        assert (body["degraded"], body["model_use"], body["cost"]) == (True, None, 0)
        record = InteractionRepository(served.world.database).get(body["interaction_id"])
        assert record is not None
        assert (record.degraded, record.model, record.prompt["used"]) == (True, None, False)
    assert found['ragloop_answers_total{abstained="false",degraded="true",origin="api"}'] == 3
    assert found["ragloop_model_up"] == 0
    (row,) = UsageRepository(served.world.database).rows("all", datetime(2026, 1, 1, tzinfo=UTC))
    assert (row.answers, row.degraded, row.by_model) == (4, 3, 1)


async def test_without_a_model_endpoint_its_gauges_are_absent(tmp_path: Path) -> None:
    async with World(tmp_path).ingest().client() as client:
        body = (await client.post(PATH, json=asks(QUESTION))).json()
        found = samples((await client.get("/metrics")).text)
    assert (body["model_use"], body["cost"]) == (None, None)
    assert not any(name.startswith(("ragloop_model_up", "ragloop_model_answers", "ragloop_cost")) for name in found)


def samples(text: str) -> dict[str, Any]:
    """The samples of Prometheus's text format."""
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}
