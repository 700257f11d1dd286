"""What every Judge does: fills the form it is handed out of the model's reply, or says why it cannot."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator

import pytest
from pydantic import BaseModel, Field

from core.errors import JudgeError
from core.ports import Judge
from core.settings import load_settings
from evals.judges.langchain_judge import open_judge
from tests.fakes import FakeJudge
from tests.support.mock_judge import MockJudge


class Opinion(BaseModel):
    """A form of the test's own."""

    verdict: int = Field(ge=0, le=1)
    reason: str


Opened = Callable[[Callable[[str], str]], Judge]


@pytest.fixture(params=["langchain", "fake"])
def opened(request: pytest.FixtureRequest) -> Iterator[Opened]:
    """Opens a judge whose model answers a prompt with what a function makes of it."""
    servers: list[MockJudge] = []

    def langchain(respond: Callable[[str], str]) -> Judge:
        servers.append(MockJudge(respond=respond).__enter__())
        judge = open_judge(load_settings(judge_url=servers[-1].url, judge_model="mock"))
        assert judge is not None
        return judge

    yield langchain if request.param == "langchain" else FakeJudge
    for server in servers:
        server.__exit__(None, None, None)


GOOD = '{"verdict": 1, "reason": "because"}'


async def test_the_reply_fills_the_form(opened: Opened) -> None:
    assert await opened(lambda _: GOOD).ask("Is it so?", Opinion) == Opinion(verdict=1, reason="because")


@pytest.mark.parametrize(
    "reply",
    [
        f"Certainly! Here it is:\n```json\n{GOOD}\n```\nAnything else?",
        f"<think>{{so many braces}}</think>{GOOD}",
        f"\n\n  {GOOD}",
    ],
)
async def test_talk_thoughts_and_fences_around_the_json_do_no_harm(opened: Opened, reply: str) -> None:
    assert (await opened(lambda _: reply).ask("Is it so?", Opinion)).verdict == 1


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("It is quite good.", "without JSON"),
        ("", "empty answer"),
        (GOOD[:-5], "cannot be read"),
        ('{"verdict": NaN, "reason": "x"}', "NaN"),
        ('{"score": 0.9}', "verdict"),
        ('{"verdict": "perhaps", "reason": "x"}', "verdict"),
        ('{"verdict": 0.5, "reason": "x"}', "verdict"),
        ('{"verdict": 7, "reason": "x"}', "verdict"),
        ('{"verdict": -1, "reason": "x"}', "verdict"),
        ('{"verdict": 1, "reason": ["x"]}', "reason"),
        ("{" * 100_000, "cannot be read"),
    ],
)
async def test_a_reply_that_does_not_fit_the_form_is_an_error_that_says_why(
    opened: Opened, reply: str, reason: str
) -> None:
    with pytest.raises(JudgeError, match=f"^the judge.*{reason}"):
        await opened(lambda _: reply).ask("Is it so?", Opinion)


async def test_many_questions_at_once_each_get_their_own_answer(opened: Opened) -> None:
    judge = opened(lambda prompt: json.dumps({"verdict": 1, "reason": prompt}))
    prompts = [f"Question {number}" for number in range(40)]
    opinions = await asyncio.gather(*(judge.ask(prompt, Opinion) for prompt in prompts))
    assert [opinion.reason for opinion in opinions] == prompts


async def test_a_judge_has_a_name_and_a_lasting_fingerprint(opened: Opened) -> None:
    one, same = opened(lambda _: GOOD), opened(lambda _: "")
    assert one.name
    assert one.fingerprint == same.fingerprint
