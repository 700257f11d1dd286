"""The chat model that settings and release name."""

from __future__ import annotations

import httpx2
import pytest

from core.errors import InputError, SettingsError
from core.release import GeneratorSpec
from core.settings import load_settings
from serving.llm.client import check_sampling, open_chat_model
from serving.llm.connection import open_chat_http
from serving.llm.endpoint import ModelEndpoint
from tests.support.asked import SPEC


async def test_azure_is_asked_for_its_deployment_with_the_key_where_it_looks_for_it() -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(401, json={"error": {"message": "no"}})

    settings = load_settings(
        model_url="https://name.example", model_provider="azure", model_api_version="2026-01-01", model_api_key="secret"
    )
    async with open_chat_http(60.0) as http:
        http._transport = httpx2.MockTransport(answer)
        chat = open_chat_model(settings, SPEC, http)
        with pytest.raises(Exception, match="401"):
            await anext(chat.astream("Hello?"))
    (request,) = asked
    assert request.url.path == "/openai/deployments/base/chat/completions"
    assert request.url.params["api-version"] == "2026-01-01"
    assert request.headers["api-key"] == "secret"
    assert "authorization" not in request.headers  # Azure refuses who sends both


async def test_azure_without_a_version_names_the_setting() -> None:
    settings = load_settings(model_url="https://name.example", model_provider="azure")
    async with httpx2.AsyncClient() as http:
        with pytest.raises(SettingsError) as refused:
            open_chat_model(settings, SPEC, http)
    assert "RAGLOOP_MODEL_API_VERSION" in refused.value.hint


@pytest.mark.parametrize(
    ("sampling", "said"),
    [
        ({"messages": 1.0}, "there is no messages"),
        ({"stream": 0.0}, "there is no stream"),
        ({"top_k": 1.5}, "top_k cannot be 1.5"),
        ({"max_tokens": 0.0}, "max_tokens cannot be 0"),
    ],
)
def test_sampling_can_change_how_an_answer_is_drawn_and_nothing_else(sampling: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_sampling(sampling)


async def test_a_release_without_a_model_says_so() -> None:
    async with httpx2.AsyncClient() as http:
        with pytest.raises(InputError, match="no base model"):
            open_chat_model(load_settings(model_url="http://model/v1"), GeneratorSpec(kind="llm"), http)


def test_without_a_model_server_the_setting_is_named() -> None:
    with pytest.raises(SettingsError) as refused:
        ModelEndpoint(load_settings())
    assert "RAGLOOP_MODEL_URL" in refused.value.hint
