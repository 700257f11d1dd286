"""Follow-ups are rewritten by the model where that makes sense, and a question never fails for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.types import Turn
from serving.llm import condenser
from serving.llm.condenser import Condenser
from serving.prompts.library import load_prompts
from tests.support.asked import SPEC, endpoint_over
from tests.support.mock_model import MockModel
from tests.support.model_replies import ModelManner

HISTORY = [Turn("user", "Who approves travel requests?"), Turn("assistant", "The team lead approves them. [1]")]
FOLLOW_UP = "And who pays for it?"


@pytest.fixture
def model() -> Iterator[MockModel]:
    with MockModel() as running:
        running.respond = lambda _: "Who pays for travel?"
        yield running


def condenser_over(model: MockModel) -> Condenser:
    return Condenser(endpoint_over(model, model_concurrency=1), SPEC, load_prompts()["condense"][1])


async def test_a_follow_up_is_rewritten_with_the_words_of_the_conversation(model: MockModel) -> None:
    query = await condenser_over(model).standalone(FOLLOW_UP, HISTORY)
    assert query.text == "Who pays for travel?"
    assert query.model_usage is not None
    assert "The team lead approves them." in model.bodies[0]["messages"][-1]["content"]


async def test_a_question_that_stands_by_itself_is_left_alone_and_costs_nothing(model: MockModel) -> None:
    question = "How many days of holiday does every employee have?"
    assert (await condenser_over(model).standalone(question, HISTORY)).text is None
    assert (await condenser_over(model).standalone(FOLLOW_UP, [])).text is None
    assert not model.bodies


@pytest.mark.parametrize(
    "said",
    [
        "Who pays for the director's yacht?",
        "Who approves travel requests?",
        "Sure!\nWho pays for travel?",
        "Who pays " + "for travel " * 60,
        "?",
    ],
)
async def test_what_is_no_rewriting_is_not_searched_for(model: MockModel, said: str) -> None:
    model.respond = lambda _: said
    query = await condenser_over(model).standalone(FOLLOW_UP, HISTORY)
    assert query.text is None
    assert query.model_usage is not None  # it was paid for all the same


@pytest.mark.parametrize(
    "manner",
    [ModelManner.SERVER_ERROR, ModelManner.EMPTY, ModelManner.DROPPED, ModelManner.UNAUTHORIZED, ModelManner.HANGS],
)
async def test_a_model_that_fails_leaves_it_to_what_is_found(
    model: MockModel, manner: ModelManner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(condenser, "SECONDS", 0.3 if manner is ModelManner.HANGS else 3.0)
    model.manner = manner
    assert (await condenser_over(model).standalone(FOLLOW_UP, HISTORY)).text is None


async def test_it_neither_waits_for_a_place_nor_asks_a_server_that_is_down(model: MockModel) -> None:
    writer = condenser_over(model)
    async with writer._endpoint.places().one():
        assert (await writer.standalone(FOLLOW_UP, HISTORY)).text is None
    for _ in range(3):
        writer._endpoint.breaker.failed()
    assert (await writer.standalone(FOLLOW_UP, HISTORY)).text is None
    assert not model.bodies
