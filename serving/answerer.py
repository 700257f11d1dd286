"""The path of a question: retrieve, weigh the evidence, if need be once more with what was asked before, abstain or
generate, filter, record.

The web application, the command line and the evaluation runner all call this object, built from the same manifest.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace
from typing import Protocol, cast

from core.ports import Generated, GenerationRequest, Generator, TextDelta
from core.prices import Prices
from core.release import Release
from core.storage.interactions import ASIDE, InteractionRepository
from core.storage.prompt_ledger import PromptOrigin
from core.types import AccessScope, Answer, Evidence, Passage, Retrieval, Turn, Usage
from retrieval.question_dates import period_in
from retrieval.retriever import Retriever
from serving.client_task import task_reply
from serving.filters.outgoing import Outgoing, harmless
from serving.follow_up import StandaloneQuery, finds_its_own, helped_by_context, in_context, joined_query, told_before
from serving.grounding.evidence import EvidenceScorer
from serving.prompts.template import ANSWER
from serving.refusal import RefusalWatch
from serving.small_talk import Remark, small_talk
from serving.wording.catalogue import wording_for
from serving.wording.languages.english import ENGLISH
from serving.wording.wording import Wording


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
        """Adds the seconds since then to the step's, and returns what time it is."""
        now = time.perf_counter()
        self.timings[name] = round(self.timings.get(name, 0.0) + now - since, 6)
        return now


class QueryWriter(Protocol):
    """Makes a follow-up question stand on its own, and never fails: serving.llm.condenser.Condenser."""

    async def standalone(self, question: str, history: Sequence[Turn]) -> StandaloneQuery: ...


@dataclass(frozen=True, slots=True)
class _Finding:
    """What one form of the question found. It is `undated` where the question names a month or a day, and the documents
    of that time do not answer it."""

    retrieval: Retrieval
    evidence: Evidence
    undated: bool = False


class Answerer:
    """Answers questions as one release does. Safe to share between tasks and threads.

    Without `interactions` it leaves no record: evaluations keep their answers in a ledger of their own, and what they
    ask must not count as use. With `prices` answers have a cost: that of the served model's tokens.
    """

    def __init__(
        self,
        release: Release,
        retriever: Retriever,
        scorer: EvidenceScorer,
        generator: Generator,
        interactions: InteractionRepository | None,
        *,
        query_writer: QueryWriter | None = None,
        prices: Prices | None = None,
        prompt_origin: PromptOrigin | None = None,
    ) -> None:
        self.release = release
        self._threshold = release.manifest.guards.abstention.threshold
        self.retriever = retriever
        self.scorer = scorer
        self._generator = generator
        self._interactions = interactions
        self._query_writer = query_writer
        self._prices = prices
        self._prompt_origin = prompt_origin

    async def ask(self, question: Question) -> Answer:
        """The whole answer at once."""
        async with aclosing(cast(AsyncGenerator[TextDelta | Answer, None], self.stream(question))) as events:
            async for event in events:
                if isinstance(event, Answer):
                    return event
        raise AssertionError("the stream ended without an answer")  # pragma: no cover - stream() always yields one

    async def stream(self, question: Question) -> AsyncIterator[TextDelta | Answer]:
        """Text as it is written, then the Answer, which is recorded before it is handed out, where it is recorded.

        Closing it stops the work behind it. Raises IndexUnavailableError when the index is down: never an answer
        without passages; and what the generator raises.
        """
        clock = _Clock()
        said = _aside(question.text)
        if said is not None:
            yield TextDelta(said.answer)
            yield await self._put_aside(question, said, clock)
            return
        query, found = await self._find(question, clock)
        evidence, words = found.evidence, _words(question, found.retrieval)
        mark = time.perf_counter()

        generated = Generated((), Usage(0, 0))
        abstained = self._declines(evidence)
        text = [_declined(evidence, words)] if abstained else []
        if abstained:
            yield TextDelta(text[0])
        else:
            watch = RefusalWatch(words.not_found)
            async with aclosing(self._generate(self._request(question, found, words))) as events:
                async for event in events:
                    if isinstance(event, Generated):
                        generated, piece = event, watch.finish()
                    else:
                        clock.timings.setdefault("first_token", round(time.perf_counter() - clock.started, 6))
                        piece = watch.feed(event.text)
                    if piece:
                        if found.undated and not text and not watch.refused:
                            piece = f"{words.not_dated}\n\n{piece}"
                        text.append(piece)
                        yield TextDelta(piece)
            abstained = watch.refused
        clock.lap("generate", mark)
        answer = self._finish(found, abstained, "".join(text), generated, query, clock, words)
        await asyncio.to_thread(self._record, answer, question)
        yield answer

    async def _put_aside(self, question: Question, said: Remark, clock: _Clock) -> Answer:
        """What is said to somebody who asks nothing of the documents: nothing is searched, and nothing declined."""
        nothing = _Finding(Retrieval(question.text, (), self.retriever.collection, revision=0), Evidence((), {}, 0.0))
        generated = Generated((), Usage(0, 0))
        answer = self._finish(nothing, False, said.answer, generated, StandaloneQuery(), clock, said.words)
        await asyncio.to_thread(self._record, answer, replace(question, origin=ASIDE))
        return answer

    async def _find(self, question: Question, clock: _Clock) -> tuple[StandaloneQuery, _Finding]:
        """What a model's rewriting finds, if there is one; else what the question finds alone, or in the light of the
        one before it if that is too little."""
        query = StandaloneQuery()
        if self._query_writer is not None:
            since = time.perf_counter()
            query = await self._query_writer.standalone(question.text, question.history)
            clock.lap("condense", since)
        if query.text is not None:
            return query, await self._search(query.text, question.scope, clock)
        dated = await self._of_its_date(question, clock)
        if dated is not None and not self._declines(dated.evidence):
            return query, dated
        found = await self._search(question.text, question.scope, clock)
        context = joined_query(question.text, question.history)
        if context is not None and not finds_its_own(found.evidence, self._threshold):
            found = await self._in_context(question, context, clock)
        return query, found if dated is None else replace(found, undated=True)

    async def _in_context(self, question: Question, context: str, clock: _Clock) -> _Finding:
        """What the question and its joined form find together, read for both where that helps."""
        found = await self._search(question.text, question.scope, clock, context)
        has_words = self.scorer.has_words(question.text)
        if not helped_by_context(found.evidence, has_words=has_words):
            return found
        since = time.perf_counter()
        joined = await asyncio.to_thread(self.scorer.score, context, found.retrieval.passages)
        told = told_before(question.history)
        evidence = in_context(found.evidence, joined, self._threshold, told, has_words=has_words)
        clock.lap("evidence", since)
        return _Finding(replace(found.retrieval, query=context), evidence)

    async def _of_its_date(self, question: Question, clock: _Clock) -> _Finding | None:
        """What documents of the month or day that the question names hold for it; None where it names none, and where
        no document is of about that time."""
        period = period_in(question.text)
        if period is None or question.scope.narrowed.period is not None:
            return None
        dated = (await asyncio.to_thread(self.retriever.fields, question.scope)).period
        if dated is None or not dated.meets(period):
            return None
        narrowed = replace(question.scope.narrowed, period=period)
        return await self._search(question.text, replace(question.scope, narrowed=narrowed), clock)

    async def _search(self, text: str, scope: AccessScope, clock: _Clock, context: str | None = None) -> _Finding:
        since = time.perf_counter()
        retrieval = await asyncio.to_thread(self.retriever.retrieve, text, scope, context=context)
        since = clock.lap("retrieve", since)
        evidence = await asyncio.to_thread(self.scorer.score, text, retrieval.passages, retrieval.vector)
        found = _Finding(retrieval, evidence)
        if evidence.missing:
            found = await asyncio.to_thread(self._deeper, text, scope, found)
        clock.lap("evidence", since)
        return found

    def _deeper(self, text: str, scope: AccessScope, found: _Finding) -> _Finding:
        """Once more among all that the search compares, for the one record that is named and that none of the best
        passages holds: kit 7 is a label and a number, of which each stands in many."""
        depth, most = self.retriever.parameters.depth, self.retriever.parameters.top_k
        holders = self.scorer.holders(text, self.retriever.retrieve(text, scope, depth).passages)
        if not holders:
            return found
        others = (passage for passage in found.retrieval.passages if passage not in holders)
        retrieval = replace(found.retrieval, passages=(*holders, *others)[:most])
        return _Finding(retrieval, self.scorer.score(text, retrieval.passages, retrieval.vector))

    def _declines(self, evidence: Evidence) -> bool:
        """Whether the passages do not hold the answer: too little speaks for it, or what the question names is not in
        them."""
        return evidence.confidence < self._threshold or not evidence.sentences or bool(evidence.missing)

    async def ask_of(self, question: str, passages: Sequence[Passage]) -> str:
        """What the generator writes when it is handed these passages and no others: nothing is searched, declined or
        recorded. Raises what the generator raises."""
        evidence = await asyncio.to_thread(self.scorer.score, question, passages)
        request = GenerationRequest(question, (), passages, evidence)
        async with aclosing(self._generate(request)) as events:
            return "".join([event.text async for event in events if isinstance(event, TextDelta)])

    async def _generate(self, request: GenerationRequest) -> AsyncGenerator[TextDelta | Generated, None]:
        """What the generator writes, as it may leave."""
        outgoing = Outgoing(request.passages)
        events = cast(AsyncGenerator[TextDelta | Generated, None], self._generator.stream(request))
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Generated):
                    if rest := outgoing.finish():
                        yield TextDelta(rest)
                    yield event
                elif text := outgoing.feed(event.text):
                    yield TextDelta(text)

    def _request(self, question: Question, found: _Finding, words: Wording) -> GenerationRequest:
        return GenerationRequest(
            question.text,
            question.history,
            found.retrieval.passages,
            found.evidence,
            max_tokens=question.max_tokens,
            language=words.code,
        )

    def _finish(
        self,
        found: _Finding,
        abstained: bool,
        text: str,
        generated: Generated,
        query: StandaloneQuery,
        clock: _Clock,
        words: Wording,
    ) -> Answer:
        clock.lap("total", clock.started)
        return Answer(
            text=text,
            abstained=abstained,
            degraded=generated.degraded,
            citations=generated.citations,
            retrieval=found.retrieval,
            confidence=round(found.evidence.confidence, 6),
            release=self.release.id,
            interaction_id=str(uuid.uuid4()),
            usage=generated.usage,
            timings=clock.timings,
            finish_reason=generated.finish_reason,
            model=generated.model,
            cost=self._cost(generated.model_usage, query.model_usage),
            differences=generated.differences,
            language=words.code,
        )

    def _cost(self, *used: Usage | None) -> float | None:
        """Of what served models read and wrote for the answer; what is done in this process costs nothing."""
        prices = self._prices
        return None if prices is None else sum(prices.cost(usage) for usage in used if usage is not None)

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
        """Which prompt the release answers with: name, version, hash, and where it lies in a Git repository."""
        reference = self.release.manifest.prompts[ANSWER]
        origin = asdict(self._prompt_origin) if self._prompt_origin else {}
        return {"name": ANSWER, "version": reference.version, "sha256": reference.sha256, **origin}


def _aside(text: str) -> Remark | None:
    """What is said to small talk, and to what a chat client asks on its own, which does so in English."""
    remark = small_talk(text)
    if remark is None and (reply := task_reply(text)) is not None:
        remark = Remark(reply, ENGLISH)
    return remark


def _words(question: Question, retrieval: Retrieval) -> Wording:
    """The words in the language of the question; of a follow-up that does not tell, of the question before it."""
    before = [turn.content for turn in question.history if turn.role == "user"]
    return wording_for([question.text, *before[-1:]], (passage.chunk.language for passage in retrieval.passages))


def _declined(evidence: Evidence, words: Wording) -> str:
    """What is said instead of an answer. What the question names is the asker's text, and leaves as harmless as any."""
    if not evidence.missing:
        return words.not_found
    names = ", ".join(harmless(name) for name in evidence.missing)
    return f"{words.not_found} {words.not_named.format(names=names)}"
