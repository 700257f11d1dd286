"""Where a block that is too long for one chunk is cut.

Pure. A cut is made at the strongest kind of boundary within reach: a seam of the block (list item, table row), a line
or the end of a sentence, a space, and only where there is none of these, between two tokens.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ingestion.splitting.blocks import Block, BlockKind

# English has 4 to 5 characters to a token, German 6 to 7. A stretch with more is no prose (base64, minified code, which
# word-piece tokenizers count as one unknown token), and would make chunks of any size.
MAX_CHARS_PER_TOKEN = 12

# The least a piece is filled before a cut: below this a weaker boundary nearer to the target is better.
_LEAST_FILL = 0.5

# The end of a sentence: its mark and closing quotes with white space behind; CJK marks need none.
_SENTENCE = re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？][”’」』）]*\s*")
_LINE = re.compile(r"\n\s*")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Measure:
    """Token counts of any span of one text, from one tokenization. `starts` holds the offset of each token."""

    length: int
    starts: Sequence[int]

    def tokens(self, start: int, end: int) -> int:
        """Tokens that begin in the span, and more if it is too long for its tokens to be words."""
        counted = bisect_left(self.starts, end) - bisect_left(self.starts, start)
        return max(counted, -(-(end - start) // MAX_CHARS_PER_TOKEN))

    def reach(self, start: int, budget: int) -> int:
        """The largest end for which the span from `start` has at most `budget` tokens; always beyond `start`."""
        beyond = bisect_left(self.starts, start) + max(budget, 1)
        end = self.starts[beyond] if beyond < len(self.starts) else self.length
        return max(min(end, start + max(budget, 1) * MAX_CHARS_PER_TOKEN), start + 1)


def cut(text: str, block: Block, measure: Measure, budget: int, origin: int | None = None) -> list[tuple[int, int]]:
    """The block as spans of at most `budget` tokens, about equally long, without white space at their ends.

    `origin` is where the chunk that the first span joins begins: the headings before the block.
    """
    spans = []
    position, begin = block.start, block.start if origin is None else origin
    boundaries = _boundaries(text, block)
    while position < block.end:
        tokens = measure.tokens(begin, block.end)
        fits = tokens <= budget
        end = block.end if fits else _next_cut(measure, boundaries, position, begin, tokens, budget)
        if span := trimmed(text, position, min(end, block.end)):
            spans.append(span)
        position = begin = end
    return spans


def trimmed(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The span without white space at its ends; None if it is blank."""
    piece = text[start:end]
    stripped = piece.strip()
    if not stripped:
        return None
    start += len(piece) - len(piece.lstrip())
    return start, start + len(stripped)


_Boundaries = Sequence[Callable[[int, int], Iterator[int]]]


def _next_cut(measure: Measure, boundaries: _Boundaries, position: int, begin: int, tokens: int, budget: int) -> int:
    """The offset behind `position` at which to cut."""
    furthest = max(measure.reach(begin, budget), position + 1)
    # As many pieces as are needed, equally full: no piece of a few words is left at the end.
    target = measure.reach(begin, -(-tokens // -(-tokens // budget)))
    nearest = max(measure.reach(begin, int(budget * _LEAST_FILL)), position + 1)
    for candidates in boundaries:
        found = [offset for offset in candidates(nearest, furthest) if nearest <= offset <= furthest]
        if found:
            return min(found, key=lambda offset: (abs(offset - target), offset))
    return min(max(target, position + 1), furthest)


def _boundaries(text: str, block: Block) -> _Boundaries:
    """Finders of the offsets at which the block may be cut, the strongest kind first."""

    def seams(low: int, high: int) -> Iterator[int]:
        yield from block.seams[bisect_left(block.seams, low) : bisect_right(block.seams, high)]

    def ends(pattern: re.Pattern[str]) -> Callable[[int, int], Iterator[int]]:
        # A match may begin a little before the window that its end lies in.
        return lambda low, high: (match.end() for match in pattern.finditer(text, max(block.start, low - 20), high))

    prose = block.kind in (BlockKind.PARAGRAPH, BlockKind.HEADING)
    inner = (_SENTENCE, _LINE) if prose else (_LINE, _SENTENCE)
    return (seams, *(ends(pattern) for pattern in (*inner, _SPACE)))
