"""Ragas's metrics over a judge: what they come to when it behaves, and that nothing it gets wrong becomes a score."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from core.ports import Judge
from core.settings import load_settings
from evals.judges.langchain_judge import GIVE_UP_AFTER, RETRIES, LangChainJudge, open_judge
from evals.metrics.catalogue import judged_metrics
from evals.metrics.judged import faithfulness
from evals.metrics.metric import Failed, Outcome, Row, Scored, Skipped
from tests.fakes import FakeEmbedder, FakeJudge
from tests.support.judge_replies import Manner, reply
from tests.support.judged_rows import GOLD, TEA, measured
from tests.support.metric_rows import answer, row
from tests.support.mock_judge import MockJudge

NAMES = [
    "faithfulness",
    "answer_relevancy",
    "context_precision",
    "context_recall",
    "factual_correctness",
    "noise_sensitivity",
]


def scored(judge: Judge, rows: Sequence[Row]) -> dict[str, list[Outcome]]:
    async def run() -> dict[str, list[Outcome]]:
        metrics = judged_metrics(judge, FakeEmbedder())
        return {each.name: list(await each.score(rows)) for each in metrics}

    return asyncio.run(run())


def slow_and_careful(url: str, *, timeout: float = 5.0, concurrency: int = 8) -> LangChainJudge:
    """A judge over the mock server that does not wait long between attempts."""
    judge = open_judge(
        load_settings(judge_url=url, judge_model="mock", judge_timeout_seconds=timeout, judge_concurrency=concurrency)
    )
    assert judge is not None
    judge._first_delay = 0.001
    return judge


def test_values_worked_out_by_hand_from_what_the_judge_says() -> None:
    """The judge takes a statement for supported when a text holds half of its longer words."""
    found = scored(FakeJudge(), [measured()])
    values = {name: outcomes[0].value for name, outcomes in found.items() if isinstance(outcomes[0], Scored)}
    assert values == {
        "faithfulness": 0.5,  # the first of two statements
        # The judge's question is the answer itself: it shares "tea is free" with the question.
        "answer_relevancy": pytest.approx(3 / (3**0.5 * 8**0.5), abs=0.2),
        "context_precision": 0.5,  # only the second passage helps: 1/2 at its rank
        "context_recall": 0.5,  # tea, not coffee
        "factual_correctness": 0.5,  # of the answer's statements 1 of 2, of the gold answer's 1 of 2
        "noise_sensitivity": 0.0,  # what the passages support is not wrong
    }


def test_every_judged_metric_is_there_and_only_noise_is_better_when_low() -> None:
    metrics = judged_metrics(FakeJudge(), FakeEmbedder())
    assert [each.name for each in metrics] == NAMES
    assert [each.name for each in metrics if each.better == "lower"] == ["noise_sensitivity"]


def test_a_refusal_is_not_put_to_the_judge() -> None:
    judge = FakeJudge()
    refused = row(answer(abstained=True, passages=[TEA]), gold_answer=GOLD)
    found = scored(judge, [refused])
    assert isinstance(found["faithfulness"][0], Skipped)
    assert isinstance(found["noise_sensitivity"][0], Skipped)
    assert found["answer_relevancy"][0] == Scored(0.0, {"abstained": True})
    assert found["factual_correctness"][0] == Scored(0.0, {"abstained": True})
    rightly = scored(FakeJudge(), [row(answer(abstained=True))])
    assert all(isinstance(outcomes[0], Skipped) for outcomes in rightly.values())


def test_without_a_gold_answer_only_what_needs_none_is_judged() -> None:
    found = scored(FakeJudge(), [row(answer("Tea is free.", passages=[TEA]))])
    judged = [name for name, outcomes in found.items() if isinstance(outcomes[0], Scored)]
    assert judged == ["faithfulness", "answer_relevancy"]


def test_the_judge_reads_the_conversation_and_no_citation_markers() -> None:
    judge = FakeJudge()
    turns = [{"role": "user", "content": "What may I drink?"}, {"role": "assistant", "content": "Tea."}]
    scored(judge, [measured(history=turns)])
    statements = next(prompt for prompt in judge.prompts if "What may I drink?" in prompt)
    assert "assistant: Tea." in statements
    assert "everyone. [1]" not in statements


# ---------------------------------------------------------------- a judge that misbehaves

# What Failed rows say, by what the judge does; None where a metric asks for nothing that could go wrong so.
REASONS = {
    Manner.PROSE: "without JSON",
    Manner.EMPTY: "empty answer",
    Manner.BROKEN_JSON: "cannot be read",
    Manner.OTHER_JSON: "not what it was asked for",
    Manner.WRONG_TYPE: "not what it was asked for",
    Manner.OUT_OF_RANGE: "as 7, which can only be 0 or 1",
    Manner.NOT_A_NUMBER: "no number",
    Manner.SERVER_ERROR: "answered 500",
    Manner.BUSY: "answered 429",
    Manner.HANGS: "took too long",
}


@pytest.mark.parametrize("manner", REASONS, ids=str)
def test_whatever_the_judge_gets_wrong_fails_the_row_with_the_reason(manner: Manner) -> None:
    with MockJudge(manner=manner) as server:
        found = scored(slow_and_careful(server.url, timeout=0.2), [measured()])
    for name, outcomes in found.items():
        assert isinstance(outcomes[0], Failed), name
        assert outcomes[0].reason.startswith("the judge"), name
        assert REASONS[manner] in outcomes[0].reason, name


@pytest.mark.parametrize("manner", [Manner.NO_ITEMS, Manner.FEWER_ITEMS])
def test_statements_that_the_judge_passes_over_are_not_left_out_of_the_share(manner: Manner) -> None:
    with MockJudge(manner=manner) as server:
        found = scored(slow_and_careful(server.url), [measured()])
    for name in ("faithfulness", "factual_correctness", "noise_sensitivity"):
        assert isinstance(found[name][0], Failed), name
        assert "the judge gave" in found[name][0].reason


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_a_judge_that_fails_on_some_questions_fails_those_rows_and_no_others(share: float) -> None:
    rows = [measured(f"Tea is free for everyone, {number}. [1]") for number in range(40)]
    with MockJudge(manner=Manner.OUT_OF_RANGE, rate=share, seed=3) as server:
        found = asyncio.run(faithfulness(slow_and_careful(server.url)).score(rows))
    failed = [each for each in found if isinstance(each, Failed)]
    assert len(found) == 40
    assert 0 < len(failed) < 40
    assert all(each == Scored(1.0) for each in found if isinstance(each, Scored))


@pytest.mark.parametrize("manner", [Manner.SERVER_ERROR, Manner.BUSY, Manner.PROSE])
def test_what_passes_is_asked_again_and_costs_no_row(manner: Manner) -> None:
    rows = [measured(f"Tea is free for everyone, {number}. [1]") for number in range(10)]
    with MockJudge(manner=manner, rate=0.4, lasting=False) as server:
        found = asyncio.run(faithfulness(slow_and_careful(server.url)).score(rows))
        assert server.stats.answered[manner] > 0
    assert list(found) == [Scored(1.0)] * 10


def test_attempts_are_bounded() -> None:
    asked = {Manner.SERVER_ERROR: RETRIES + 1, Manner.PROSE: 2, Manner.OUT_OF_RANGE: 1, Manner.HANGS: 2}
    for manner, times in asked.items():
        with MockJudge(manner=manner) as server:
            scored = asyncio.run(_relevancy(slow_and_careful(server.url, timeout=0.2)).score([measured()]))
            assert isinstance(scored[0], Failed)
            assert sum(server.stats.answered.values()) == times, manner


def _relevancy(judge: Judge):  # type: ignore[no-untyped-def]
    """The metric that asks one question."""
    return judged_metrics(judge, FakeEmbedder())[1]


def test_a_judge_that_is_down_is_given_up_soon() -> None:
    rows = [measured(f"Tea is free for everyone, {number}.") for number in range(100)]
    with MockJudge(manner=Manner.SERVER_ERROR) as server:
        found = asyncio.run(faithfulness(slow_and_careful(server.url)).score(rows))
        assert sum(server.stats.answered.values()) < 100 * (RETRIES + 1)
    assert all(isinstance(each, Failed) for each in found)
    assert any(isinstance(each, Failed) and f"given up after {GIVE_UP_AFTER}" in each.reason for each in found)


def test_a_judge_that_is_not_there_fails_every_row_with_the_reason() -> None:
    with MockJudge() as server:
        url = server.url
    (found,) = asyncio.run(faithfulness(slow_and_careful(url)).score([measured()]))
    assert isinstance(found, Failed)
    assert "could not be reached" in found.reason


# ---------------------------------------------------------------- how the judge is asked


@pytest.fixture
def server() -> Iterator[MockJudge]:
    with MockJudge(latency_seconds=0.05) as running:
        yield running


def test_as_many_questions_as_allowed_are_asked_at_once_and_no_more(server: MockJudge) -> None:
    rows = [measured(f"Tea is free for everyone, {number}. [1]") for number in range(24)]
    found = asyncio.run(faithfulness(slow_and_careful(server.url, concurrency=6)).score(rows))
    assert list(found) == [Scored(1.0)] * 24
    assert server.stats.most_at_once == 6


def test_another_services_key_is_never_sent_to_the_judge(server: MockJudge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-somebody-elses")
    asyncio.run(_relevancy(slow_and_careful(server.url)).score([measured()]))
    settings = load_settings(judge_url=server.url, judge_model="mock", judge_api_key="the-judges-own")
    asyncio.run(_relevancy(open_judge(settings)).score([measured()]))  # type: ignore[arg-type]
    assert [sent["authorization"] for sent in server.headers] == ["Bearer none", "Bearer the-judges-own"]


def test_the_version_changes_with_the_judge_and_with_its_embedder_where_it_has_one() -> None:
    class Other(FakeJudge):
        fingerprint = "another"

    class OtherEmbedder(FakeEmbedder):
        fingerprint = "another"

    def versions(judge: Judge, embedder: FakeEmbedder) -> dict[str, str]:
        return {each.name: each.version for each in judged_metrics(judge, embedder)}

    one = versions(FakeJudge(), FakeEmbedder())
    assert all(version != one[name] for name, version in versions(Other(), FakeEmbedder()).items())
    changed = [name for name, version in versions(FakeJudge(), OtherEmbedder()).items() if version != one[name]]
    assert changed == ["answer_relevancy"]


def test_without_settings_there_is_no_judge() -> None:
    assert open_judge(load_settings()) is None


def test_the_mock_judge_answers_the_same_for_the_same_seed() -> None:
    rows = [measured(f"Tea is free for everyone, {number}.") for number in range(12)]
    runs = []
    for _ in range(2):
        with MockJudge(manner=Manner.PROSE, rate=0.5, seed=11) as server:
            runs.append(list(asyncio.run(faithfulness(slow_and_careful(server.url)).score(rows))))
    assert runs[0] == runs[1]


def test_replies_fit_what_they_are_asked_for() -> None:
    assert reply("no prompt of Ragas") == "{}"


# ---------------------------------------------------------------- nothing phones home

QUIET = """
import atexit, socket, sys, threading

attempts = []
def refuse(*args, **_):
    attempts.append(args)
    raise OSError("no network here")
socket.socket.connect = lambda self, address: refuse(address)
socket.socket.connect_ex = lambda self, address: refuse(address)
socket.getaddrinfo = refuse
atexit.register(lambda: print("attempts:", attempts))  # the first registered runs last, after Ragas has flushed

from core.settings import load_settings
load_settings()
import asyncio
from evals.metrics.catalogue import judged_metrics, plain_metrics
from tests.fakes import FakeEmbedder, FakeJudge
from tests.support.judged_rows import measured

async def run():
    for metric in [*plain_metrics(FakeEmbedder(), "english"), *judged_metrics(FakeJudge(), FakeEmbedder())]:
        await metric.score([measured()])
asyncio.run(run())
from ragas._analytics import do_not_track
print("do not track:", do_not_track())
"""


def test_importing_and_using_ragas_opens_no_connection() -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", QUIET], cwd=root, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["do not track: True", "attempts: []"]
