"""Counting tokens where texts are split: the embedder's own tokenizer, without the embedder."""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tokenizers import Tokenizer


_SPACE = re.compile(r"\s")
_PIECE = 1_000_000  # characters


class TokenCounter(Protocol):
    """The part of an Embedder that splitting needs. It travels to worker processes, so it must be picklable."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens in each text, without special tokens and without truncation."""
        ...

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """The (start, end) character span of each token."""
        ...


def token_starts(counter: TokenCounter, text: str) -> Sequence[int]:
    """The offset of each token. A long text is counted piece by piece, cut where a space is: the spans of all its
    tokens at once take thirty times as much memory as the text."""
    starts = array("Q")
    begin = 0
    while begin < len(text):
        space = _SPACE.search(text, begin + _PIECE)
        end = space.start() if space else len(text)
        starts.extend(begin + start for start, _ in counter.token_offsets(text[begin:end]))
        begin = end
    return starts


@dataclass
class TokenizerFile:
    """A Hugging Face `tokenizer.json`, loaded on first use and again in every process it is sent to."""

    path: Path
    _loaded: Tokenizer | None = field(default=None, init=False, repr=False, compare=False)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        # One at a time: handing a batch to the library's threads costs more than these short texts take, and the
        # processor's other cores are embedding.
        tokenizer = self._tokenizer()
        return [len(tokenizer.encode(text, add_special_tokens=False).ids) for text in texts]

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        return self._tokenizer().encode(text, add_special_tokens=False).offsets

    def _tokenizer(self) -> Tokenizer:
        if self._loaded is None:
            from tokenizers import Tokenizer

            self._loaded = Tokenizer.from_file(str(self.path))
            self._loaded.no_truncation()
            self._loaded.no_padding()
        return self._loaded

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_loaded": None}
