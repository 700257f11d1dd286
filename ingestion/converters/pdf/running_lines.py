"""Lines that run through a document at the top and bottom of its pages: headers, footers, page numbers. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from math import ceil

# So many lines at the top and at the bottom of a page may run.
_DEPTH = 3

# A line runs that stands on so many of the pages with text. On fewer pages than this nothing tells a header from what
# is said twice.
_SHARE = 0.6
_FEWEST_PAGES = 3

# A line with more numbers than this is a row of a table, and a number of more digits counts no pages.
_MOST_NUMBERS = 3
_MOST_DIGITS = 5

# What stands beside a number that counts pages. Without such a word it may count anything: "Site 3" is a heading.
_PAGE_WORDS = 2  # "Page 3 of 12"
_PAGE_WORD = re.compile(
    r"\b(?:pages?|pg|seite|página|pagina|pág|стр|страница|sayfa|strona|sida|side)\b|[页頁]|ページ|صفحة|쪽",
    re.IGNORECASE,
)

# Of a page that says more than a few words at least this share is its own; where less would stay, what is repeated is
# what the pages say.
_SPARSE = 40
_LEAST_KEPT = 0.8

_NUMBER = re.compile(r"\d+")
_WORD = re.compile(r"[^\W\d_]+")


def without_running_lines(pages: Sequence[str]) -> list[str]:
    """The pages without what is repeated at their edges; the first page that has such a line keeps it, unless it is
    only a page's number. Other numbers make another line, so that rows of tables stay, but for those of pages."""
    split = [page.split("\n") for page in pages]
    told = sum(1 for lines in split if any(map(str.strip, lines)))
    if told < _FEWEST_PAGES:
        return list(pages)
    counts = Counter(
        key
        for number, lines in enumerate(split)
        for key in {key for place in _edges(lines) for key in _keys(lines[place], number)}
    )
    needed = ceil(told * _SHARE)
    running = {key for key, count in counts.items() if count >= needed}
    seen: set[str] = set()
    return ["\n".join(_kept(lines, number, running, seen)) for number, lines in enumerate(split)]


def repeated(pages: Sequence[Sequence[str]]) -> list[frozenset[int]]:
    """For each page the places of those lines at its edges that are a page's number, or stand at another page's too."""
    keys = [{place: set(_keys(lines[place], number)) for place in _edges(lines)} for number, lines in enumerate(pages)]
    counts = Counter(key for page in keys for key in {key for found in page.values() for key in found})
    return [
        frozenset(
            place
            for place, found in page.items()
            if any(counts[key] > 1 for key in found) or _is_page_number(lines[place])
        )
        for page, lines in zip(keys, pages, strict=True)
    ]


def _is_page_number(line: str) -> bool:
    words = len(_WORD.findall(line))
    return bool(_NUMBER.search(line)) and words <= _PAGE_WORDS and (not words or bool(_PAGE_WORD.search(line)))


def _edges(lines: Sequence[str]) -> list[int]:
    """The places of the lines with text at the top and at the bottom, each from the outside in."""
    filled = [place for place, line in enumerate(lines) if line.strip()]
    return [*filled[:_DEPTH], *filled[: -_DEPTH - 1 : -1]]


def _keys(line: str, page: int) -> Iterator[str]:
    """Names for the line that are the same on all pages that say the same: with its numbers as they are, or, where they
    may count pages, by how far they are from the page's."""
    words = " ".join(line.casefold().split())
    numbers = _NUMBER.findall(words)
    counts = (not _WORD.search(words) or _PAGE_WORD.search(words)) and len(numbers) <= _MOST_NUMBERS
    ways = [(False, True) if counts and len(digits) <= _MOST_DIGITS else (False,) for digits in numbers]
    for moving in product(*ways):
        values = iter(
            f"<{int(digits) - page}>" if moves else digits for digits, moves in zip(numbers, moving, strict=True)
        )
        yield _NUMBER.sub(lambda _, values=values: next(values), words)  # type: ignore[misc]


def _kept(lines: Sequence[str], page: int, running: set[str], seen: set[str]) -> list[str]:
    dropped: set[int] = set()
    looked_at: set[int] = set()
    edges = _edges(lines)
    # From the outside in: behind a line that does not run the page's own text begins.
    for places in (edges[: len(edges) // 2], edges[len(edges) // 2 :]):
        for place in places:
            keys = running.intersection(_keys(lines[place], page))
            if not keys or place in looked_at:
                break
            looked_at.add(place)
            only_number = any("<" in key for key in keys) and len(_WORD.findall(lines[place])) <= _PAGE_WORDS
            if only_number or not keys.isdisjoint(seen):
                dropped.add(place)
            seen.update(keys)
    kept = [line for place, line in enumerate(lines) if place not in dropped]
    says, said = _word_count(kept), _word_count(lines)
    return list(lines) if said and (not says or (says < said * _LEAST_KEPT and said > _SPARSE)) else kept


def _word_count(lines: Sequence[str]) -> int:
    return sum(len(line.split()) for line in lines)
