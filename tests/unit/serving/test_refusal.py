"""A model's refusal is shown in the words of the question's language; whatever else it says goes out as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.prompts.library import PROMPTS
from serving.refusal import NOT_FOUND, RefusalWatch

SHOWN = "Nicht gefunden."


def shown(*pieces: str) -> tuple[str, bool]:
    watch = RefusalWatch(SHOWN)
    text = "".join([*map(watch.feed, pieces), watch.finish()])
    return text, watch.refused


@pytest.mark.parametrize("said", [NOT_FOUND, NOT_FOUND.lower().rstrip("."), f"  {NOT_FOUND}\n", f"{NOT_FOUND} [1] [2]"])
def test_the_refusal_is_shown_in_other_words_however_it_is_cut(said: str) -> None:
    assert shown(said) == shown(*said) == (SHOWN, True)


@pytest.mark.parametrize(
    "said",
    [
        "Thirty days [1].",
        f"{NOT_FOUND} But the team lead knows [1].",
        "I could",
        "I could not find thisthle.",
        "",
        "[1",
        "I [2024]",
    ],
)
def test_what_is_more_or_less_than_the_refusal_goes_out_as_it_is(said: str) -> None:
    assert shown(said) == shown(*said) == (said, False)


def test_an_answer_is_held_back_no_longer_than_it_may_be_the_refusal() -> None:
    watch = RefusalWatch(SHOWN)
    assert [watch.feed(piece) for piece in ("I ", "could ", "say ", "more")] == ["", "", "I could say ", "more"]


@given(st.lists(st.sampled_from([*NOT_FOUND.split(" "), " ", "[1]", "[", ".", "x"]), max_size=14))
def test_the_result_does_not_depend_on_how_the_text_was_cut(pieces: list[str]) -> None:
    assert shown(*pieces) == shown("".join(pieces))


def test_the_prompts_tell_a_model_these_words() -> None:
    prompts = sorted((PROMPTS / "answer").glob("*.yaml"))
    assert prompts
    assert all(NOT_FOUND in path.read_text(encoding="utf-8") for path in prompts)
