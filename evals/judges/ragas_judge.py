"""A Judge and an Embedder as Ragas wants them. Importing this imports Ragas, which takes seconds: only a run does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from ragas.embeddings.base import BaseRagasEmbedding
from ragas.llms.base import InstructorBaseRagasLLM
from ragas.metrics.collections import FactualCorrectness, Faithfulness, NoiseSensitivity

from core.errors import JudgeError
from core.ports import Embedder, Judge, Judgement


class RagasJudge(InstructorBaseRagasLLM):
    """Passes Ragas's prompts on to the judge, and refuses judgements that Ragas would count without looking: its forms
    take any whole number for a verdict, and an empty list for a list of verdicts."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def generate(self, prompt: str, response_model: type[Judgement]) -> Judgement:  # noqa: ARG002 - Ragas's signature
        raise TypeError("the judge is asked with agenerate")

    async def agenerate(self, prompt: str, response_model: type[Judgement]) -> Judgement:
        judgement = await self._judge.ask(prompt, response_model)
        for place, value in _values(judgement):
            if isinstance(value, int) and value not in (0, 1):
                raise JudgeError(f"the judge gave {place} as {value}, which can only be 0 or 1")
            if isinstance(value, list) and not value:
                raise JudgeError(f"the judge gave no {place}")
        return judgement


class RagasEmbedder(BaseRagasEmbedding):
    """The embedder that searches, for the metrics that compare meanings."""

    def __init__(self, embedder: Embedder) -> None:
        super().__init__()
        self._embedder = embedder

    def embed_text(self, text: str, **_: Any) -> list[float]:
        return self.embed_texts([text])[0]

    async def aembed_text(self, text: str, **_: Any) -> list[float]:
        return await asyncio.to_thread(self.embed_text, text)

    def embed_texts(self, texts: list[str], **_: Any) -> list[list[float]]:
        vectors: list[list[float]] = self._embedder.embed(texts).tolist()
        return vectors

    async def aembed_texts(self, texts: list[str], **_: Any) -> list[list[float]]:
        return await asyncio.to_thread(self.embed_texts, texts)


class CompleteFaithfulness(Faithfulness):
    """Ragas's, but a statement that the judge passed over is not left out of the share."""

    async def _create_verdicts(self, statements: list[str], context: str) -> Any:
        verdicts = await super()._create_verdicts(statements, context)
        _require_all(statements, verdicts.statements)
        return verdicts


class CompleteFactualCorrectness(FactualCorrectness):
    """Ragas's, but a claim that the judge passed over is not left out of the share."""

    async def _verify_claims(self, claims: list[str], reference: str) -> Any:
        verdicts = await super()._verify_claims(claims, reference)
        _require_all(claims, verdicts.statements)
        return verdicts


class CompleteNoiseSensitivity(NoiseSensitivity):
    """Ragas's, but a statement that the judge passed over is not left out of the share."""

    async def _evaluate_statement_faithfulness(self, statements: list[str], context: str) -> list[int]:
        verdicts: list[int] = await super()._evaluate_statement_faithfulness(statements, context)
        _require_all(statements, verdicts)
        return verdicts


def _require_all(asked: list[str], judged: list[Any]) -> None:
    if len(asked) != len(judged):
        raise JudgeError(f"the judge gave {len(judged)} verdicts on {len(asked)} statements")


def _values(model: BaseModel, place: str = "") -> Iterator[tuple[str, object]]:
    """Every value of the model and of those inside it, with where it stands."""
    for name, value in model:
        path = f"{place}{name}"
        yield path, value
        for number, item in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(item, BaseModel):
                yield from _values(item, f"{path}.{number}." if isinstance(value, list) else f"{path}.")
