"""What a text is made of: headings, paragraphs, lists, tables, code, each with its exact span and heading path.

Pure: text in, blocks out. Every character of the text that is not blank and not front matter is in exactly one block.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from core.types import TextFormat
from ingestion.splitting.outlines import outline

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# A longer heading is a paragraph with the mark of one; it stands over every passage of its section.
_LONGEST_HEADING = 500

_FENCES = ("---", "+++")  # YAML and TOML
_KEY = re.compile(r"""[\w"'.-]+[ \t]*[:=]""")
_MARKUP = re.compile(r"[*_\[\]`\\<>&!]")
_BEGINNING = 2_000
_BLANK_LINES = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")


class BlockKind(StrEnum):
    """What a block is."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST = "list"
    TABLE = "table"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Block:
    """`text[start:end]`, which neither begins nor ends with white space.

    `path` is the chain of headings above it, outermost first; a heading's own text is the last of its path.
    `seams` are the offsets inside the block at which it is best cut: list items, table rows, blank lines of code.
    """

    kind: BlockKind
    start: int
    end: int
    path: tuple[str, ...] = ()
    seams: tuple[int, ...] = ()


@dataclass(slots=True)
class _Headings:
    """The headings that are open at a place in the text, as (level, text)."""

    open: list[tuple[int, str]] = field(default_factory=list)

    def enter(self, level: int, text: str) -> None:
        text = text if len(text) <= _LONGEST_HEADING else f"{text[:_LONGEST_HEADING].rstrip()}…"
        while self.open and self.open[-1][0] >= level:
            self.open.pop()
        self.open.append((level, text))

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(text for _, text in self.open if text)


def front_matter_end(text: str) -> int:
    """Length of the YAML or TOML front matter that a markdown text begins with; 0 if it has none.

    Its first line must set a key: a text may also begin with a rule and have another further down.
    """
    fence, _, rest = text.partition("\n")
    if (fence := fence.rstrip()) not in _FENCES or not _KEY.match(rest.lstrip()):
        return 0
    position = len(text) - len(rest)
    for line in re.findall(r"[^\n]*\n|[^\n]+", rest):
        position += len(line)
        if line.rstrip() == fence:
            return position
    return 0


def blocks(text: str, text_format: TextFormat) -> list[Block]:
    """The blocks of a text in order. They do not overlap."""
    if text_format is TextFormat.MARKDOWN:
        return list(_markdown(text, front_matter_end(text), _block_parser()))
    if text_format is TextFormat.LAID_OUT:
        return list(_markdown(text, 0, _layout_parser()))
    return list(_outlined(text, text_format))


def heading_text(source: str) -> str:
    """A heading's words, from its markdown: without emphasis, links and code marks, on one line."""
    source = source[: 2 * _LONGEST_HEADING]  # the marks between its words are not in them
    if not _MARKUP.search(source):
        return " ".join(source.split())
    words = "".join(
        " " if child.type in ("softbreak", "hardbreak") else child.content
        for token in _inline_parser().parseInline(source)
        for child in token.children or ()
        if child.type in ("text", "code_inline", "softbreak", "hardbreak")
    )
    return " ".join(words.split())


def first_heading(text: str) -> str:
    """The words of a markdown text's first heading; empty if it has none."""
    body = text[front_matter_end(text) :]
    # Nothing behind a heading makes it none, so the beginning tells nearly always, and the rest need not be parsed.
    beginning = body[: body.find("\n", _BEGINNING) + 1]
    return (_first_heading(beginning) if beginning else "") or _first_heading(body)


def _first_heading(body: str) -> str:
    for token, inline in itertools.pairwise(_block_tokens(body, _block_parser())):
        if token.type == "heading_open" and (words := heading_text(inline.content)):
            return words
    return ""


def _block_tokens(text: str, parser: MarkdownIt) -> list[Token]:
    """The text as the parser's markdown, what is inside of lines left unparsed. Maps count lines."""
    # A carriage return would count as a line end of its own; as a space it changes neither lines nor offsets.
    return parser.parse(text.replace("\r", " "))


@cache
def _block_parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # Emphasis and links would take most of the time and are of no use here.
    return MarkdownIt("commonmark").enable("table").disable("inline")


@cache
def _layout_parser() -> MarkdownIt:
    """Headings and tables: a number at the start of a line of a page, or a rule, is no markup."""
    from markdown_it import MarkdownIt

    return MarkdownIt("zero").enable(["heading", "table"]).disable("inline")


@cache
def _inline_parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark")


def _markdown(text: str, body: int, parser: MarkdownIt) -> Iterator[Block]:
    """The blocks of the text from `body` on."""
    lines = _line_starts(text, body)
    tokens = _block_tokens(text[body:], parser)
    headings = _Headings()
    covered = body
    for position, token in enumerate(tokens):
        if token.level != 0 or token.map is None or token.nesting < 0:
            continue
        start, end = lines[token.map[0]], lines[token.map[1]]
        # What stands between blocks, such as link definitions, has no token; it is text all the same.
        yield from _paragraphs(text, covered, start, headings.path)
        covered = max(covered, end)
        if token.type == "heading_open":
            headings.enter(int(token.tag[1]), heading_text(tokens[position + 1].content))
        seams = _seams(tokens, position, lines)
        yield from _block(text, _kind(token), start, end, headings.path, seams)
    yield from _paragraphs(text, covered, len(text), headings.path)


def _outlined(text: str, text_format: TextFormat) -> Iterator[Block]:
    headings = _Headings()
    covered = 0
    for heading in outline(text, text_format):
        yield from _paragraphs(text, covered, heading.start, headings.path)
        headings.enter(heading.level, heading.words)
        yield from _block(text, BlockKind.HEADING, heading.start, heading.end, headings.path)
        covered = heading.end
    yield from _paragraphs(text, covered, len(text), headings.path)


def _line_starts(text: str, begin: int) -> list[int]:
    """Offset of each line from `begin` on, and at the end the length of the text (twice, for maps that run over)."""
    starts = [begin]
    position = text.find("\n", begin)
    while position >= 0:
        starts.append(position + 1)
        position = text.find("\n", position + 1)
    return [*starts, len(text), len(text)]


_KINDS = {
    "heading_open": BlockKind.HEADING,
    "bullet_list_open": BlockKind.LIST,
    "ordered_list_open": BlockKind.LIST,
    "table_open": BlockKind.TABLE,
    "fence": BlockKind.CODE,
    "code_block": BlockKind.CODE,
}


def _kind(token: Token) -> BlockKind:
    return _KINDS.get(token.type, BlockKind.PARAGRAPH)


def _seams(tokens: Sequence[Token], position: int, lines: Sequence[int]) -> tuple[int, ...]:
    """Starts of the direct parts of a container: list items, table rows, paragraphs of a quotation."""
    if tokens[position].nesting != 1:
        return ()
    deepest = 2 if tokens[position].type == "table_open" else 1
    seams = set()
    for token in tokens[position + 1 :]:
        if token.level == 0:
            break
        if token.level <= deepest and token.nesting >= 0 and token.map is not None and token.type != "inline":
            seams.add(lines[token.map[0]])
    return tuple(sorted(seams))


def _block(
    text: str, kind: BlockKind, start: int, end: int, path: tuple[str, ...], seams: tuple[int, ...] = ()
) -> Iterator[Block]:
    """One block without the white space around it, or none if nothing is left."""
    piece = text[start:end]
    stripped = piece.strip()
    if stripped:
        start += len(piece) - len(piece.lstrip())
        end = start + len(stripped)
        yield Block(kind, start, end, path, tuple(seam for seam in seams if start < seam < end))


def _paragraphs(text: str, start: int, end: int, path: tuple[str, ...]) -> Iterator[Block]:
    """The stretches of `text[start:end]` between blank lines."""
    for match in _BLANK_LINES.finditer(text, start, end):
        yield from _block(text, BlockKind.PARAGRAPH, start, match.start(), path)
        start = match.end()
    yield from _block(text, BlockKind.PARAGRAPH, start, end, path)


def page_of(page_starts: Sequence[int], offset: int) -> int | None:
    """The page, from 1, on which `offset` lies; None where the document has no pages."""
    return max(bisect_right(page_starts, offset), 1) if page_starts else None
