"""The headings of a document as its pages show them: lines that stand alone, in larger or bolder letters than the text,
or in its bookmarks. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ingestion.converters.pdf.layout import LaidLine

# A heading's letters are so much larger than the text's, or bold and not much smaller.
_LARGER = 1.1
_AS_LARGE = 0.95

_LONGEST = 160
_MOST_LINES = 3
# A heading's lines stand closer together than two headings.
_LINE_PITCH = 1.5

# Where more of the lines than this stand out, they are no headings: a poster, a form, slides.
_MOST_BOLD = 0.3
_MOST_LARGE = 0.5

# So many pages may have the same heading.
_MOST_PAGES = 3

_FEWEST_LETTERS = 3
_SENTENCE_WORDS = 4
_MOST_WORDS = 20
# A date and an amount stand large or bold on forms and over columns.
_NO_HEADING = re.compile(r"\w{3,9}\.? \d{1,2}, \d{4}\.?|.*[$€£¥].*|\(.*\)|.*[,;]")
_OPENING = "§“„\"'«¿¡["
# Two cells are a heading's number and its words.
_NUMBERED = re.compile(r"(?:\w+\s)?[\dA-Za-z]{1,4}(?:[.\-]\d{1,3}){0,5}[.:)]?")
_DEEPEST = 6

_NO_WORD = re.compile(r"[\W_]+")

Style = tuple[float, bool]
"""The size of letters in points, and whether they are bold."""


@dataclass(frozen=True, slots=True)
class HeadingLines:
    """Lines `first` to `last` of a page are one heading. `level` counts from 1, the outermost."""

    first: int
    last: int
    level: int


def headings(pages: Sequence[Sequence[LaidLine]], bookmarks: Mapping[int, frozenset[str]]) -> list[list[HeadingLines]]:
    """The headings of each page; no lines of tables are to be among the lines. `bookmarks` names what they are called,
    as `plain_words`, by the page from 0 that they lead to."""
    body = _body_style(line for page in pages for line in page)
    found = [_runs(page, body, bookmarks.get(number, frozenset())) for number, page in enumerate(pages)]
    told = sum(1 for page in pages for line in page if line.cells)
    kept = _not_too_many(_not_running(found, pages), pages, body, told)
    styles = [[_style(pages[number][run.start]) for run in runs] for number, runs in enumerate(kept)]
    ranks = _ranks(styles)
    return [
        [
            HeadingLines(run.start, run[-1], min(1 + sum(rank > style for rank in ranks), _DEEPEST))
            for run, style in zip(runs, page_styles, strict=True)
        ]
        for runs, page_styles in zip(kept, styles, strict=True)
    ]


def _ranks(styles: Sequence[Sequence[Style]]) -> set[Style]:
    """The styles that make a level: of those on one page only, such as the cover's, none, if there are others."""
    on_pages = Counter(style for page in styles for style in set(page))
    return {style for style, pages in on_pages.items() if pages > 1} or set(on_pages)


def plain_words(text: str) -> str:
    """The letters and digits of a title, however it is set."""
    return _NO_WORD.sub("", text.casefold())


def _body_style(lines: Iterable[LaidLine]) -> Style:
    """What most letters are set in."""
    letters: Counter[Style] = Counter()
    for line in lines:
        letters[_style(line)] += len(line.text)
    return max(letters, key=lambda style: (letters[style], style), default=(0.0, False))


def _style(line: LaidLine) -> Style:
    return round(line.size * 2) / 2, line.bold


def _runs(page: Sequence[LaidLine], body: Style, titles: frozenset[str]) -> list[range]:
    """The lines of each heading on a page."""
    runs = [run for run in _alike(page) if _is_heading(page, run, body)]
    taken = {place for run in runs for place in run}
    for place, line in enumerate(page if titles else ()):
        if line.cells and place not in taken and plain_words(line.text) in titles:
            runs.append(range(place, place + 1))
    return sorted(runs, key=lambda run: run.start)


def _alike(page: Sequence[LaidLine]) -> Iterator[range]:
    """Stretches of lines in one style that stand close."""
    start = 0
    for place in range(1, len(page) + 1):
        if place == len(page) or not _goes_on(page[place - 1], page[place]):
            yield range(start, place)
            start = place


def _goes_on(above: LaidLine, line: LaidLine) -> bool:
    close = 0 < above.bottom - line.bottom <= _LINE_PITCH * line.size
    return bool(above.cells and line.cells) and close and _style(above) == _style(line)


def _is_heading(page: Sequence[LaidLine], run: range, body: Style) -> bool:
    size, bold = body
    first = page[run.start]
    larger = first.size >= size * _LARGER
    bolder = first.bold and not bold and first.size >= size * _AS_LARGE
    lines = [page[place] for place in run]
    words = " ".join(line.text for line in lines).split()
    text = " ".join(words)
    if not text or not (larger or bolder) or len(run) > _MOST_LINES or len(text) > _LONGEST:
        return False
    whole = all(len(line.cells) == 1 or _is_numbered(line) for line in lines) and not _beside(page, run)
    # Of Chinese and its like one letter is a word.
    letters = any(
        sum(1 if letter.isascii() else 3 for letter in word if letter.isalpha()) >= _FEWEST_LETTERS for word in words
    )
    sentence = len(words) > _MOST_WORDS or (text.endswith(".") and len(words) > _SENTENCE_WORDS)
    begins = text[0] in _OPENING or (text[0].isalnum() and not text[0].islower())
    return whole and letters and begins and not sentence and not _NO_HEADING.fullmatch(text)


def _is_numbered(line: LaidLine) -> bool:
    return len(line.cells) == 2 and _NUMBERED.fullmatch(line.cells[0].text) is not None


def _beside(page: Sequence[LaidLine], run: range) -> bool:
    """Whether another short line stands at the same height: then it is a piece of a row."""
    first, last = page[run.start].bottom, page[run[-1]].bottom
    return any(
        last - line.size / 3 < line.bottom < first + line.size / 3 and len(line.text) <= _LONGEST / 4
        for other, line in enumerate(page)
        if line.cells and other not in run
    )


def _not_running(found: Sequence[Sequence[range]], pages: Sequence[Sequence[LaidLine]]) -> list[list[range]]:
    """The headings without those that stand on one page after the other: the company's name, the chapter's."""

    def words(number: int, run: range) -> str:
        return plain_words("".join(pages[number][place].text for place in run))

    counts = Counter(name for number, runs in enumerate(found) for name in {words(number, run) for run in runs})
    return [[run for run in runs if counts[words(number, run)] <= _MOST_PAGES] for number, runs in enumerate(found)]


def _not_too_many(
    found: Sequence[Sequence[range]], pages: Sequence[Sequence[LaidLine]], body: Style, told: int
) -> list[list[range]]:
    large = [
        [run for run in runs if _style(pages[number][run.start])[0] > body[0]] for number, runs in enumerate(found)
    ]
    if sum(len(run) for runs in large for run in runs) > told * _MOST_LARGE:
        return [[] for _ in pages]
    bold = sum(len(run) for runs in found for run in runs)
    return large if bold > told * _MOST_BOLD else [list(runs) for runs in found]
