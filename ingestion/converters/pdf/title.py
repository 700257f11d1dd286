"""The title of a PDF as its first page shows it: the line in the largest letters, if they stand out. Pure."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence

from ingestion.converters.pdf.second_reader import PdfSpan

# A title's letters are so much larger than the page's usual ones; its lines differ by less.
_LARGER = 1.15
_ALIKE = 0.95

# A page of fewer pieces than this has no usual size.
_FEWEST_SPANS = 5

_MOST_SPANS = 6
_LENGTH = range(4, 160)

# A line of fewer words names a company or a kind of form ("FORM 10-Q"): the file's name says more. Chinese, Japanese
# and Thai do not part words; so many letters are as much.
_FEWEST_WORDS = 3
_FEWEST_LETTERS = 8
_WORD = re.compile(r"[^\W\d_]+")
_UNPARTED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")


def drawn_title(spans: Sequence[PdfSpan], page: str) -> str:
    """The title as the text `page` has it. Empty where no line stands out, as on a form, or what does is no title."""
    filled = [span for span in spans if span.text.strip()]
    if len(filled) < _FEWEST_SPANS:
        return ""
    usual = statistics.median(span.size for span in filled for _ in span.text)
    # A letter or a number set large is an ornament.
    sizes = [span.size for span in filled if sum(map(str.isalpha, span.text)) >= _LENGTH.start]
    largest = max(sizes, default=0)
    if largest < usual * _LARGER:
        return ""
    large = [place for place, span in enumerate(filled) if _ALIKE <= span.size / largest <= 1 / _ALIKE]
    together = [place for index, place in enumerate(large) if place - large[0] == index][:_MOST_SPANS]
    # Pieces may part words that the page's text has whole.
    letters = "".join("".join(filled[place].text for place in together).split())
    written = re.search(r"\s*".join(map(re.escape, letters)), page) if len(letters) in _LENGTH else None
    words = " ".join(written.group().split()) if written else ""
    return words if _is_title(words) else ""


def _is_title(words: str) -> bool:
    letters = sum(map(str.isalpha, words))
    tells = len(_WORD.findall(words)) >= _FEWEST_WORDS or (bool(_UNPARTED.search(words)) and letters >= _FEWEST_LETTERS)
    return tells and letters * 2 > len(words) and not words[0].islower()
