"""What stands in for the model: the documents' own words, marked, from wherever the model stopped."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest

from core.errors import AdapterError, BusyError, ContextTooLongError, RagloopError
from core.ports import GenerationRequest
from serving.extractive import ExtractiveGenerator
from serving.fallback import FallbackGenerator, broke_off
from serving.llm.breaker import FAILURES, PROBE_SECONDS
from serving.wording.languages.english import ENGLISH
from tests.fakes import FakeEmbedder
from tests.support.app_world import Scripted
from tests.support.asked import answer, asking, generator_over
from tests.support.mock_model import MockModel
from tests.support.model_replies import ModelManner


@pytest.fixture
def model() -> Iterator[MockModel]:
    with MockModel() as running:
        yield running


def fallback_over(model: MockModel) -> FallbackGenerator:
    return FallbackGenerator(generator_over(model), ExtractiveGenerator(FakeEmbedder()))


async def test_a_model_that_answers_answers_alone(model: MockModel) -> None:
    text, end = await answer(fallback_over(model))
    assert text == "The team lead approves travel requests. [1]"
    assert (end.degraded, end.model is not None) == (False, True)


@pytest.mark.parametrize(
    "manner", [ModelManner.SERVER_ERROR, ModelManner.UNAUTHORIZED, ModelManner.EMPTY, ModelManner.HANGS]
)
async def test_without_the_model_the_answer_is_extractive_and_says_so(model: MockModel, manner: ModelManner) -> None:
    model.manner = manner
    text, end = await answer(fallback_over(model))
    assert text == "The team lead approves travel requests. [1]"
    assert (end.degraded, end.model, end.model_usage) == (True, None, None)
    assert end.citations[0].quote == "The team lead approves travel requests."


@pytest.mark.parametrize("manner", [ModelManner.TRUNCATED, ModelManner.DROPPED, ModelManner.STALLS])
async def test_where_the_model_breaks_off_the_documents_go_on_and_so_do_the_numbers(
    model: MockModel, manner: ModelManner
) -> None:
    model.manner = manner
    model.respond = lambda _: "Travel requests are approved by the lead. [1] " + "So it is said there. " * 8
    text, end = await answer(fallback_over(model))
    before, _, after = text.partition(broke_off(ENGLISH))
    assert before.startswith("Travel requests are approved by the lead. [1]")
    assert after == "The team lead approves travel requests. [2]"
    assert [citation.marker for citation in end.citations] == [1, 2]
    assert end.degraded
    assert end.model is not None
    assert end.model_usage is not None
    assert end.usage.completion_tokens > end.model_usage.completion_tokens


async def test_a_model_that_breaks_off_in_code_leaves_the_documents_outside_of_it(model: MockModel) -> None:
    model.manner = ModelManner.TRUNCATED
    model.respond = lambda _: "Run this:\n```\nragloop ingest\n" + "ragloop ask\n" * 30
    text, _ = await answer(fallback_over(model))
    assert text.partition(broke_off(ENGLISH))[0].endswith("\n```")


@pytest.mark.parametrize("error", [BusyError("busy"), ContextTooLongError("long")])
async def test_what_the_asker_must_know_is_not_covered_up(error: RagloopError) -> None:
    generator = FallbackGenerator(Scripted([], failure=error), ExtractiveGenerator(FakeEmbedder()))
    with pytest.raises(type(error)):
        await answer(generator)


async def test_a_lost_adapter_degrades_too() -> None:
    generator = FallbackGenerator(Scripted([], failure=AdapterError("gone")), ExtractiveGenerator(FakeEmbedder()))
    assert (await answer(generator))[1].degraded


async def test_an_outage_is_logged_once_and_its_end_too(model: MockModel, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "serving.fallback")
    generator = fallback_over(model)
    model.manner = ModelManner.UNAUTHORIZED
    for _ in range(3):
        await answer(generator)
    model.manner = ModelManner.SENSIBLE
    for _ in range(2):
        await answer(generator)
    said = [record.getMessage() for record in caplog.records if record.name == "serving.fallback"]
    assert len(said) == 2
    assert "RAGLOOP_MODEL_API_KEY" in said[0]
    assert "answers again" in said[1]


async def test_a_server_that_comes_back_with_another_fault_is_logged_with_that_too(
    model: MockModel, caplog: pytest.LogCaptureFixture
) -> None:
    generator = fallback_over(model)
    model.manner = ModelManner.DROPPED
    for _ in range(FAILURES + 2):  # the last ones are spared, which is no reason of its own
        await answer(generator)
    generator._model._endpoint.breaker._clock = lambda: time.monotonic() + PROBE_SECONDS  # type: ignore[attr-defined]
    model.manner, model.models = ModelManner.SENSIBLE, ("another",)
    assert (await answer(generator))[1].degraded
    said = [record.getMessage() for record in caplog.records if record.name == "serving.fallback"]
    assert len(said) == 2
    assert "RAGLOOP_MODEL_URL" in said[0]
    assert "does not serve base" in said[1]


async def test_the_extractive_generator_counts_from_where_it_is_told() -> None:
    asked = asking()
    request = GenerationRequest(asked.question, (), asked.passages, asked.evidence, first_marker=4)
    text, end = await answer(ExtractiveGenerator(FakeEmbedder()), request)
    assert text.endswith("[4]")
    assert end.citations[0].marker == 4
