"""What a document says of itself: the values of its front matter, and its date. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import PurePosixPath
from typing import Any

from core.search_filter import FIELDS, METADATA_NAME, DocumentFacts, parse_day
from core.text.strict_yaml import load_yaml
from core.text.wording import wording_sha256
from core.types import Document
from ingestion.splitting.blocks import front_matter_end

# Where front matter has a document's date, the most telling first.
_DATE_KEYS = ("date", "published", "updated", "last_updated", "last_modified", "lastmod", "modified", "created")
_DATE_IN_NAME = re.compile(r"(?<!\d)(?:19|20)\d\d-[01]\d(?:-[0-3]\d)?(?!\d)")
# What a hostile front matter may add to each chunk.
_MOST_VALUES = 30
_LONGEST_VALUE = 200
# Those of a documentation's pages have some hundred characters; parsing a hostile one of 200 kB took twelve seconds.
_LONGEST_FRONT_MATTER = 20_000


def facts_of(document: Document) -> DocumentFacts:
    """From the front matter that the text begins with; a date may also stand in the file's name (2025-03-14), or be
    that of the message that it came with."""
    found = {str(key).strip().casefold(): value for key, value in _front_matter(document.text).items()}
    named = _DATE_IN_NAME.search(PurePosixPath(document.uri).name)
    dates = (_day(found[key]) for key in _DATE_KEYS if key in found)
    day = next((each for each in dates if each), None) or (parse_day(named[0]) if named else document.date)
    metadata: dict[str, tuple[str, ...]] = {}
    for name, values in _values(found):
        if sum(map(len, metadata.values())) + len(values) <= _MOST_VALUES:
            metadata[name] = values
    return DocumentFacts(day, metadata)


def wording_of(document: Document) -> str:
    """The same for documents that say the same in every word, number and sign, though their format, spaces or
    front matter differ; empty for very short ones."""
    return wording_sha256(document.text[front_matter_end(document.text) :])


def _front_matter(text: str) -> Mapping[Any, Any]:
    end = front_matter_end(text)
    if not 0 < end <= _LONGEST_FRONT_MATTER:
        return {}
    lines = text[:end].splitlines()
    head = "\n".join(lines[1:-1])
    try:
        found = tomllib.loads(head) if lines[0].startswith("+") else load_yaml(head)
    except (ValueError, RecursionError):  # YamlError and TOMLDecodeError are ValueErrors
        return {}
    return found if isinstance(found, dict) else {}


def _values(found: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, value in found.items():
        if not METADATA_NAME.fullmatch(name) or name in FIELDS or name == "title":
            continue
        listed = value if isinstance(value, list) else [value]
        words = [" ".join(str(one).split()) for one in listed if isinstance(one, str | int | float | date)]
        kept = tuple(dict.fromkeys(word for word in words if 0 < len(word) <= _LONGEST_VALUE))
        if kept:
            yield name, kept


def _day(value: Any) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else parse_day(value) if isinstance(value, str) else None
