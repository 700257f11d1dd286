"""The process is up before its services are, and says what keeps them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app import runtime as module
from app.runtime import Runtime
from core.errors import SettingsError, StoreUnavailableError, UnavailableError
from core.settings import Settings
from serving.factory import Services
from tests.support.app_world import World


class Opener:
    """Fails with each of `failures` in turn, then opens."""

    def __init__(self, services: Services, *failures: Exception) -> None:
        self.services = services
        self.failures = list(failures)

    def __call__(self, _settings: Settings) -> Services:
        if self.failures:
            raise self.failures.pop(0)
        return self.services


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path).ingest()


async def test_services_open_in_the_background_and_the_model_is_warm_when_they_are_handed_out(world: World) -> None:
    world.embedder.embedded.clear()
    runtime = Runtime(world.settings, opener=Opener(world.services))
    warm: list[bool] = []
    runtime.when_open = lambda: warm.append(bool(world.embedder.embedded))
    assert isinstance(runtime.state(), UnavailableError)
    async with runtime.running():
        assert await runtime.services() is world.services
        assert warm == [True]
        assert (await runtime.answerer()).release == world.release


async def test_a_store_that_is_down_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    down = StoreUnavailableError("The database is down.")
    runtime = Runtime(world.settings, opener=Opener(world.services, down, down))
    async with runtime.running():
        assert await runtime.services() is world.services


async def test_a_request_that_cannot_be_served_in_time_hears_why(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STARTUP_PATIENCE_SECONDS", 0.05)
    down = StoreUnavailableError("The database is down.")
    runtime = Runtime(world.settings, opener=Opener(world.services, down))
    async with runtime.running():
        with pytest.raises(StoreUnavailableError, match="down"):
            await runtime.services()


async def test_a_mistake_in_the_settings_ends_the_process(world: World) -> None:
    wrong = SettingsError("There is no such model.")
    ended = asyncio.Event()
    runtime = Runtime(world.settings, opener=Opener(world.services, wrong))
    runtime.when_fatal = ended.set
    async with runtime.running():
        await asyncio.wait_for(ended.wait(), 5)
    assert runtime.fatal is wrong
