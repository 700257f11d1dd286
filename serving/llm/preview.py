"""What a model is sent, made visible: a prompt with values at hand, or with those of an answer on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import InputError
from core.storage.interactions import Interaction
from core.types import Chunk, Passage, Turn, document_id
from serving.llm.conversation import exchanges, prompt_messages
from serving.prompts.spotlight import disarmed
from serving.prompts.template import PromptTemplate


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its passages, best first, and the conversation before it."""

    question: str
    passages: Sequence[Passage] = ()
    history: Sequence[Turn] = ()
    language: str = "english"


def preview(prompt: PromptTemplate, asked: Asked) -> list[Turn]:
    """The messages, as serving makes them. Raises InputError for a prompt that takes other values than these."""
    if {"passages", "question"} == set(prompt.variables):
        return prompt_messages(prompt, asked.question, asked.passages, asked.history, asked.language)
    values = {"question": disarmed(asked.question), "history": exchanges(asked.history)}
    if unknown := set(prompt.variables) - values.keys():
        raise InputError(
            f"{prompt.label} also takes {', '.join(sorted(unknown))}.",
            hint="Put its values into a file, a JSON object by variable, and give --values FILE.",
        )
    return prompt.messages(**{name: values[name] for name in prompt.variables})


def preview_values(prompt: PromptTemplate, values: Mapping[str, Any]) -> list[Turn]:
    """The messages with values for the template as they stand. Raises InputError if one is missing or too many."""
    if values.keys() != set(prompt.variables):
        found = ", ".join(sorted(values))[:200] or "none"
        raise InputError(
            f"{prompt.label} takes the values {', '.join(prompt.variables)}, not {found}.",
            hint="Give a JSON object with exactly these.",
        )
    return prompt.messages(**values)


def written_passages(texts: Sequence[str]) -> list[Passage]:
    """Passages out of bare texts, each with a title of its own."""
    return [_passage(f"passage-{n}", f"Passage {n}", text) for n, text in enumerate(texts, start=1)]


def asked_of(interaction: Interaction, language: str) -> Asked:
    """What was asked and found for an answer on record: as many passages as its prompt held, if a model wrote it.

    Where the model's context was too small, the oldest turns and the last passage's end may have been left out; that is
    not on record.
    """
    in_prompt = interaction.model["passages"] if interaction.model else len(interaction.passages)
    found = [_passage(each["uri"], each["title"], each["text"]) for each in interaction.passages[:in_prompt]]
    history = [Turn(turn["role"], turn["content"]) for turn in interaction.history]
    return Asked(interaction.question, found, history, language)


def _passage(uri: str, title: str, text: str) -> Passage:
    return Passage(Chunk(document_id(uri), 0, uri, title, (), None, 0, len(text), text), "", 0.0, {})
