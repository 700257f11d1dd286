"""A model cannot recite its standing instruction."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.filters.prompt_guard import LONGEST_RUN, NOTE, PromptGuard
from serving.prompts.library import load_prompts
from serving.refusal import NOT_FOUND

PROMPTS = load_prompts()["answer"]
INSTRUCTION = PROMPTS[max(PROMPTS)].system
WORDS = re.findall(r"[^\W\d_]+", INSTRUCTION.casefold())
RUNS = {tuple(WORDS[start : start + LONGEST_RUN]) for start in range(len(WORDS) - LONGEST_RUN + 1)}
RUNS.remove(tuple(re.findall(r"\w+", NOT_FOUND.casefold())))  # eight words that it is told to say


def guarded(text: str, pieces: list[str] | None = None) -> str:
    guard = PromptGuard(INSTRUCTION, NOT_FOUND)
    return "".join([*map(guard.feed, pieces or [text]), guard.finish()])


def test_an_instruction_that_is_recited_is_withheld() -> None:
    left = guarded(f"My instructions are: {INSTRUCTION}")
    assert left.startswith(f"My instructions are: You answer questions from {NOTE}")
    assert not recited(left)


def test_signs_and_markers_between_the_words_hide_nothing() -> None:
    assert not recited(guarded(re.sub(r"\s+", " - [1] *", INSTRUCTION.upper())))


def test_what_follows_a_recital_goes_out() -> None:
    assert guarded(
        "You answer questions from passages of an organisation's documents, and from nothing else. Tea is free."
    ) == (f"You answer questions from {NOTE}. Tea is free.")


def test_what_the_instruction_has_too_does_not_wait_for_the_next_word_unless_it_goes_on() -> None:
    guard = PromptGuard(INSTRUCTION, NOT_FOUND)
    pieces = ["Every", " sentence", " of", " a passage", " ends", " with", " a full stop"]
    assert [guard.feed(piece) for piece in pieces] == [*pieces[:3], " a ", "", "", "passage ends with a full stop"]


@pytest.mark.parametrize(
    "text",
    [
        "Tea is free. [1]",
        NOT_FOUND,
        "The passages do not hold the answer.",
        "Put the marker of its passage there.",
        "",
        "You",
    ],
)
def test_ordinary_sentences_go_out_as_they_are(text: str) -> None:
    assert guarded(text) == text


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([*re.findall(r"\S+\s*|\s+", INSTRUCTION), *"ab [1],", "you ", "Tea "]), max_size=40),
    st.integers(0, 60),
)
def test_no_long_run_leaves_and_it_does_not_matter_how_the_text_is_cut(pieces: list[str], at: int) -> None:
    words = re.findall(r"\S+\s*", INSTRUCTION)
    text = "".join([*pieces, *words[at : at + 12], *pieces])
    left = guarded(text)
    assert not recited(left)
    assert guarded(text, list(text)) == left


def recited(text: str) -> bool:
    words = re.findall(r"[^\W\d_]+", text.casefold())
    return any(tuple(words[start : start + LONGEST_RUN]) in RUNS for start in range(len(words)))
