"""Drafting cases with a language model: it reads a passage and writes questions; what it quotes is checked."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, Field, ValidationError

from core.errors import JudgeError
from core.ports import Judge
from core.types import Document
from evals.cases.cases import Case, GoldEvidence
from evals.drafting.from_documents import Proposal, Unlike, case_of
from evals.judges.prompts import JudgePrompts
from ingestion.splitting.blocks import Block, blocks

PROMPT = "draft_case"
# Characters of a passage: a few sections, so that questions may join what stands in two of them.
_PASSAGE = 3000
# Less is a heading or a line of a table.
_SHORTEST_PASSAGE = 200
_PER_PASSAGE = 3


class ProposedCase(BaseModel):
    """One question as the model writes it."""

    question: str = Field(min_length=8, max_length=500)
    answer: str = Field(min_length=1, max_length=2000)
    quote: str = Field(min_length=15, max_length=3000)


class ProposedCases(BaseModel):
    """What the model answers."""

    cases: list[ProposedCase] = Field(max_length=20)


@dataclass(frozen=True, slots=True)
class Drafted:
    """The drafts, and how many were dropped for which reason."""

    cases: tuple[Case, ...]
    dropped: Counter[str]


async def draft_with(
    judge: Judge,
    documents: Iterable[Document],
    *,
    count: int,
    seed: int,
    known: Iterable[str] = (),
    prompts: JudgePrompts | None = None,
) -> Drafted:
    """Up to `count` drafts, from passages of documents in an order that `seed` shuffles.

    Dropped and counted are quotes that do not stand in the document, questions like one that is known, and what could
    not be stored. Raises JudgeError when every passage failed.
    """
    prompt = (prompts or JudgePrompts())[PROMPT]
    fresh, dropped, cases = Unlike(known), Counter[str](), []
    passages = _passages(documents, random.Random(seed))  # noqa: S311 - a shuffle, no secret
    wanted = passages[: -(-count // _PER_PASSAGE) * 2]  # as many again as are needed if nothing is dropped
    texts = [
        prompt.render(title=document.title, passage=document.text[start:end], count=_PER_PASSAGE)
        for document, start, end in wanted
    ]
    replies = await asyncio.gather(*(judge.ask(text, ProposedCases) for text in texts), return_exceptions=True)
    for (document, _, _), reply in zip(wanted, replies, strict=True):
        if isinstance(reply, JudgeError):
            dropped["the model gave no usable answer"] += 1
        elif isinstance(reply, BaseException):
            raise reply
        else:
            cases += _kept(document, reply.cases, fresh, dropped)
    failures = [reply for reply in replies if isinstance(reply, JudgeError)]
    if failures and len(failures) == len(replies):
        raise failures[0]
    return Drafted(tuple(cases[:count]), dropped)


def _kept(document: Document, drafts: Sequence[ProposedCase], fresh: Unlike, dropped: Counter[str]) -> list[Case]:
    kept = []
    for draft in drafts:
        span = GoldEvidence(uri=document.uri, quote=draft.quote).span(document.text)
        if span is None:
            dropped["the quote does not stand in the document"] += 1
            continue
        quote = document.text[span[0] : span[1]]
        try:
            case = case_of(Proposal(draft.question, draft.answer, document.uri, quote, span[0], "model"))
        except ValidationError:
            dropped["it cannot be stored"] += 1
            continue
        if fresh.takes(draft.question):
            kept.append(case)
        else:
            dropped["the question is known"] += 1
    return kept


def _passages(documents: Iterable[Document], chance: random.Random) -> list[tuple[Document, int, int]]:
    """Stretches of whole blocks, one of each document before a second of any."""
    offers = []
    for document in documents:
        found = [span for span in _stretches(blocks(document.text, document.format)) if _long_enough(span)]
        chance.shuffle(found)
        offers.append([(document, *span) for span in found])
    chance.shuffle(offers)
    longest = max((len(found) for found in offers), default=0)
    return [found[turn] for turn in range(longest) for found in offers if turn < len(found)]


def _long_enough(span: tuple[int, int]) -> bool:
    return span[1] - span[0] >= _SHORTEST_PASSAGE


def _stretches(parts: Sequence[Block]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for block in parts:
        end = min(block.end, block.start + _PASSAGE)
        if spans and end - spans[-1][0] <= _PASSAGE:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((block.start, end))
    return spans
