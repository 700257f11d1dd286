"""What in a text a reader's program may take for an address and make a link of, and what is shown instead. Pure.

An address that a retrieved passage holds word for word is shown as code, which is nowhere a link. Any other is
replaced by a note, because its path or its host may carry off what the answer was made from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.types import Passage

NOTE = "(link removed)"

# A stretch that may be an address; a backslash before one of its signs hides it from nobody.
WORD = re.compile(r"(?:[\w.:/@%?#&=+~$;\-]|\\[.:/@%?#&=+$;-])+")
# In code a backslash is one.
WORD_IN_CODE = re.compile(r"[\w.:/@%?#&=+~$;\-]+")
_ESCAPE = re.compile(r"\\(?=[.:/@%?#&=+$;-])")
_AROUND = ".:;?&#-="

# With a scheme or without, as browsers, GitHub's markdown and linkify-it recognise them.
_ADDRESS = re.compile(
    r"://|//[^\s/]|(?<![^\W_])(?:https?|ftp|javascript|vbscript|mailto|xmpp|tel|sms|blob):\S|(?<![^\W_])data:[\w.+-]*[/;]"
    r"|(?<![^\W_])www\d?\.|@[\w-]+\.\w",
    re.IGNORECASE,
)
# A host without a scheme: linkifiers go by its last label. Most of these are file names: index.md, chat.py.
_LAST_LABEL = (
    r"(?:[a-z]{2}|com|net|org|edu|gov|mil|int|biz|info|name|pro|aero|asia|coop|museum"
    r"|shop|web|xxx|app|dev|xyz|site|online|top|zip|mov|click|link|cloud|рф|xn--[\w-]+)(?![^\W_])"
)
_HOST = re.compile(rf"(?<![\w.:/@-])(?:[^\s.:/@?&#%;]*\.)+{_LAST_LABEL}", re.IGNORECASE)
# Behind a colon or a slash it is none, unless what may begin an emphasis stands between: that parts the two.
_EMPHASISED_HOST = re.compile(rf"[:/]_+(?:[^\s.:/@?&#%;_]*\.)+{_LAST_LABEL}", re.IGNORECASE)


class Addresses:
    """The addresses that the passages of one answer hold."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        self._known: frozenset[str] | None = None

    def shown(self, word: str) -> str | None:
        """What is shown in prose for a stretch that matches WORD: code or a note; None if it holds no address."""
        bare = _ESCAPE.sub("", word)
        host = _HOST.search(bare)
        if not host and not _ADDRESS.search(bare):
            return f"`{bare}`" if _EMPHASISED_HOST.search(bare) else None
        address = bare.strip(_AROUND)
        end = bare.rindex(address) + len(address)
        only_a_host = host is not None and host[0] == address and not address.lower().startswith("www")
        kept = only_a_host or self._knows(address)
        return (f"`{address}`" if kept else NOTE) + bare[end:]

    def shown_in_code(self, word: str) -> str:
        """The stretch as it may stand in code, where nothing is a link: as it is, unless it holds a foreign address."""
        address = word.strip(_AROUND)
        return NOTE if _ADDRESS.search(word) and not self._knows(address) else word

    def _knows(self, address: str) -> bool:
        if self._known is None:
            words = (word for passage in self._passages for word in WORD.findall(passage.chunk.text))
            self._known = frozenset(_ESCAPE.sub("", word).strip(_AROUND) for word in words)
        return address in self._known
