"""The headings of reStructuredText, AsciiDoc and Org texts, where they stand. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from core.types import TextFormat

# What underlines a heading in reStructuredText: one sign, repeated. The order of the signs in a text gives their level.
_RULE = re.compile(r"([!-/:-@\[-`{-~])\1{2,}")

_ASCIIDOC = re.compile(r"(={1,6})[ \t]+(\S.*)")
_ASCIIDOC_FENCE = re.compile(r"-{4,}|\.{4,}|\+{4,}|/{4,}")

_ORG = re.compile(r"(?:(\*{1,8})[ \t]+|#\+TITLE:[ \t]*)(\S.*)", re.IGNORECASE)
_ORG_STATE = re.compile(r"^(?:TODO|DONE)\s+|\s+:[\w@:]+:$")
_ORG_BEGIN = re.compile(r"\s*#\+BEGIN_(\w+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading with its lines, `text[start:end]`. `level` counts from 1, the outermost."""

    start: int
    end: int
    level: int
    words: str


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def outline(text: str, text_format: TextFormat) -> list[Heading]:
    """The headings in order; none for a format that has none of its own."""
    finder = _FINDERS.get(text_format)
    return list(finder(_lines(text))) if finder else []


def _lines(text: str) -> list[_Line]:
    lines, start = [], 0
    for line in text.split("\n"):
        lines.append(_Line(start, line.rstrip()))
        start += len(line) + 1
    return lines


def _restructured(lines: list[_Line]) -> Iterator[Heading]:
    styles: dict[str, int] = {}
    nothing = _Line(0, "")
    above = nothing  # a heading has a blank line above it
    skip = 0
    for number, first in enumerate(lines):
        if skip:
            skip -= 1
            continue
        second, third = [*lines[number + 1 : number + 3], nothing, nothing][:2]
        if not above.text and _is_rule(first) and third.text == first.text and _underlines(third, second):
            level = styles.setdefault(f"over {first.text[0]}", len(styles) + 1)
            yield Heading(first.start, third.end, level, " ".join(second.text.split()))
            skip, above = 2, nothing
        elif not above.text and not first.text[:1].isspace() and _underlines(second, first):
            level = styles.setdefault(second.text[0], len(styles) + 1)
            yield Heading(first.start, second.end, level, " ".join(first.text.split()))
            skip, above = 1, nothing
        else:
            above = first


def _is_rule(line: _Line) -> bool:
    return _RULE.fullmatch(line.text) is not None


def _underlines(rule: _Line, title: _Line) -> bool:
    # A rule that is shorter than its title is a mistake that people make, within reason.
    words = title.text.strip()
    return _is_rule(rule) and bool(words) and not _is_rule(title) and len(rule.text) * 2 >= len(words)


def _asciidoc(lines: list[_Line]) -> Iterator[Heading]:
    fence = ""
    for line in lines:
        if _ASCIIDOC_FENCE.fullmatch(line.text):
            fence = "" if fence == line.text else fence or line.text
        elif not fence and (match := _ASCIIDOC.fullmatch(line.text)):
            yield Heading(line.start, line.end, len(match[1]), " ".join(match[2].split()))


def _org(lines: list[_Line]) -> Iterator[Heading]:
    block = ""
    for line in lines:
        if block:
            block = "" if line.text.strip().lower() == block else block
        elif begin := _ORG_BEGIN.match(line.text):
            block = f"#+end_{begin[1].lower()}"
        elif match := _ORG.fullmatch(line.text):
            level = len(match[1]) + 1 if match[1] else 1  # the title stands above the headings
            yield Heading(line.start, line.end, level, " ".join(_ORG_STATE.sub("", match[2]).split()))


_FINDERS: Mapping[TextFormat, Callable[[list[_Line]], Iterator[Heading]]] = {
    TextFormat.RESTRUCTURED: _restructured,
    TextFormat.ASCIIDOC: _asciidoc,
    TextFormat.ORG: _org,
}
