"""The filter of what leaves: an answer's text, made harmless while it is streamed. Pure.

Whoever renders the answer as markdown gets no image, no HTML, and no link but to a document that was retrieved: an
image becomes its alternative text, another link its text, a bare address code or a note (see
serving.filters.addresses), and `<` is written `&lt;` where a tag could begin. What could hide something (control
characters, zero-width and bidirectional ones, escape sequences for terminals) is dropped.

It reads markdown as renderers do only as far as it must: code is left as it is where every renderer agrees that it is
code (a span within a line, a fence at the margin); elsewhere its backticks are escaped. Held back is never more than
one word, one link, one span of code or one line that may be a fence, each of limited length.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape

from core.text.citation_marker import is_number
from core.text.markdown_lines import CLOSING_FENCE, OPENING_FENCE
from core.types import Passage
from serving.filters.addresses import WORD, WORD_IN_CODE, Addresses

# How much is waited for, in characters, before something is taken for what it looks like so far.
_LONGEST_WORD = 500
_LONGEST_CODE = 300
_LONGEST_LABEL = 300
_LONGEST_TARGET = 2000
_LONGEST_FENCE_LINE = 100

_HIDDEN = (
    range(0x00, 0x09), range(0x0B, 0x20), range(0x7F, 0xA0), (0xAD, 0x61C, 0x180E), range(0x200B, 0x200C),
    range(0x200E, 0x2010), range(0x2028, 0x202F), range(0x2060, 0x2070), range(0xD800, 0xE000), (0xFEFF,),
    range(0xFFF9, 0xFFFC), (0xFFFE, 0xFFFF), range(0xE0000, 0xE1000),
)  # fmt: skip
_DROP = {code: None for codes in _HIDDEN for code in codes}
_DROP.update({0x0B: " ", 0x0C: " ", 0x2028: " ", 0x2029: " "})  # type: ignore[dict-item]

_PLAIN = re.compile(r"[ \t,\"'()*{}^]+")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_LANGUAGE = re.compile(r"[\w+#.-]{0,30}")
_MAY_END_FENCE = re.compile(r" {0,3}[`~]*[ \t]*")
_RUN = re.compile(r"`{1,300}")
_COMPARED = frozenset("0123456789=-")
_SPACE = frozenset(" \t\n")
_TAG_LIKE = re.compile(r"<([^\s<>`]{0,500})(>?)")
_LEAD = re.compile(r"[ \t>*+\-.)\d#]*")
_OWN_PAGE = re.compile(r"/documents/([0-9a-f-]{36})(?:\?[a-z0-9=&-]*)?(?:#quote)?")
_NOT_IN_LABEL = re.compile(r"[\[\]`<>\\!&]")
# The row that makes a table of the line before it; and code in that line which a table would cut.
_DELIMITER = re.compile(r"[ \t>]*[|:\-][|:\- \t]*")
_BAR = re.compile(r"(?<!\\)\|")
_PIPED = re.compile(r"`[^`]*\|[^`]*`")

_Taken = tuple[str, int]


def visible(text: str) -> str:
    """The text without characters that cannot be seen or that steer what shows it."""
    return text.translate(_DROP)


def harmless(text: str) -> str:
    """A whole text as it may leave, where no address is known."""
    outgoing = Outgoing(())
    return outgoing.feed(text) + outgoing.finish()


class Outgoing:
    """Filters one answer. The result does not depend on how the text was cut into pieces."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._addresses = Addresses(passages)
        self._pages = {passage.chunk.document_id for passage in passages}
        self._uris = {passage.chunk.uri: f"/documents/{passage.chunk.document_id}" for passage in passages}
        self._held = ""
        self._fence = ""
        self._line = ""  # what went out of this line
        self._piped = False  # a bar stands in this line's code, or in that of the line before
        self._table = False

    def feed(self, piece: str) -> str:
        """The text that may go out now."""
        self._held += visible(piece)
        return self._advance(last=False)

    def finish(self) -> str:
        """What was held back. A fence that is open is closed, so that what follows the answer is not in it."""
        rest = self._advance(last=True)
        if self._fence:
            rest += self._out("\n" if self._line else "") + self._out(self._fence)
            self._fence = ""
        return rest

    def _advance(self, *, last: bool) -> str:
        out: list[str] = []
        at = 0
        while at < len(self._held):
            taken = self._fenced(at, last=last) if self._fence else self._prose(at, last=last)
            if taken is None:
                break
            text, at = taken
            if text:
                out.append(self._out(text))
        self._held = self._held[at:]
        return "".join(out)

    def _out(self, text: str) -> str:
        """The text as it goes out, kept apart from what went out before it where the two would become one."""
        if text and not self._fence:
            text = self._apart(text[0]) + text
        before, newline, line = text.rpartition("\n")
        if newline:
            self._end_line(self._line + before)
        self._line = line if newline else self._line + line
        return text

    def _apart(self, first: str) -> str:
        before = self._line[-1:]
        link = before == "]" and (first == "(" or (first == ":" and self._defines()))
        code = first == "`" and before in ("`", "\\")
        image = first == "[" and before == "!"
        return " " if link or code or image else ""

    def _defines(self) -> bool:
        """Whether a colon here could say where the label before it leads."""
        label = self._line.rfind("[")
        return label < 0 or _LEAD.fullmatch(self._line, 0, label) is not None

    def _end_line(self, line: str) -> None:
        self._table = bool(line.strip()) and (self._table or _DELIMITER.fullmatch(line) is not None)
        self._piped = not self._table and _PIPED.search(line) is not None

    # ------------------------------------------------------------ prose

    def _prose(self, at: int, *, last: bool) -> _Taken | None:
        """What becomes of the text from `at` on, and where that text ends; None if more must come first."""
        held, first = self._held, self._held[at]
        if not self._line and first in "`~":
            fence = self._fence_line(at, last=last)
            if fence != ("", at):
                return fence
        if self._piped and not self._line.strip(" \t>") and first in "|:-":
            line = self._rest_of_line(at, last=last)
            if line is None:
                return None
            if _DELIMITER.fullmatch(line):
                return f"\\{first}", at + 1
        match first:
            case "`":
                return self._code(at, last=last)
            case "<":
                return self._tag(at, last=last)
            case "[":
                return self._bracket(at, at, last=last)
            case "!":
                if at + 1 == len(held) and not last:
                    return None
                return self._bracket(at, at + 1, last=last) if held[at + 1 : at + 2] == "[" else (first, at + 1)
            case "\\":
                return self._escape(at, last=last)
        if WORD.match(held, at):
            return self._word(at, last=last)
        plain = _PLAIN.match(held, at)
        return (plain[0], plain.end()) if plain else (first, at + 1)

    def _word(self, at: int, *, last: bool) -> _Taken | None:
        word = WORD.match(self._held, at, at + _LONGEST_WORD)
        assert word is not None  # noqa: S101 - the caller has looked
        end = word.end()
        cut = end - at >= _LONGEST_WORD - 1
        if not cut and not last and (end == len(self._held) or self._held[end:] == "\\"):
            return None
        text = word[0]
        decoded = _decoded(text)
        if decoded != text:
            self._held = self._held[:at] + decoded + self._held[end:]
            return "", at
        shown = self._addresses.shown(text)
        if shown is None:
            shown = text.replace("~~~", "\\~~~")
        # What follows would become one with what cannot be taken for an address yet.
        return shown + (" " if cut or shown.endswith("//") else ""), end

    def _escape(self, at: int, *, last: bool) -> _Taken | None:
        """A backslash and what it escapes."""
        if at + 1 == len(self._held) and not last:
            return None
        escaped = self._held[at + 1 : at + 2]
        if WORD.match(self._held, at):
            return self._word(at, last=last)
        if escaped == "<":
            return "&lt;", at + 2
        return (f"\\{escaped}", at + 2) if escaped in _PUNCTUATION else ("\\", at + 1)

    def _tag(self, at: int, *, last: bool) -> _Taken | None:
        """An angle bracket: an address in a pair of them, the beginning of what could be a tag, or less-than."""
        found = _TAG_LIKE.match(self._held, at)
        assert found is not None  # noqa: S101 - the caller has looked
        if found.end() == len(self._held) and not found[2] and len(found[1]) < _LONGEST_WORD and not last:
            return None
        address = self._addresses.shown(found[1]) if found[2] and WORD.fullmatch(found[1]) else None
        if address:
            return address, found.end()
        return ("<" if self._is_comparison(found) else "&lt;"), at + 1

    def _is_comparison(self, found: re.Match[str]) -> bool:
        """Whether the angle bracket is less-than. Before a number or an arrow it is, unless an e-mail address in angle
        brackets could begin so: that needs no dot to be a link, and a backtick may stand in it."""
        follows = self._held[found.start() + 1 : found.start() + 2]
        if follows not in _COMPARED:
            return follows in _SPACE
        behind = self._held[found.end() : found.end() + 1]
        ends = found[2] != "" or behind in _SPACE or (not behind and len(found[1]) < _LONGEST_WORD)
        return ends and "@" not in _decoded(found[1])

    # ------------------------------------------------------------ links

    def _bracket(self, at: int, bracket: int, *, last: bool) -> _Taken | None:
        """A bracket that may begin a link, or an image if it does not begin at `at`."""
        found = _link(self._held, bracket, last=last)
        if found is None:
            return None
        label, target, end = found
        if end == bracket:  # no link; of "![" the "[" is looked at by itself
            return self._held[at], at + 1
        page = self._page(target)
        if bracket == at and page:
            return f"[{_NOT_IN_LABEL.sub('', label).strip() or 'document'}]({page})", end
        if is_number(label):
            return f"[{label}]", end
        if not label and end == len(self._held) and not last:
            return None
        glue = " " if _joins(self._line[-1:]) and _joins((label + self._held[end:])[:1]) else ""
        self._held = self._held[:at] + label + self._held[end:]
        return glue, at

    def _page(self, target: str) -> str | None:
        """The page of the retrieved document that a link leads to."""
        address = target.strip().split(" ")[0].strip("<>")
        own = _OWN_PAGE.fullmatch(address)
        if own and own[1] in self._pages:
            return address
        return self._uris.get(address)

    # ------------------------------------------------------------ code

    def _code(self, at: int, *, last: bool) -> _Taken | None:
        """A span of code that ends in its line; other backticks are escaped."""
        run = _RUN.match(self._held, at)
        assert run is not None  # noqa: S101 - the caller has looked
        limit = run.end() + _LONGEST_CODE
        line_end = self._held.find("\n", run.end(), limit)
        window = self._held[: limit if line_end < 0 else line_end]
        complete = last or line_end >= 0 or len(self._held) > limit
        if run.end() == len(self._held) and len(run[0]) < _LONGEST_CODE and not last:
            return None
        for closing in _RUN.finditer(window, run.end()):
            if closing.end() == len(window) and not complete:
                return None
            if len(closing[0]) == len(run[0]) < _LONGEST_CODE:
                content = window[run.end() : closing.start()]
                if self._table and _BAR.search(content):  # the cell ends there, and the code with it
                    break
                return f"{run[0]}{self._in_code(content)}{run[0]}", closing.end()
        else:
            if not complete:
                return None
        return "\\`" * len(run[0]), run.end()

    def _in_code(self, text: str) -> str:
        return WORD_IN_CODE.sub(lambda word: self._addresses.shown_in_code(word[0]), text)

    def _fence_line(self, at: int, *, last: bool) -> _Taken | None:
        """The line that opens a fence; an empty text if this is none."""
        line = self._rest_of_line(at, last=last)
        if line is None:
            return None
        fence = OPENING_FENCE.fullmatch(line)
        if fence is None or len(line) > _LONGEST_FENCE_LINE:
            return "", at
        mark = fence[1] or fence[2]
        language = _LANGUAGE.match(line[len(mark) :].strip())
        self._fence = mark
        return mark + (language[0] if language else ""), at + len(line)

    def _rest_of_line(self, at: int, *, last: bool) -> str | None:
        """The rest of the line, or as much of it as is looked at; None while it may go on."""
        limit = at + _LONGEST_FENCE_LINE + 1
        line_end = self._held.find("\n", at, limit)
        if line_end < 0 and not last and len(self._held) < limit:
            return None
        return self._held[at : limit if line_end < 0 else line_end]

    def _fenced(self, at: int, *, last: bool) -> _Taken | None:
        """The text inside a fence."""
        held = self._held
        if not self._line and _MAY_END_FENCE.match(held, at):
            may = _MAY_END_FENCE.match(held, at)
            assert may is not None  # noqa: S101 - it matches nothing at least
            if may.end() == len(held) and not last and may.end() - at <= _LONGEST_FENCE_LINE:
                return None
            line_end = may.end() == len(held) or held[may.end()] == "\n"
            closing = CLOSING_FENCE.fullmatch(held[at : may.end()])
            if line_end and closing and closing[1][0] == self._fence[0] and len(closing[1]) >= len(self._fence):
                self._fence = ""
                return held[at : may.end()].rstrip(), may.end()
        word = WORD_IN_CODE.match(held, at, at + _LONGEST_WORD)
        if word is None:
            return held[at], at + 1
        if word.end() == len(held) and not last and len(word[0]) < _LONGEST_WORD:
            return None
        return self._addresses.shown_in_code(word[0]), word.end()


def _link(text: str, bracket: int, *, last: bool) -> tuple[str, str, int] | None:
    """The label, the target and the end of the link that begins at `bracket`; the end is `bracket` if there is none.
    None if more text must come first."""
    none = ("", "", bracket)
    label_end = _closing(text, bracket, "[]", _LONGEST_LABEL)
    if label_end is None or (label_end >= 0 and label_end + 1 == len(text)):
        return none if last else None
    if label_end < 0 or text[label_end + 1] != "(":
        return none
    end = _closing(text, label_end + 1, "()", _LONGEST_TARGET)
    if end is None:
        return none if last else None
    return (text[bracket + 1 : label_end], text[label_end + 2 : end], end + 1) if end >= 0 else none


def _closing(text: str, at: int, pair: str, longest: int) -> int | None:
    """Where the bracket at `at` is closed in its line: -1 if it is not within `longest` characters, None if the text
    ends before."""
    depth, position = 0, at
    while position < len(text):
        sign = text[position]
        if sign == "\n" or position - at > longest:
            return -1
        if sign == "\\":
            position += 1
        elif sign == pair[0]:
            depth += 1
        elif sign == pair[1]:
            depth -= 1
            if depth == 0:
                return position
        position += 1
    return None


def _joins(sign: str) -> bool:
    """Whether two words that end and begin with such a sign become one."""
    return bool(sign) and WORD.match(sign) is not None


def _decoded(text: str) -> str:
    """The text without character references, of which renderers make characters again."""
    while (decoded := _ENTITY.sub(lambda entity: unescape(entity[0]).translate(_DROP), text)) != text:
        text = decoded
    return text
