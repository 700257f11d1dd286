"""Where the evidence of a case stands in its document. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GoldSpan:
    """Where a case's evidence stands: characters `start` to `end` of the document at `uri`. The whole document where
    the case names no quote."""

    uri: str
    start: int
    end: int
    whole_document: bool = False

    def overlaps(self, uri: str, start: int, end: int) -> bool:
        return uri == self.uri and start < self.end and self.start < end
