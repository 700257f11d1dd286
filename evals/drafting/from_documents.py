"""Drafting cases from documents without a model: from headings that ask or instruct. Every draft is for a person to
read; its quote stands in its document word for word.

    drafts = draft(documents, count=20, seed=7, known=[case.question for case in dataset.cases])
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from core.text.markdown_lines import is_fence, is_item, without_escape
from core.types import Document, TextFormat, digest
from evals.cases.cases import (
    LONGEST_QUESTION,
    LONGEST_TEXT,
    LONGEST_URI,
    Case,
    is_storable,
)
from evals.cases.leakage import normalised
from evals.drafting.questions import from_heading
from ingestion.splitting.blocks import Block, BlockKind, blocks, heading_text

ORIGIN = "drafted"
# A quote shorter than this says nothing by itself, a longer one is a chapter.
_SHORTEST_QUOTE = 30
_LONGEST_QUOTE = 900
# Two drafts whose questions are this alike (rapidfuzz's token sort ratio) would be the same work for the reader.
_SAME = 90


@dataclass(frozen=True, slots=True)
class Proposal:
    """A question that a stretch of a document answers."""

    question: str
    answer: str
    uri: str
    quote: str
    start: int
    kind: str


def draft(documents: Iterable[Document], *, count: int, seed: int, known: Iterable[str] = ()) -> list[Case]:
    """Up to `count` cases, taken in turn from the documents in an order that `seed` shuffles, none of them like a
    `known` question or another draft."""
    chance = random.Random(seed)  # noqa: S311 - a shuffle, no secret
    shuffled = list(documents)
    chance.shuffle(shuffled)
    return [case_of(item) for item in _in_turn(shuffled, chance, Unlike(known), count)]


def propose(document: Document) -> Iterator[Proposal]:
    """What the document's headings offer, in its order."""
    parts = blocks(document.text, document.format)
    for number, block in enumerate(parts):
        if block.kind is BlockKind.HEADING:
            yield from _under_heading(document, parts, number)


class Unlike:
    """Questions that were asked already; `takes` one that is like none of them, and remembers it."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = [normalised(question) for question in known]

    def takes(self, question: str) -> bool:
        from rapidfuzz import fuzz, process

        text = normalised(question)
        if process.extractOne(text, self._known, scorer=fuzz.token_sort_ratio, score_cutoff=_SAME) is not None:
            return False
        self._known.append(text)
        return True


def case_of(item: Proposal, *, tags: Sequence[str] = ()) -> Case:
    """The draft as a case. Its id is the same whenever the same question is drafted from the same place."""
    return Case.model_validate(
        {
            "id": f"drafted-{digest([item.question, item.uri, item.quote])[:12]}",
            "question": item.question,
            "answer": item.answer,
            "evidence": [{"uri": item.uri, "quote": item.quote, "start": item.start}],
            "tags": [item.kind, *tags],
            "origin": ORIGIN,
        }
    )


def _in_turn(documents: Sequence[Document], chance: random.Random, fresh: Unlike, count: int) -> list[Proposal]:
    """Up to `count` proposals, one of each document before a second of any."""
    offers = []
    for document in documents:
        found = [item for item in propose(document) if _usable(item)]
        chance.shuffle(found)
        offers.append(found)
    chosen: list[Proposal] = []
    while any(offers) and len(chosen) < count:
        for found in offers:
            while found and len(chosen) < count:
                item = found.pop()
                if fresh.takes(item.question):
                    chosen.append(item)
                    break
    return chosen


def _usable(item: Proposal) -> bool:
    texts = (item.question, item.answer, item.quote, item.uri)
    fits = len(item.question) <= LONGEST_QUESTION and len(item.uri) <= LONGEST_URI and len(item.quote) <= LONGEST_TEXT
    return fits and all(is_storable(text) for text in texts)


def _under_heading(document: Document, parts: Sequence[Block], number: int) -> Iterator[Proposal]:
    """A heading that asks, or tells how, with what stands right below it."""
    heading = parts[number]
    question = from_heading(heading.path[-1]) if heading.path else ""
    body = _body(parts, number)
    if not question or not body:
        return
    start, end = body[0].start, body[0].end
    if body[0].kind is BlockKind.PARAGRAPH and len(body) > 1 and body[1].kind in (BlockKind.LIST, BlockKind.CODE):
        end = body[1].end  # "Run this:" is answered by what follows
    kind = "steps" if any(block.kind is BlockKind.LIST for block in body[:2]) else "heading"
    yield from _proposal(document, question, start, end, kind)


def _body(parts: Sequence[Block], number: int) -> list[Block]:
    """The blocks under a heading, up to the next one; empty if it begins with a table."""
    body: list[Block] = []
    for block in parts[number + 1 :]:
        if block.kind is BlockKind.HEADING:
            break
        body.append(block)
    return [] if body and body[0].kind is BlockKind.TABLE else body


def _is_prose(quote: str) -> bool:
    """Whether the quote says something itself: no quotation, no HTML."""
    return quote[0] not in "<>|"


def _proposal(document: Document, question: str, start: int, end: int, kind: str) -> Iterator[Proposal]:
    quote = document.text[start:end]
    if _SHORTEST_QUOTE <= len(quote) <= _LONGEST_QUOTE and _is_prose(quote):
        yield Proposal(question, _answer(quote, document.format), document.uri, quote, start, kind)


def _answer(quote: str, text_format: TextFormat) -> str:
    if text_format is TextFormat.MARKDOWN:
        return _plain(quote)
    if text_format is TextFormat.LAID_OUT:
        return "\n".join(map(without_escape, quote.splitlines()))
    return quote


def _plain(quote: str) -> str:
    """The quote without markdown's marks: code and list items line by line, a paragraph on one."""
    lines: list[str] = []
    code = begun = False
    for line in quote.splitlines():
        if is_fence(line):
            code, begun = not code, False
        elif words := line.strip() if code else heading_text(line):
            if begun and not code and not is_item(line):
                lines[-1] += f" {words}"
            else:
                lines.append(words)
            begun = True
        else:
            begun = False
    return "\n".join(lines)
