"""An answer's text as HTML: its markers are links to the cited places, and the sentences that answer are marked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from markupsafe import Markup, escape

from app.answers.citations import cited_spans, marked_spans
from app.pages.chat.shown_place import ShownPlace
from app.pages.highlight import with_marks
from app.pages.markdown import html, parse, sanitise, split_tags, unused_characters
from serving.wording.wording import Wording

_Insert = tuple[int, str]


def answer_html(text: str, sources: Sequence[ShownPlace], words: Wording) -> Markup:
    """The answer's markdown with each marker a link to the cited place, and each marked sentence in <mark>."""
    opening, closing, begin, end = unused_characters(text, 4)
    markers = [(span.start, f"{opening}{span.marker}{closing}", span.end) for span in cited_spans(text, sources)]
    marks: list[_Insert] = []
    plain = _rendered(text, markers, ())
    for span in marked_spans(text, sources):
        for first, last in _places(text, *span):
            tried = (*marks, (first, begin), (last, end))
            if _rendered(text, markers, tried).replace(begin, "").replace(end, "") == plain:
                marks += tried[-2:]
                break
    marked = with_marks(_rendered(text, markers, marks), begin, end)
    return sanitise(_linked(marked, sources, words, re.compile(f"{opening}(\\d+){closing}")))


def _rendered(text: str, markers: Sequence[tuple[int, str, int]], marks: Sequence[_Insert]) -> str:
    """The text's HTML with something else in the place of each marker, and with what is inserted."""
    edits = sorted([*markers, *((at, character, at) for at, character in marks)])
    pieces, at = [], 0
    for start, put, end in edits:
        pieces += [text[at:start], put]
        at = end
    return html(*parse("".join([*pieces, text[at:]])))


def _places(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where the mark may begin and end: where the sentence does, and as characters that are put beside markdown's own
    signs can change what these mean, else with its first word and its last."""
    yield start, end
    body = re.search(r"\w.*\w|\w", text[start:end], re.DOTALL)
    if body:
        yield start + body.start(), start + body.end()


def _linked(marked: str, sources: Sequence[ShownPlace], words: Wording, marker: re.Pattern[str]) -> str:
    cited = {source.marker: source for source in sources}

    def link(match: re.Match[str]) -> str:
        source = cited[int(match[1])]
        url = source.url.replace("&", "&amp;")
        kind, label = ("cite", "") if source.supported else ("cite weak", f": {words.weak}")
        named = escape(words.source.format(number=match[1]) + label)
        return f'<a class="{kind}" href="{url}" aria-label="{named}">{match[1]}</a>'

    return "".join(marker.sub("", piece) if is_tag else marker.sub(link, piece) for is_tag, piece in split_tags(marked))
