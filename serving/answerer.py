"""The path of a question: condense, retrieve, weigh the evidence, abstain or generate, record.

The web application, the command line and the evaluation runner all call this object, built from the same manifest.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from core.ports import Generated, GenerationRequest, Generator, TextDelta
from core.release import Release
from core.storage.interactions import InteractionRepository
from core.types import AccessScope, Answer, Evidence, Retrieval, Turn, Usage
from retrieval.retriever import Retriever
from serving.evidence import EvidenceScorer
from serving.follow_up import standalone_query

NOT_FOUND = "I could not find this in the documents."


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, by whom, and where it came from. `origin` is page, api, cli, evaluation or probe."""

    text: str
    scope: AccessScope
    origin: str
    history: Sequence[Turn] = ()
    api_key_id: str | None = None
    max_tokens: int | None = None


@dataclass(slots=True)
class _Clock:
    """Seconds that each step took, by name."""

    started: float = field(default_factory=time.perf_counter)
    timings: dict[str, float] = field(default_factory=dict)

    def lap(self, name: str, since: float) -> float:
        now = time.perf_counter()
        self.timings[name] = round(now - since, 6)
        return now


class Answerer:
    """Answers questions as one release does. Safe to share between tasks and threads.

    Without `interactions` it leaves no record: evaluations keep their answers in a ledger of their own, and what they
    ask must not count as use.
    """

    def __init__(
        self,
        release: Release,
        retriever: Retriever,
        scorer: EvidenceScorer,
        generator: Generator,
        interactions: InteractionRepository | None,
    ) -> None:
        self.release = release
        self.retriever = retriever
        self._scorer = scorer
        self._generator = generator
        self._interactions = interactions

    async def ask(self, question: Question) -> Answer:
        """The whole answer at once."""
        async for event in self.stream(question):
            if isinstance(event, Answer):
                return event
        raise AssertionError("the stream ended without an answer")  # pragma: no cover - stream() always yields one

    async def stream(self, question: Question) -> AsyncIterator[TextDelta | Answer]:
        """Text as it is written, then the Answer, which is recorded before it is handed out, where it is recorded.

        Raises IndexUnavailableError when the index is down: never an answer without passages.
        """
        clock = _Clock()
        query = standalone_query(question.text, question.history)
        retrieval = await asyncio.to_thread(self.retriever.retrieve, query, question.scope)
        mark = clock.lap("retrieve", clock.started)
        evidence = await asyncio.to_thread(self._scorer.score, query, retrieval.passages)
        mark = clock.lap("evidence", mark)

        text: list[str] = []
        generated: Generated | None = None
        abstained = evidence.confidence < self.release.manifest.guards.abstention.threshold or not evidence.sentences
        if not abstained:
            async for event in self._generator.stream(self._request(question, retrieval, evidence)):
                if isinstance(event, Generated):
                    generated = event
                    continue
                clock.timings.setdefault("first_token", round(time.perf_counter() - clock.started, 6))
                text.append(event.text)
                yield event
        else:
            text.append(NOT_FOUND)
            yield TextDelta(NOT_FOUND)
        clock.lap("generate", mark)
        answer = self._finish(retrieval, evidence, abstained, "".join(text), generated, clock)
        await asyncio.to_thread(self._record, answer, question)
        yield answer

    def _request(self, question: Question, retrieval: Retrieval, evidence: Evidence) -> GenerationRequest:
        return GenerationRequest(
            question.text, question.history, retrieval.passages, evidence, max_tokens=question.max_tokens
        )

    def _finish(
        self,
        retrieval: Retrieval,
        evidence: Evidence,
        abstained: bool,
        text: str,
        generated: Generated | None,
        clock: _Clock,
    ) -> Answer:
        clock.lap("total", clock.started)
        return Answer(
            text=text,
            abstained=abstained,
            degraded=False,
            citations=generated.citations if generated else (),
            retrieval=retrieval,
            confidence=round(evidence.confidence, 6),
            release=self.release.id,
            interaction_id=str(uuid.uuid4()),
            usage=generated.usage if generated else Usage(0, 0),
            timings=clock.timings,
            finish_reason=generated.finish_reason if generated else "stop",
        )

    def _record(self, answer: Answer, question: Question) -> None:
        if self._interactions is None:
            return
        self._interactions.record(
            answer,
            question=question.text,
            history=question.history,
            origin=question.origin,
            api_key_id=question.api_key_id,
            prompt=self._prompt(),
        )

    def _prompt(self) -> Mapping[str, object]:
        """Which prompt template the release answers with: name, version and hash."""
        reference = self.release.manifest.prompts["answer"]
        return {"name": "answer", "version": reference.version, "sha256": reference.sha256}
