"""Releases that a served model answers: made and promoted only with their model ready, live with or without it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.errors import AdapterError, ConflictError, InputError, ModelUnavailableError, RagloopError
from core.release import Release
from core.storage.releases import ReleaseRepository
from core.types import AccessScope, Answer
from serving.adapters.store import Adapter, AdapterStore
from serving.answerer import Question
from serving.factory import Services
from serving.releases import champion as champion_module
from serving.releases.champion import Champion
from serving.releases.service import ReleaseService
from tests.support.adapters import write_adapter
from tests.support.app_world import World
from tests.support.mock_model import MockModel
from tests.support.model_replies import ModelManner
from tests.support.release_world import BOSS, MAKER

LLM = {"generator.kind": "llm", "generator.base_model": "base"}
WHEN = "How many days of holiday has every employee each year?"


@pytest.fixture
def model() -> Iterator[MockModel]:
    with MockModel() as model:
        yield model


@pytest.fixture
def world(tmp_path: Path, model: MockModel) -> Iterator[World]:
    world = World(tmp_path, {"model_url": model.url}).ingest()
    yield world
    world.services.close()


@pytest.fixture
def service(world: World) -> ReleaseService:
    return ReleaseService(world.services)


def kept(world: World, seed: int = 0, **facts: Any) -> Adapter:
    source = write_adapter(world.home / f"out-{seed}", seed=seed, facts=facts)
    return AdapterStore(world.settings.adapters).add(source)


def tuned(adapter: Adapter, **more: str) -> dict[str, str]:
    return {**LLM, "generator.adapter_digest": adapter.digest, **more}


def served(adapter: Adapter) -> str:
    return f"base-{adapter.digest[:16]}"


def champion_of(world: World) -> str:
    found = ReleaseRepository(world.database).champion()
    assert found is not None
    return found.id


def promote(service: ReleaseService, changes: Mapping[str, str]) -> Release:
    release = service.create(MAKER, changes=changes)
    return service.promote(release.id, BOSS, reason="a test", override=True)


def another_process(world: World) -> Services:
    """The services of a process that starts now."""
    return Services(world.settings, world.database, world.index, world.embedder)


def asked(champion: Champion, question: str = WHEN) -> Answer:
    return asyncio.run(champion.answerer().ask(Question(question, AccessScope.everything(), origin="cli")))


def refusal(kind: type[RagloopError], deed: Callable[[], object]) -> RagloopError:
    with pytest.raises(kind) as raised:
        deed()
    assert raised.value.hint
    return raised.value


def test_a_release_with_an_adapter_is_made_once_its_model_answers_and_cites(
    world: World, service: ReleaseService, model: MockModel
) -> None:
    adapter = kept(world, base_model="base")
    release = service.create(MAKER, changes=tuned(adapter, **{"generator.sampling.temperature": "0"}))
    assert model.adapters == {served(adapter): str(adapter.folder)}
    answered = [each.model for each in model.stats.requests]
    assert set(answered) == {served(adapter)}, "the probe and the questions went to the release's own model"
    assert service.verify(release.id).probes


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"generator.base_model": ""}, "base model"),
        ({"generator.sampling.temperatur": "0"}, "temperatur"),
        ({"generator.sampling.temperature": "-1"}, "temperature"),
        ({"generator.sampling.top_p": "1.5"}, "top_p"),
        ({"generator.sampling.seed": "0.5"}, "seed"),
    ],
)
def test_a_release_whose_generator_is_not_sound_is_not_made(
    world: World, service: ReleaseService, model: MockModel, changes: dict[str, str], said: str
) -> None:
    error = refusal(InputError, lambda: service.create(MAKER, changes={**LLM, **changes}))
    assert said in error.message
    assert not model.stats.requests


def test_an_extractive_release_has_no_model(world: World, service: ReleaseService) -> None:
    refusal(ConflictError, lambda: service.create(MAKER, changes={"generator.base_model": "base"}))


def test_wrong_adapters_are_refused_and_what_is_live_stays(
    world: World, service: ReleaseService, model: MockModel
) -> None:
    live = promote(service, tuned(kept(world))).id
    other_base = kept(world, 1, base_model="llama")
    damaged = kept(world, 2)
    (damaged.folder / "adapter_model.safetensors").write_bytes(b"")
    wrong = {
        "There is no adapter": {**LLM, "generator.adapter_digest": "0" * 64},
        "trained on the base model 'llama'": tuned(other_base),
        "not what it was": tuned(damaged),
    }
    for message, changes in wrong.items():
        error = refusal(AdapterError, lambda changes=changes: service.create(MAKER, changes=changes))
        assert message in error.message
    assert champion_of(world) == live
    assert len(service.services.model_servers.store.digests()) == 3  # type: ignore[union-attr]
    assert set(model.adapters) == {served(kept(world))}


def test_an_outage_of_the_model_is_no_reason_for_a_release_but_against_it(
    world: World, service: ReleaseService, model: MockModel
) -> None:
    adapter = kept(world)
    candidate = service.create(MAKER, changes=tuned(adapter))
    for manner in (ModelManner.SERVER_ERROR, ModelManner.EMPTY, ModelManner.TRUNCATED, ModelManner.UNAUTHORIZED):
        model.manner = manner
        refusal(ModelUnavailableError, lambda: service.promote(candidate.id, BOSS, reason="a test", override=True))
    model.manner = ModelManner.SENSIBLE
    assert champion_of(world) != candidate.id
    service.promote(candidate.id, BOSS, reason="a test", override=True)
    assert champion_of(world) == candidate.id


def test_a_release_is_not_made_while_one_of_the_model_servers_is_away(tmp_path: Path, model: MockModel) -> None:
    away = "http://127.0.0.1:9/v1"
    world = World(tmp_path, {"model_url": model.url, "model_replicas": f"{model.url}, {away}"}).ingest()
    service = ReleaseService(world.services)
    error = refusal(ModelUnavailableError, lambda: service.create(MAKER, changes=tuned(kept(world))))
    assert away in error.message
    world.services.close()


def test_a_model_that_never_cites_is_not_made_a_release(
    world: World, service: ReleaseService, model: MockModel
) -> None:
    model.respond = _chatters
    assert "cited nothing" in refusal(ConflictError, lambda: service.create(MAKER, changes=LLM)).message


def _chatters(messages: Sequence[Mapping[str, str]]) -> str:
    return "Every employee has thirty days of holiday each year."


def test_an_adapter_is_loaded_and_answers_before_the_pointer_flips_to_it(
    world: World, service: ReleaseService, model: MockModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = kept(world, 1), kept(world, 2)
    promote(service, tuned(first))
    candidate = service.create(MAKER, changes=tuned(second))
    model.adapters.clear()  # the server was started anew
    seen: list[set[str]] = []
    flip = ReleaseRepository.promote

    def watched(self: ReleaseRepository, *arguments: Any, **more: Any) -> Release:
        seen.append(set(model.adapters))
        return flip(self, *arguments, **more)

    monkeypatch.setattr(ReleaseRepository, "promote", watched)
    service.promote(candidate.id, BOSS, reason="a test", override=True)
    assert seen == [{served(second)}]


def test_a_process_has_the_adapter_loaded_before_it_turns_to_the_new_champion(
    world: World, service: ReleaseService, model: MockModel
) -> None:
    adapter = kept(world)
    promote(service, tuned(adapter))
    model.adapters.clear()
    champion = Champion(another_process(world))
    assert champion.answerer().release.id == champion_of(world)
    assert set(model.adapters) == {served(adapter)}


def test_a_process_that_starts_while_the_model_is_down_answers_from_the_documents_and_recovers(
    world: World, service: ReleaseService, model: MockModel, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setattr(champion_module, "MODEL_SECONDS", 0.5)
    adapter = kept(world)
    release = promote(service, tuned(adapter))
    model.adapters.clear()
    model.manner = ModelManner.SERVER_ERROR
    with caplog.at_level(logging.WARNING):
        champion = Champion(another_process(world))
        answer = asked(champion)
    assert (answer.release, answer.degraded, answer.model) == (release.id, True, None)
    assert answer.citations
    assert "not ready" in caplog.text

    model.manner = ModelManner.SENSIBLE
    deadline = time.monotonic() + 10
    while (answer := asked(champion)).degraded and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not answer.degraded
    assert answer.model is not None
    assert answer.model.model == served(adapter)
    assert set(model.adapters) == {served(adapter)}


def test_a_model_server_that_was_started_anew_is_given_its_adapter_by_the_next_question(
    world: World, service: ReleaseService, model: MockModel
) -> None:
    adapter = kept(world)
    promote(service, tuned(adapter))
    champion = Champion(another_process(world))
    assert not asked(champion).degraded
    model.adapters.clear()
    answer = asked(champion)
    assert not answer.degraded
    assert set(model.adapters) == {served(adapter)}


def test_a_rollback_needs_neither_the_model_server_nor_the_candidates_adapter(
    world: World, service: ReleaseService, model: MockModel
) -> None:
    first, second = kept(world, 1), kept(world, 2)
    before = promote(service, tuned(first))
    promote(service, tuned(second))
    service.services.model_servers.store.remove(second.digest)  # type: ignore[union-attr]
    model.manner = ModelManner.SERVER_ERROR
    assert service.rollback(BOSS, reason="it answers nonsense").id == before.id
    assert champion_of(world) == before.id


def test_a_live_release_whose_adapter_is_lost_answers_from_the_documents(
    world: World, service: ReleaseService, model: MockModel
) -> None:
    adapter = kept(world)
    release = promote(service, tuned(adapter))
    world.services.model_servers.store.remove(adapter.digest)  # type: ignore[union-attr]
    model.adapters.clear()
    answer = asked(Champion(another_process(world)))
    assert (answer.release, answer.degraded) == (release.id, True)


def test_a_process_without_a_model_server_says_so_instead_of_answering_as_another_release(
    world: World, service: ReleaseService
) -> None:
    promote(service, LLM)
    settings = world.settings.model_copy(update={"model_url": None})
    champion = Champion(Services(settings, world.database, world.index, world.embedder))
    with pytest.raises(RagloopError, match="cannot be opened here") as raised:
        champion.answerer()
    assert "RAGLOOP_MODEL_URL" in raised.value.hint
