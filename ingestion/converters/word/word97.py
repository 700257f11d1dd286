"""The text of Word 97 documents (.doc) as markdown. Their styles are not read: headings are paragraphs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ingestion.converters.texts.separated_values import markdown_table

# What makes a field; what it shows stands behind.
_SWITCH = r"\\\*[ \t]*\w+|\\[a-z@#!](?:[ \t]+\"[^\"\n]*\")?"
_FIELD = re.compile(
    r"(?<!\w)(?:(?:SEQ|PAGEREF|REF|NOTEREF|EMBED|DOCPROPERTY|MERGEFIELD)[ \t]+\w+|TOC|INDEX"
    rf"|(?:HYPERLINK|STYLEREF|INCLUDEPICTURE)[ \t]+\"[^\"\n]*\")(?P<switches>(?:[ \t]+(?:{_SWITCH}))*)"
)


def markdown(read: str) -> str:
    """Of the text of a document, in which a line is a paragraph or a whole table."""
    lines = _FIELD.sub(_without_field, read).split("\n")
    return "\n\n".join(block for line in lines for block in _blocks(line))


def _without_field(match: re.Match[str]) -> str:
    """A space; what has neither a switch nor a target is prose in capitals."""
    return " " if match["switches"] or '"' in match[0] else match[0]


def _blocks(line: str) -> Iterator[str]:
    """A line as it stands; or its table and what follows: a tab ends each cell, one more each row."""
    *cells, rest = line.split("\t")
    width = next((width for width in range(2, len(cells)) if _is_table(cells, width)), 0)
    if not width:
        yield " ".join(line.split())
        return
    yield markdown_table(cells[start : start + width] for start in range(0, len(cells), width + 1))
    yield rest.strip()


def _is_table(cells: list[str], width: int) -> bool:
    rows, over = divmod(len(cells), width + 1)
    return rows > 1 and not over and not any(cells[width :: width + 1])
