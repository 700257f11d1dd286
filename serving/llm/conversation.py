"""What a model is sent for a question: the one way in which serving and training make it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from core.text.citation_marker import without_markers
from core.types import Passage, Turn
from serving.prompts.spotlight import disarmed, spotlight
from serving.prompts.template import PromptTemplate


def prompt_messages(
    prompt: PromptTemplate,
    question: str,
    passages: Sequence[Passage],
    history: Sequence[Turn] = (),
    language: str = "english",
) -> list[Turn]:
    """The messages for a question: the prompt's standing instruction, the conversation, the passages and the question,
    nothing in them being able to pass for the prompt's own words."""
    quoted = spotlight(passages, language)
    return prompt.messages(exchanges(history), passages=quoted, question=disarmed(question))


def exchanges(history: Sequence[Turn]) -> list[Turn]:
    """The conversation as chat templates want it: user and assistant in turn, from a user's message to an answer.

    Neighbours of one role become one turn. Instructions that a client put in are left out, for the release's prompt
    says what answers are like; so are questions that were never answered. Answers lose their markers: they count the
    passages of another question.
    """
    turns: list[Turn] = []
    for role, said in groupby((turn for turn in history if turn.role != "system"), key=lambda turn: turn.role):
        text = disarmed("\n\n".join(_as_said(turn) for turn in said))
        if turns or role == "user":
            turns.append(Turn(role, text))
    return turns[: len(turns) // 2 * 2]


def _as_said(turn: Turn) -> str:
    return without_markers(turn.content) if turn.role == "assistant" else turn.content
