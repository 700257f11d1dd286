"""How `ragloop feedback` shows votes and what was made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.cli.console import one_line, print_json, say, visible

if TYPE_CHECKING:
    from core.loop.feedback import FeedbackDecision
    from loop.feedback.export import Known


def say_decision(made: FeedbackDecision, as_json: bool) -> None:
    """What became of a piece of feedback."""
    from core.loop.feedback import AcceptedCase, TrainingPair

    if as_json:
        print_json(
            {
                "feedback": made.feedback_id,
                "decision": made.kind.value,
                "side": made.side.value if made.side else None,
                "content": made.content.model_dump(mode="json") if made.content else {},
            }
        )
        return
    match made.content:
        case AcceptedCase():
            say(f"Accepted as the evaluation case {made.content.id} of the dataset feedback.")
        case TrainingPair():
            say("Accepted as a training pair.")
        case None:
            say("Dismissed.")


def say_line(known: Known) -> None:
    """A vote in a list."""
    given = known.feedback
    said = given.reason.value if given.reason else ""
    cause = known.diagnosis.cause.value if known.diagnosis else ""
    decided = known.decision.kind.value if known.decision else given.standing.value
    parts = [given.id[:8], f"{given.at:%Y-%m-%d %H:%M}", given.vote.value, said, cause, decided, given.author]
    say(visible("  ".join(part for part in parts if part)))
    say(visible(f"    {one_line(given.question)}"))
    if given.correction:
        say(visible(f"    right would be: {one_line(given.correction)}"))


def say_whole(known: Known) -> None:
    """A vote with its answer, its diagnosis and its decision."""
    given = known.feedback
    say_line(known)
    parts = [("Answer", given.answer), ("Right would be", given.correction), ("Comment", given.comment)]
    if known.diagnosis:
        parts.append((f"Why: {known.diagnosis.cause.value}", known.diagnosis.summary))
    if known.decision:
        by = f"{known.decision.kind.value} by {known.decision.actor}"
        parts.append((by, known.decision.reason or (f"as a {known.decision.side}" if known.decision.side else "")))
    for name, text in parts:
        if text:
            say(f"\n{visible(name)}\n{visible(text)}")


def without_passages(shown: dict[str, Any]) -> dict[str, Any]:
    """A list's line: the answer without the passages it came from, which `show` has."""
    answer = shown["interaction"]
    return shown | {"interaction": {name: answer[name] for name in ("question", "answer", "citations", "abstained")}}
