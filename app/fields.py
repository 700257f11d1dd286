"""Kinds of input that several endpoints take."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator

from core.search_filter import SearchFilter, make_filter

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _storable(text: str) -> str:
    if _UNSTORABLE.search(text):
        raise ValueError("it holds a NUL or half a character")
    return text


Text = Annotated[str, AfterValidator(_storable)]
"""Text that a database can store: without NUL characters and lone surrogates, which JSON can smuggle in."""


FilterFields = dict[Text, Text | list[Text]]
"""A filter as requests write it: of each field one value, or several of which one must be met."""


def filter_of(fields: Mapping[str, str | Sequence[str]]) -> SearchFilter:
    """Raises InputError for what is no filter."""
    return make_filter({name: [value] if isinstance(value, str) else value for name, value in fields.items()})


def is_uuid(text: str) -> bool:
    """Whether the text is a UUID as RAGLoop writes them. What is none need not be looked up."""
    return _UUID.fullmatch(text) is not None
