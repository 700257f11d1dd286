"""What the URI of a document says of where it came with. Pure."""

from __future__ import annotations

ATTACHED = "//"
"""Stands between a file and what came with it, `inbox/offer.eml//prices.xlsx`: no path of a file has it."""


def file_uri(uri: str) -> str:
    """The URI of the file that holds the document: its own, or that of the message that it came with."""
    return uri.partition(ATTACHED)[0]


def parent_uri(uri: str) -> str:
    """The URI of what the document is attached to; empty where that is nothing."""
    return uri.rpartition(ATTACHED)[0]


def is_within(uri: str, whole: str) -> bool:
    """Whether the document at `uri` is the one at `whole`, or came with it."""
    return uri == whole or uri.startswith(whole + ATTACHED)
