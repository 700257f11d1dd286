"""What goes into the prompt: as much as fits, the best of it, and never more."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ContextTooLongError
from core.types import Passage, Turn
from serving.llm.context import Context, contexts, fitting
from serving.llm.conversation import prompt_messages
from serving.prompts.library import load_prompts
from tests.support.model_replies import count as count_tokens
from tests.support.passages import passage

PROMPT = load_prompts()["answer"][2]
SENTENCES = st.lists(
    st.sampled_from(["Tea is free.", "The lead approves it (see above)!", "No.", "Ünï 漢字 x1."]), min_size=1
)
PASSAGES = st.lists(SENTENCES.map(" ".join), min_size=1, max_size=6)
HISTORY = st.lists(st.text(max_size=60), max_size=8).map(lambda said: said[: len(said) // 2 * 2])


def counted(context: Context, question: str = "Who?") -> int:
    messages = prompt_messages(PROMPT, question, context.passages, context.history)
    return count_tokens([{"content": message.content} for message in messages])


def fit(texts: list[str], said: list[str], room: int) -> Context:
    async def count(context: Context) -> int:
        return counted(context)

    passages = [passage(text, f"docs/{number}.md") for number, text in enumerate(texts)]
    return asyncio.run(fitting(passages, turns(said), count, room))


def turns(said: list[str]) -> list[Turn]:
    return [Turn("assistant" if number % 2 else "user", text) for number, text in enumerate(said)]


@given(texts=PASSAGES, said=HISTORY, room=st.integers(100, 600))
def test_nothing_overflows_and_what_is_there_is_the_best_of_what_was_given(
    texts: list[str], said: list[str], room: int
) -> None:
    try:
        context = fit(texts, said, room)
    except ContextTooLongError:
        least = passage(texts[0], "docs/0.md")
        shortest = list(contexts([least], [], "english"))[-1]
        assert counted(shortest) > room
        return
    assert counted(context) <= room
    assert context.history == tuple(turns(said)[len(said) - len(context.history) :])
    for number, kept in enumerate(context.passages):
        given_text = texts[number]
        assert given_text.startswith(kept.chunk.text)
        assert kept.chunk.end - kept.chunk.start == len(kept.chunk.text)
        assert kept.chunk.text == given_text or len(context.passages) == 1


@given(texts=PASSAGES, said=HISTORY)
def test_what_fits_is_left_whole(texts: list[str], said: list[str]) -> None:
    context = fit(texts, said, 100_000)
    assert len(context.passages) == len(texts)
    assert len(context.history) == len(said)


LONG = " ".join(["The office in Lisbon opens at nine."] * 20)


def test_old_exchanges_go_before_passages() -> None:
    said = ["What about tea and coffee and cake?", "There is some of it in the kitchen."] * 10
    context = fit(["Tea is free."] * 4, said, counted(Context(tuple([passage("Tea is free.")] * 4), ())) + 80)
    assert len(context.passages) == 4
    assert 2 <= len(context.history) < len(said)


def test_low_ranked_passages_go_before_the_last_exchange() -> None:
    passages: list[Passage] = [passage(LONG)] * 8
    last = turns(["Where?", "In Lisbon."])
    room = counted(Context(tuple(passages[:4]), tuple(last)))
    context = fit([LONG] * 8, ["Where?", "In Lisbon."], room)
    assert (len(context.passages), len(context.history)) == (4, 2)


def test_the_best_passage_is_cut_at_a_sentences_end() -> None:
    context = fit([LONG, LONG], [], counted(Context((passage(LONG[:180]),), ())))
    (kept,) = context.passages
    assert kept.chunk.text.endswith("opens at nine.")
    assert 0 < len(kept.chunk.text) < len(LONG)


def test_a_question_that_fills_the_context_is_told_so() -> None:
    with pytest.raises(ContextTooLongError) as refused:
        fit(["Tea is free."], [], 50)
    assert refused.value.status == 413
    assert "RAGLOOP_MODEL_CONTEXT_TOKENS" in refused.value.hint


async def test_a_context_that_fits_is_counted_once_and_another_a_few_times() -> None:
    calls: list[Context] = []

    async def count(context: Context) -> int:
        calls.append(context)
        return counted(context)

    passages = [passage(LONG)] * 8
    await fitting(passages, turns(["a", "b"] * 30), count, 100_000)
    assert len(calls) == 1
    await fitting(passages, turns(["a", "b"] * 30), count, 700)
    assert len(calls) < 10


async def test_a_conversation_as_long_as_a_book_is_not_even_counted() -> None:
    longest = 0

    async def count(context: Context) -> int:
        nonlocal longest
        longest = max(longest, sum(len(turn.content) for turn in context.history))
        return counted(context)

    history = turns(["word " * 10_000, "answer " * 10_000, "And tea?", "It is free."])
    context = await fitting([passage("Tea is free.")], history, count, 2000)
    assert [turn.content for turn in context.history] == ["And tea?", "It is free."]
    assert longest < 100
