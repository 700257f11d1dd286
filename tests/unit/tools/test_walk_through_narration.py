"""How a walk-through is told: what does not hold ends it, and what documents say cannot steer the terminal."""

from __future__ import annotations

import pytest

from tools.walk_through.narration import Story, StoryError


def test_a_check_that_does_not_hold_ends_the_story_and_says_what_was_expected_and_found(
    capsys: pytest.CaptureFixture[str],
) -> None:
    story = Story("Title", "Introduction.")
    with story.step("Ask", "Somebody wants to know."):
        story.check(True, "the server answers")
        with pytest.raises(StoryError, match=r"Expected: the answer is right\. Found: forty-two") as failed:
            story.check(False, "the answer is right", "forty-two")
    assert failed.value.exit_code == 1
    assert "step 1" in failed.value.hint
    told = capsys.readouterr().out
    assert "✓ the server answers." in told
    assert "✓ the answer is right" not in told


def test_the_end_lists_each_step_and_the_time_of_all(capsys: pytest.CaptureFixture[str]) -> None:
    waited = []
    story = Story("Title", "Introduction.", lambda: waited.append(True))
    for title in ("Ask", "Roll back"):
        with story.step(title, "Why."):
            story.check(True, "it is so")
    story.end()
    told = capsys.readouterr().out
    assert "  1. Ask" in told
    assert "  2. Roll back" in told
    assert "2 checks held" in told
    assert waited == [True, True]
    assert 0 <= story.seconds < 5


def test_commands_are_shown_as_they_can_be_typed_and_results_cannot_steer_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    story = Story("Title", "Introduction.")
    story.typed(["ragloop", "release", "rollback", "--reason", "it's worse"], "emil")
    story.came("\x1b[2Jfirst\n\n" + "\n".join(f"line {number}" for number in range(2, 9)), lines=6)
    told = capsys.readouterr().out
    assert """emil $ ragloop release rollback --reason 'it'"'"'s worse'""" in told
    assert "␛[2Jfirst" in told
    assert "\x1b" not in told
    assert "line 6" in told
    assert "line 7" not in told
    assert "… 2 more lines" in told
