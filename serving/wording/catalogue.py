"""Which languages RAGLoop speaks, and in which of them a question is answered. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from core.text.languages import language_of
from serving.wording.languages.arabic import ARABIC
from serving.wording.languages.chinese import SIMPLIFIED, TRADITIONAL
from serving.wording.languages.english import ENGLISH
from serving.wording.languages.french import FRENCH
from serving.wording.languages.german import GERMAN
from serving.wording.languages.hindi import HINDI
from serving.wording.languages.italian import ITALIAN
from serving.wording.languages.japanese import JAPANESE
from serving.wording.languages.portuguese import PORTUGUESE
from serving.wording.languages.russian import RUSSIAN
from serving.wording.languages.spanish import SPANISH
from serving.wording.wording import Wording

# By the names of core.text.languages, which takes Hindi for Nepali: it goes by letters. The order decides between
# languages that a question speaks for alike.
_BY_NAME = {
    "english": ENGLISH, "spanish": SPANISH, "portuguese": PORTUGUESE, "french": FRENCH, "german": GERMAN,
    "italian": ITALIAN, "russian": RUSSIAN, "arabic": ARABIC, "nepali": HINDI, "japanese": JAPANESE,
    "chinese": SIMPLIFIED,
}  # fmt: skip
WORDINGS = {each.code: each for each in (*_BY_NAME.values(), TRADITIONAL)}

# What tells other languages of the same letters: Persian and Urdu, Ukrainian, Serbian and their like, Nepali, Marathi.
_ANOTHER = {
    "arabic": re.compile("[\u067e\u0686\u0698\u06a9\u06af\u06cc\u06d2\u0679\u0688\u0691]"),
    "russian": re.compile("[іїєґўђћџљњјѓќѕ]", re.IGNORECASE),
    "nepali": re.compile(r"छ(?:न्)?(?=[\s?।]|$)|आहे"),
}
# Commonest characters that only one of the two Chinese scripts writes so.
_TRADITIONAL = frozenset(
    "這個們來時為會國學說對動過還發後開經麼點長見問關從間將應實與當種給軍機電業東車書樣現體數頭員門義無話聽誰裡"
    "幾嗎處買賣讀寫請讓認識訊號碼資總結權選舉辦證條規單記設計類歷歲萬億觀團區縣鎮灣島戰爭黨產業語聯係統領導題項"
)
_SIMPLIFIED = frozenset(
    "这个们来时为会国学说对动过还发后开经么点长见问关从间将应实与当种给军机电业东车书样现体数头员门义无话听谁里"
    "几吗处买卖读写请让认识讯号码资总结权选举办证条规单记设计类历岁万亿观团区县镇湾岛战争党产业语联系统领导题项"
)
# Only Spanish asks so.
_SPANISH = re.compile("[¿¡]")


def wording(code: str) -> Wording:
    """The words of a language by its code; English where there are none."""
    return WORDINGS.get(code, ENGLISH)


def wording_for(asked: Sequence[str], read: Iterable[str]) -> Wording:
    """The words in which a question is answered: those of its own language, English where it is one that has none.

    `asked` is the question and, behind it, what the same person asked before, in case a short one does not tell; `read`
    the languages of the passages found, of which the commonest counts where nothing was asked that tells.
    """
    there = [language for language, _ in Counter(filter(None, read)).most_common()]
    own = next((found for found in (_told(text, there) for text in asked) if found), "")
    language = own or next(iter(there), "")
    if language == "chinese" and _is_traditional("".join(asked)):
        return TRADITIONAL
    return _BY_NAME.get(language, ENGLISH)


def _told(text: str, there: Sequence[str]) -> str:
    """The language that the text is in; empty if it does not tell."""
    if _SPANISH.search(text):
        return "spanish"
    language = language_of(text, likely=(*there, *_BY_NAME))
    another = _ANOTHER.get(language)
    return f"like {language}" if another and another.search(text) else language


def _is_traditional(text: str) -> bool:
    letters = frozenset(text)
    return len(letters & _TRADITIONAL) > len(letters & _SIMPLIFIED)
