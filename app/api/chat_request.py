"""OpenAI's chat completion request, as far as RAGLoop speaks it.

Sampling belongs to the release, so `temperature` and its like are accepted and change nothing. What would change the
answer's meaning or shape, and is not there, is refused by name rather than ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.errors import ModelNotFoundError, ParameterError, check_length
from app.fields import FilterFields, Text
from core.types import Turn

MODEL = "ragloop"

# Parameter: the values that ask for nothing, beside null and empty.
_NOT_SERVED: dict[str, tuple[Any, ...]] = {
    "tools": (),
    "tool_choice": ("none", "auto"),
    "functions": (),
    "function_call": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "audio": (),
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": (),
    "web_search_options": (),
}


class TextPart(BaseModel):
    """A piece of a message. Only text can be read."""

    type: Literal["text"]
    text: Text


class ChatMessage(BaseModel):
    """One turn of the conversation. Assistants' messages may be empty."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[TextPart] | None = None

    def as_turn(self) -> Turn:
        parts = self.content if isinstance(self.content, list) else []
        text = self.content if isinstance(self.content, str) else "\n".join(part.text for part in parts)
        return Turn("system" if self.role == "developer" else self.role, text)


class StreamOptions(BaseModel):
    """What a stream carries beside text."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """The body of POST /v1/chat/completions. `citations_footer` and `filter` are RAGLoop's own: the text ends with its
    sources, and only documents that the filter lets through are searched."""

    model_config = ConfigDict(extra="allow")

    messages: list[ChatMessage] = Field(min_length=1, max_length=1000)
    model: str = MODEL
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    max_completion_tokens: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    citations_footer: bool = False
    filter: FilterFields = Field(default_factory=dict)

    @property
    def wants_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def token_limit(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    def turns(self, longest_question: int) -> tuple[Turn, tuple[Turn, ...]]:
        """The question and the conversation before it.

        Raises ModelNotFoundError, ParameterError for what is not served, TooLargeError for a question beyond
        `longest_question` characters.
        """
        self._check_model()
        self._check_parameters()
        question, history = self.messages[-1].as_turn(), [message.as_turn() for message in self.messages[:-1]]
        last = f"messages[{len(self.messages) - 1}]"
        if question.role != "user":
            raise ParameterError("The last message must be the user's question.", param=f"{last}.role")
        if not question.content.strip():
            raise ParameterError("The question is empty.", param=f"{last}.content", hint="Ask something.")
        check_length(question.content, longest_question)
        return question, tuple(turn for turn in history if turn.content.strip())

    def _check_model(self) -> None:
        if self.model != MODEL:
            raise ModelNotFoundError(
                f"There is no model {self.model[:80]!r}.",
                hint=f"Use {MODEL!r}: the release that is live decides what answers. GET /v1/models lists it.",
            )

    def _check_parameters(self) -> None:
        given = self.model_extra or {}
        for name, harmless in _NOT_SERVED.items():
            value = given.get(name)
            if value and value not in harmless:
                raise ParameterError(f"RAGLoop does not serve {name}.", param=name, hint=f"Leave {name} out.")
