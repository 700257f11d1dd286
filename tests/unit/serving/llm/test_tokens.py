"""Counting tokens: by the model's tokenizer where it can be had, and never too few."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from core.errors import SettingsError
from core.settings import load_settings
from core.types import Turn
from serving.llm.endpoint import ModelEndpoint
from serving.llm.tokens import EstimatedTokens, FileTokens, ServerTokens, at_most
from tests.support.asked import SPEC, endpoint_over
from tests.support.mock_model import MockModel
from tests.support.model_replies import count

MESSAGES = [Turn("system", "You answer questions."), Turn("user", "Is tea free? " * 40)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tokenizer whose tokens are words."""
    words = {"[UNK]": 0, "Is": 1, "tea": 2, "free": 3, "?": 4}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


async def test_a_tokenizer_file_counts_by_itself_with_room_for_the_template(folder: Path) -> None:
    counter = FileTokens(folder)
    one, two = (
        await counter.count([Turn("user", "Is tea free?")]),
        await counter.count([Turn("user", "Is tea free?" * 2)]),
    )
    assert two - one == 4
    assert one > 4 + 20  # what a chat template adds is allowed for


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_a_tokenizer_that_cannot_be_read_names_the_setting(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(SettingsError, match="cannot be read") as refused:
        FileTokens(tmp_path)
    assert "RAGLOOP_MODEL_TOKENIZER" in refused.value.hint


async def test_vllm_counts_with_its_own_template() -> None:
    with MockModel() as model:
        counted = await endpoint_over(model).counter(SPEC).count(MESSAGES)
    assert counted == count([{"content": message.content} for message in MESSAGES])


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(404),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"count": "many"}),
        httpx.Response(200, json=[1]),
    ],
)
async def test_a_server_that_does_not_count_is_not_asked_again_and_again(reply: httpx.Response) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return reply

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        counter = ServerTokens(client, "http://model/v1", "base")
        estimated = await EstimatedTokens().count(MESSAGES)
        assert [await counter.count(MESSAGES) for _ in range(3)] == [estimated] * 3
    assert asked == ["/tokenize"]


@given(st.lists(st.text(max_size=200), max_size=4))
def test_no_tokenizer_of_bytes_or_characters_finds_more_tokens_than_the_bound(texts: list[str]) -> None:
    most = at_most([Turn("user", text) for text in texts])
    for form in ("NFC", "NFKC", "NFKD"):
        assert sum(len(unicodedata.normalize(form, text).encode()) for text in texts) <= most
    assert sum(len(text.encode()) for text in texts) <= most


async def test_the_estimate_is_cautious_for_english_code_and_tables() -> None:
    text = "| Fee | 1,250.50 |\n```python\nfor key, value in items: print(key)\n```\nThe team lead approves it."
    assert await EstimatedTokens().count([Turn("user", text)]) > count([{"content": text}])


async def test_the_window_is_what_is_set_else_what_the_server_says_else_a_cautious_one() -> None:
    with MockModel(max_model_len=1234) as model:
        assert await endpoint_over(model, model_context_tokens=999).window(SPEC) == 999
        assert await endpoint_over(model).window(SPEC) == 1234
        unknown = SPEC.model_copy(update={"base_model": "another"})
        assert await endpoint_over(model).window(unknown) == 4096


@pytest.mark.parametrize(
    ("reply", "asked"),
    [
        (httpx.Response(200, json={"data": [{"id": "base"}]}), 1),  # as OpenAI lists its models
        (httpx.Response(404, text="<html>"), 1),
        (httpx.Response(503), 3),  # it is starting, and will say
    ],
)
async def test_a_server_that_does_not_say_its_window_is_not_asked_before_each_question(
    reply: httpx.Response, asked: int
) -> None:
    assert await _windows("openai", reply) == (4096, asked)


async def test_azure_is_not_asked_what_only_vllm_tells() -> None:
    assert await _windows("azure", httpx.Response(200)) == (4096, 0)


async def _windows(provider: str, reply: httpx.Response) -> tuple[int, int]:
    """The window of three questions, and how often the server was asked for it."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return reply

    endpoint = ModelEndpoint(load_settings(model_url="http://model/v1", model_provider=provider))
    endpoint._here().http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    (window,) = {await endpoint.window(SPEC) for _ in range(3)}
    return window, len(asked)
