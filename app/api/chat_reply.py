"""OpenAI's chat completion objects, whole and in chunks, with RAGLoop's own fields beside OpenAI's."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from app.answers.answer_json import answer_json
from app.answers.citations import cited_spans, document_url
from app.answers.footer import citations_footer
from app.api.chat_request import MODEL
from core.types import Answer, Usage

DONE = "data: [DONE]\n\n"


def event(payload: dict[str, Any]) -> str:
    """One server-sent event. JSON escapes line ends, so a payload is always one line."""
    return f"data: {json.dumps(payload, ensure_ascii=False, separators=(',', ':'))}\n\n"


@dataclass(frozen=True, slots=True)
class Completion:
    """One completion: its id and time are the same in every chunk. With `footer` its text ends with its sources; with
    `cost` it says what the answer cost."""

    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))
    footer: bool = False
    cost: bool = False

    def whole(self, answer: Answer) -> dict[str, Any]:
        """The `chat.completion` object."""
        content = answer.text + (citations_footer(answer) if self.footer else "")
        message = {
            "role": "assistant", "content": content, "refusal": None, "annotations": url_annotations(answer),
        }  # fmt: skip
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}
        return {
            **self._head("chat.completion", answer.release),
            "choices": [choice],
            "usage": _usage(answer.usage),
            **answer_json(answer, with_cost=self.cost),
        }

    def delta(self, delta: dict[str, Any], *, with_usage: bool, finish: str | None = None) -> dict[str, Any]:
        """A `chat.completion.chunk`. Where a usage chunk will follow, the others carry `usage: null`."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        chunk = {**self._head("chat.completion.chunk"), "choices": [choice]}
        return {**chunk, "usage": None} if with_usage else chunk

    def ending(self, answer: Answer, *, with_usage: bool) -> list[dict[str, Any]]:
        """The chunks after the text: the sources and the usage where they were asked for, and between them the last."""
        footer = citations_footer(answer) if self.footer else ""
        before = [self.delta({"content": footer}, with_usage=with_usage)] if footer else []
        after = [self.usage(answer)] if with_usage else []
        return [*before, self.last(answer, with_usage=with_usage), *after]

    def last(self, answer: Answer, *, with_usage: bool) -> dict[str, Any]:
        """The chunk that ends the text: the finish reason, the annotations, and RAGLoop's fields."""
        delta = {"annotations": url_annotations(answer)}
        last = self.delta(delta, with_usage=with_usage, finish=answer.finish_reason)
        return {**last, **answer_json(answer, with_cost=self.cost)}

    def usage(self, answer: Answer) -> dict[str, Any]:
        """The chunk that `stream_options.include_usage` asks for."""
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": _usage(answer.usage)}

    def _head(self, kind: str, release: str | None = None) -> dict[str, Any]:
        head = {"id": self.id, "object": kind, "created": self.created, "model": MODEL}
        return {**head, "system_fingerprint": f"fp_{release[:12]}"} if release else head


def url_annotations(answer: Answer) -> list[dict[str, Any]]:
    """One `url_citation` for each marker in the text, leading to the document's page on this server."""
    by_marker = {citation.marker: citation for citation in answer.citations}
    found = []
    for span in cited_spans(answer.text, answer.citations):
        citation = by_marker[span.marker]
        url = document_url(citation.chunk.document_id, citation.start, citation.end, answer.interaction_id)
        place = {"start_index": span.start, "end_index": span.end, "url": url, "title": citation.chunk.title}
        found.append({"type": "url_citation", "url_citation": place})
    return found


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
