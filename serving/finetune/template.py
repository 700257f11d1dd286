"""A training row as the conversation that serving would have had: the same prompt, the same quotation of passages.

What is learned in one form and asked in another is half lost, so nothing here renders anything itself: messages are
made by what makes them in serving, tokens by the model's own chat template, as the model server makes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import InputError
from core.types import Chunk, Passage, Turn, document_id
from serving.finetune.dataset import NumberedRow, RowPassage, TrainingRow
from serving.llm.conversation import prompt_messages as served_messages
from serving.prompts.template import PromptTemplate

ASSISTANT = "assistant"


def prompt_messages(row: TrainingRow, prompt: PromptTemplate, language: str) -> list[Turn]:
    """The messages that the model server is sent for the row's question, up to the answer."""
    history = [Turn(turn.role, turn.content) for turn in row.history]
    passages = [as_passage(passage, number) for number, passage in enumerate(row.passages)]
    return served_messages(prompt, row.question, passages, history, language)


def as_passage(passage: RowPassage, number: int) -> Passage:
    """A row's passage as retrieval would hand it over."""
    uri = f"training/{number}"
    text = passage.text
    chunk = Chunk(document_id(uri), 0, uri, passage.title, (), None, 0, len(text), text)
    return Passage(chunk, hashlib.sha256(text.encode()).hexdigest(), 1.0, {})


@dataclass(frozen=True, slots=True)
class Example:
    """A row as messages and in tokens. `prompt` ends where the model's answer begins, answers with its end token."""

    row: TrainingRow
    turns: tuple[Turn, ...]
    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    rejected: tuple[int, ...] | None

    @property
    def tokens(self) -> int:
        return len(self.prompt) + max(len(self.answer), len(self.rejected or ()))


class Encoder:
    """Turns rows into tokens, by the model's tokenizer and chat template."""

    def __init__(self, tokenizer: Any, prompt: PromptTemplate, language: str, ends: Sequence[int]) -> None:
        """`tokenizer` is transformers'; `ends` are the tokens that end an answer."""
        self._tokenizer = tokenizer
        self._prompt = prompt
        self._language = language
        self._ends = frozenset(ends)

    def encode_all(self, rows: Iterable[NumberedRow], longest: int) -> list[Example]:
        """The rows' tokens. Raises InputError that names the lines of more than `longest` tokens: a row that is cut
        off would teach to break off."""
        encoded = [(numbered.line, self.encode(numbered)) for numbered in rows]
        beyond = [f"line {line} has {example.tokens:,}" for line, example in encoded if example.tokens > longest]
        if beyond:
            raise InputError(
                f"{len(beyond)} rows are longer than the model's {longest:,} tokens: {', '.join(beyond[:10])}.",
                hint="Give these rows fewer or shorter passages, as many as fit when the question is served.",
            )
        return [example for _, example in encoded]

    def encode(self, numbered: NumberedRow) -> Example:
        """The row's tokens. Raises InputError for a row or a model whose chat template cannot say it."""
        row, line = numbered.row, numbered.line
        turns = prompt_messages(row, self._prompt, self._language)
        asked = self._rendered(turns, line, asks=True)
        answers = [self._answer(asked, turns, text, line) for text in (row.answer, row.rejected) if text is not None]
        return Example(row, tuple(turns), self._tokens(asked), answers[0], answers[1] if len(answers) == 2 else None)

    def _answer(self, asked: str, turns: Sequence[Turn], answer: str, line: int) -> tuple[int, ...]:
        whole = self._rendered([*turns, Turn(ASSISTANT, answer.strip())], line, asks=False)
        if not whole.startswith(asked):
            raise InputError(
                "The model's chat template shows a finished answer in another place than it asks for one, so tuning "
                "would teach it something that serving never asks.",
                hint="Tune a model whose chat template begins answers as its generation prompt does.",
            )
        tokens = self._tokens(whole[len(asked) :])
        if not self._ends.intersection(tokens):
            raise InputError(
                "The model's chat template ends an answer without an end token, so the model would not learn to stop.",
                hint="Set eos_token in the model's tokenizer to what ends a message of its chat template.",
            )
        return tokens

    def _rendered(self, turns: Sequence[Turn], line: int, *, asks: bool) -> str:
        from jinja2 import TemplateError

        messages = [{"role": turn.role, "content": turn.content} for turn in turns]
        try:
            return str(self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=asks))
        except (TemplateError, ValueError) as error:
            raise InputError(
                f"Line {line}: the model's chat template refuses the conversation: {str(error)[:300]}",
                hint="Most templates want history to begin with the user and roles to take turns.",
            ) from error

    def _tokens(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])


def taught(row: TrainingRow) -> list[Turn]:
    """What the row makes a model know: the questions, and the answers that it learns to give. Not the passages: that
    they stand in a prompt is how retrieval works."""
    history = [Turn(turn.role, turn.content) for turn in row.history]
    return [*history, Turn("user", row.question), Turn(ASSISTANT, row.answer)]
