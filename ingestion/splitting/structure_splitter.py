"""The splitter of RAGLoop: follows a document's headings, lists and tables, and keeps to a token limit.

Blocks under the same heading fill a chunk; a heading stands in the chunk of the text it heads; a long block is cut at
its own seams, rows of a table under the names of their columns; sections of a few lines join their neighbours under the
heading they share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from core.text.languages import language_of
from core.text.passage_parts import COLUMN_SEPARATOR, cells
from core.types import Chunk, Document, digest
from ingestion.splitting.blocks import Block, BlockKind, blocks, heading_text, page_of
from ingestion.splitting.cuts import MAX_CHARS_PER_TOKEN, Measure, cut
from ingestion.splitting.headers import Headers
from ingestion.splitting.tokens import TokenCounter, token_starts

NAME = "structure"

# Raise when the same text would be split differently.
_VERSION = 2

# A chunk below this share of the limit is joined with its neighbour if both fit: a heading with one line says too
# little to be found by, and takes a place among the results all the same.
_SMALL = 0.25

# Names of columns beyond this would leave no room for the rows in any chunk.
_LONGEST_NAMES = 20_000

# Chunks within this share of the limit are counted once more on their own.
_MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class _OpenChunk:
    """A chunk in the making: a span, and the paths of the text in it. `bare` while it is headings only."""

    start: int
    end: int
    path: tuple[str, ...]
    page: int | None
    bare: bool


@dataclass
class StructureSplitter:
    """A Splitter. `max_tokens` counts the whole of `Chunk.indexed_text`, as the embedder's tokenizer sees it."""

    tokens: TokenCounter
    max_tokens: int
    tokenizer_fingerprint: str

    name: str = field(init=False)
    """With the limit in it, so that a collection's splitter can be made again from its name."""
    fingerprint: str = field(init=False)
    longest_chunk: int = field(init=False)

    def __post_init__(self) -> None:
        self.name = f"{NAME}-{self.max_tokens}"
        self.longest_chunk = self.max_tokens * MAX_CHARS_PER_TOKEN
        self.fingerprint = digest([NAME, _VERSION, self.max_tokens, self.tokenizer_fingerprint])

    def split(self, document: Document) -> list[Chunk]:
        """The chunks in order: exact spans, no overlap, none above the limit, all text but front matter in one."""
        return _Split(self.tokens, self.max_tokens, document).chunks()


class _Split:
    """One document being split."""

    def __init__(self, tokens: TokenCounter, max_tokens: int, document: Document) -> None:
        self._tokens = tokens
        self._max_tokens = max_tokens
        self._document = document
        self._language = language_of(document.text)
        self._measure = Measure(len(document.text), token_starts(tokens, document.text))
        self._blocks = blocks(document.text, document.format)
        # Half of a chunk at least is for its text.
        paths = [self._path_of_rows(block) for block in self._blocks]
        self._headers = Headers(document.title, paths, tokens, max_tokens // 2)

    def chunks(self) -> list[Chunk]:
        drafts = self._joined(self._packed(self._blocks))
        sure: list[Chunk] = []
        doubtful: list[Chunk] = []
        for draft in drafts:
            (doubtful if self._is_doubtful(draft) else sure).append(self._chunk(draft))
        chunks = sorted([*sure, *self._enforced(doubtful)], key=lambda chunk: chunk.start)
        return [replace(chunk, ordinal=ordinal) for ordinal, chunk in enumerate(chunks)]

    # -- packing

    def _packed(self, parts: Sequence[Block]) -> list[_OpenChunk]:
        """Blocks under one heading together, as many as fit."""
        drafts: list[_OpenChunk] = []
        for block in parts:
            draft = self._draft(block.start, block.end, block)
            last = drafts[-1] if drafts else None
            if last is not None and self._goes_with(last, draft):
                drafts[-1] = _extended(last, draft)
            elif self._fits(block.start, block.end, block.path) and not (last and last.bare and not draft.bare):
                drafts.append(draft)
            else:
                drafts.extend(self._cut(block, drafts))
        return drafts

    def _draft(self, start: int, end: int, block: Block) -> _OpenChunk:
        page = page_of(self._document.page_starts, start)
        return _OpenChunk(start, end, block.path, page, block.kind is BlockKind.HEADING)

    def _goes_with(self, last: _OpenChunk, following: _OpenChunk) -> bool:
        """Whether `following` belongs to the section of `last`, and fits: a heading leads what comes behind it."""
        section = following.path == last.path or _begins_with_rows_of(last, following)
        belongs = last.bare or (section and last.page == following.page and not following.bare)
        return belongs and self._fits(last.start, following.end, _over(last, following))

    def _cut(self, block: Block, drafts: list[_OpenChunk]) -> list[_OpenChunk]:
        """A block that is too long, in pieces; the headings before it (taken from `drafts`) lead the first piece."""
        rows = replace(block, path=self._path_of_rows(block))
        budget = self._budget(rows.path)
        lead = drafts[-1] if drafts and drafts[-1].bare and block.kind is not BlockKind.HEADING else None
        if lead is not None and self._measure.tokens(lead.start, block.start) > budget // 2:
            lead = None  # headings that would leave the first piece next to no room
        spans = cut(self._document.text, block, self._measure, budget, lead.start if lead else None)
        pieces = [self._draft(start, end, rows if number else block) for number, (start, end) in enumerate(spans)]
        if lead is not None and pieces:
            pieces[0] = _extended(drafts.pop(), pieces[0])
        return pieces

    def _path_of_rows(self, block: Block) -> tuple[str, ...]:
        """What rows stand under that are cut off from the head of their table: its columns' names come last. A single
        column is a list."""
        names = cells(self._document.text[block.start : block.end].partition("\n")[0])
        if block.kind is not BlockKind.TABLE or len(names) < 2 or not any(names):
            return block.path
        return (*block.path, COLUMN_SEPARATOR.join(map(heading_text, names))[:_LONGEST_NAMES])

    # -- joining small chunks

    def _joined(self, drafts: Sequence[_OpenChunk]) -> list[_OpenChunk]:
        joined: list[_OpenChunk] = []
        for position, draft in enumerate(drafts):
            following = drafts[position + 1] if position + 1 < len(drafts) else None
            if joined and self._join(joined[-1], draft, following):
                joined[-1] = _extended(joined[-1], draft)
            else:
                joined.append(draft)
        return joined

    def _join(self, before: _OpenChunk, draft: _OpenChunk, following: _OpenChunk | None) -> bool:
        if not (self._small(before) or self._small(draft)):
            return False
        path = _over(before, draft)
        if len(path) < min(len(before.path), len(draft.path)) - 1:
            return False  # cousins: what they share says too little
        if following is not None and not self._small(before) and self._introduces(draft, following):
            return False
        return self._fits(before.start, draft.end, path)

    def _introduces(self, draft: _OpenChunk, following: _OpenChunk) -> bool:
        """Whether `draft` stands over `following` and can be joined with it."""
        stands_over = bool(draft.path) and following.path[: len(draft.path)] == draft.path
        return stands_over and self._fits(draft.start, following.end, draft.path)

    def _small(self, draft: _OpenChunk) -> bool:
        return self._measure.tokens(draft.start, draft.end) < self._max_tokens * _SMALL

    # -- the limit

    def _budget(self, path: tuple[str, ...]) -> int:
        return self._max_tokens - self._headers.of(path).tokens

    def _fits(self, start: int, end: int, path: tuple[str, ...]) -> bool:
        return self._measure.tokens(start, end) <= self._budget(path)

    def _chunk(self, draft: _OpenChunk) -> Chunk:
        header = self._headers.of(draft.path)
        return Chunk(
            document_id=self._document.id,
            ordinal=0,
            uri=self._document.uri,
            title=header.title,
            heading_path=header.path,
            page=draft.page,
            last_page=self._last_page(draft.page, draft.end),
            start=draft.start,
            end=draft.end,
            text=self._document.text[draft.start : draft.end],
            language=self._language,
        )

    def _is_doubtful(self, draft: _OpenChunk) -> bool:
        """Whether the chunk may be above the limit although its span in the text is not.

        A cut within a word makes other tokens; some tokenizers merge across spaces, a few tokens to a chunk.
        """
        text = self._document.text
        cut_before = draft.start > 0 and not text[draft.start - 1].isspace()
        cut_behind = draft.end < len(text) and not text[draft.end].isspace()
        room = self._budget(draft.path) - self._measure.tokens(draft.start, draft.end)
        return cut_before or cut_behind or room < self._max_tokens * _MARGIN

    def _enforced(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        """The chunks, those cut again that have more tokens on their own than as a part of the text."""
        counts = self._tokens.count_tokens([chunk.indexed_text for chunk in chunks])
        enforced: list[Chunk] = []
        for chunk, count in zip(chunks, counts, strict=True):
            if count <= self._max_tokens or chunk.end - chunk.start == 1:
                enforced.append(chunk)
                continue
            budget = max(self._measure.tokens(chunk.start, chunk.end) // 2, 1)
            whole = Block(BlockKind.PARAGRAPH, chunk.start, chunk.end)
            spans = cut(self._document.text, whole, self._measure, budget)
            enforced.extend(self._enforced([self._piece(chunk, start, end) for start, end in spans]))
        return enforced

    def _piece(self, chunk: Chunk, start: int, end: int) -> Chunk:
        page = page_of(self._document.page_starts, start)
        last = self._last_page(page, end)
        return replace(chunk, start=start, end=end, text=self._document.text[start:end], page=page, last_page=last)

    def _last_page(self, page: int | None, end: int) -> int | None:
        last = page_of(self._document.page_starts, end - 1)
        return None if last == page else last


def _extended(first: _OpenChunk, second: _OpenChunk) -> _OpenChunk:
    """Both as one."""
    return _OpenChunk(first.start, second.end, _over(first, second), first.page, first.bare and second.bare)


def _begins_with_rows_of(first: _OpenChunk, second: _OpenChunk) -> bool:
    """Whether the first begins with rows that were cut off from their table's head, in the section of the second."""
    return bool(first.path) and COLUMN_SEPARATOR in first.path[-1] and first.path[:-1] == second.path


def _over(first: _OpenChunk, second: _OpenChunk) -> tuple[str, ...]:
    """What stands over both. Headings that lead to what follows add nothing to the path; otherwise it is what both
    share, with the names of the columns if the first begins with rows of the section."""
    if first.bare and second.path[: len(first.path)] == first.path:
        return second.path
    if _begins_with_rows_of(first, second):
        return first.path
    length = 0
    while length < min(len(first.path), len(second.path)) and first.path[length] == second.path[length]:
        length += 1
    return first.path[:length]
