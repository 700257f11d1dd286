"""`ragloop feedback diagnose`: why answers were bad."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.console import JsonOption, note, one_line, print_json, say, visible
from app.cli.loop.feedback_by_id import find_feedback
from core.errors import InputError

if TYPE_CHECKING:
    from core.loop.diagnosis import Diagnosis
    from loop.diagnosis.diagnoser import Diagnoser

_SECONDS_BETWEEN_NOTES = 5.0


def diagnose(
    feedback_id: Annotated[
        str, typer.Argument(metavar="[ID]", help="One vote: its id or its beginning. Default: all that are new.")
    ] = "",
    evaluation: Annotated[
        str, typer.Option("--evaluation", metavar="ID", help="The failed cases of this evaluation instead of votes.")
    ] = "",
    again: Annotated[bool, typer.Option("--all", help="Votes that were diagnosed before, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Find out why answers were bad: what was voted down, or what failed in an evaluation.

    Looks for the right answer in the context, the ranking, the index, the documents and their sources, and asks again
    with the right passage alone. That takes seconds for each answer.
    """
    from core.settings import load_settings
    from core.telemetry import configure_logging
    from loop.diagnosis.diagnoser import open_diagnoser

    if sum((bool(feedback_id), bool(evaluation), again)) > 1:
        raise InputError("Name one vote, or --evaluation, or --all.", hint="Without any, what is new is diagnosed.")
    configure_logging("warning")
    with open_diagnoser(load_settings()) as diagnoser:
        made = _diagnosed(diagnoser, feedback_id, evaluation, again=again)
    if as_json:
        print_json(_json(made, diagnoser.left_out))
        return
    _print(made, diagnoser.left_out)


def _diagnosed(diagnoser: Diagnoser, feedback_id: str, evaluation: str, *, again: bool) -> Sequence[Diagnosis]:
    if evaluation:
        return diagnoser.evaluation(evaluation, _progress())
    if feedback_id:
        return [diagnoser.feedback(find_feedback(diagnoser.database, feedback_id))]
    return diagnoser.new(_progress(), again=again)


def _progress() -> Callable[[int, int], None]:
    """What tells the person waiting how far it is: a line every few seconds."""
    said = [time.monotonic()]

    def progress(done: int, of: int) -> None:
        if time.monotonic() - said[0] >= _SECONDS_BETWEEN_NOTES:
            said[0] = time.monotonic()
            note(f"{done} of {of}")

    return progress


def _json(made: Sequence[Diagnosis], left_out: dict[str, str]) -> dict[str, Any]:
    from core.storage.loop.diagnoses import diagnosis_json

    return {
        "diagnosed": len(made),
        "by_cause": dict(Counter(each.cause.value for each in made).most_common()),
        "diagnoses": [diagnosis_json(each) for each in made],
        "left_out": [{"feedback": feedback, "reason": reason} for feedback, reason in left_out.items()],
    }


def _print(made: Sequence[Diagnosis], left_out: dict[str, str]) -> None:
    for each in made:
        say(visible(f"{each.cause.value:18}{each.certainty:4.2f}  {one_line(each.question, 70)}"))
        say(visible(f"    {each.summary}"))
        for place in each.evidence.passages[:2]:
            say(visible(f"    {place.uri}: {one_line(place.quote)}"))
    if made:
        say()
    for cause, count in Counter(each.cause.value for each in made).most_common():
        say(f"{cause:18}{count:4}")
    for feedback, reason in left_out.items():
        note(visible(f"Left out: {feedback[:8]}. {reason}"))
    if not made:
        note("There is nothing new to diagnose.")
