"""The form in which texts and questions are compared: what looks alike or means the same is written alike. Pure.

Only the analysis sees it. What is stored and quoted stays as it was written.
"""

from __future__ import annotations

import re
import unicodedata

# Shown as nothing: soft hyphens, zero-width spaces and joiners, marks of writing direction.
_UNSEEN = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_HYPHENS = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
# A number of which the thousands are set apart: 22 000.
_THOUSANDS = re.compile("(?<=\\d)[\u00a0\u2009\u202f](?=\\d{3}(?!\\d))")
# Arabic vowel marks and the stroke that stretches a word: printed or left out as one likes.
_ARABIC_MARKS = re.compile("[\u0640\u064b-\u065f\u0670\u06d6-\u06ed]")
# Thai tone marks and signs over letters, which people leave out or set twice; cut off from their letter they are noise.
_THAI_MARKS = re.compile("[\u0e47-\u0e4e]")
_TURKISH_CASE = str.maketrans({"İ": "i", "I": "ı"})

# Written without spaces. By how many letters at a time they are compared, chosen on half of each of these sets,
# nDCG@10 of BM25 alone:         1 and 2     2     3   2 and 3   3 and 4
#   cmrc2018, Chinese               .962  .972
#   drcd, traditional Chinese       .932  .944
#   jaquad, Japanese                .884  .910           .852
#   iapp, Thai                            .886  .920     .905      .912
_RUNS = (
    (re.compile("[\u3005-\u3007\u3041-\u30fa\u30fc\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+"), 2),
    (re.compile("[\u1100-\u11ff\uac00-\ud7af]+"), 2),
    (re.compile("[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff]+"), 3),
)

_WORD = re.compile(r"[^\W_]{2,}")

# A name in letters and digits, with an underscore or with dots, such as QX-7741, get_user_by_id or config.yaml; a
# version, with a v or without; or a long number.
_NAME = re.compile(r"[^\W_]+(?:[-_.][^\W_]+)*")
_JOINT = re.compile(r"[-_.]")
_IN_NAMES = re.compile(r"[\d_]|\w\.\w")
_DOTTED = re.compile(r"[^\W\d_]{2,}(?:\.[^\W\d_]{2,})+")
_VERSION = re.compile(r"[vV]?(\d{1,3}(?:\.\d{1,3}){2,})")
_LEAST_CHARACTERS = 4
_LEAST_DIGITS = 5


def search_form(text: str, language: str) -> str:
    """The text as it is compared: one form of each character, nothing unseen, a run of letters that is written without
    spaces cut into overlapping pieces, and each identifier once more in one word."""
    plain = _plain(text, language)
    names = " ".join(_one_word(name) for name in _identifiers(plain) if not name.isalnum())
    return f"{_cut(plain)} {names}" if names else _cut(plain)


def identifiers(text: str) -> list[str]:
    """The identifiers in a text, each in one word as `search_form` writes it."""
    return list(dict.fromkeys(map(_one_word, _identifiers(_plain(text, "")))))


def without_unseen(text: str) -> str:
    """The text without what is shown as nothing, and with one sort of hyphen."""
    return text if text.isascii() else _HYPHENS.sub("-", _UNSEEN.sub("", text))


def word_count(text: str) -> int:
    """About how many words a text has; where it is written without spaces, two letters count as one."""
    words = len(_WORD.findall(text))
    if text.isascii():
        return words
    return words + sum(len(run) // 2 for letters, _ in _RUNS for run in letters.findall(text))


def _plain(text: str, language: str) -> str:
    if text.isascii():
        return text.translate(_TURKISH_CASE) if language == "turkish" else text
    normal = unicodedata.normalize("NFKC", without_unseen(_THOUSANDS.sub("", text)))
    normal = _ARABIC_MARKS.sub("", normal)
    return normal.translate(_TURKISH_CASE) if language == "turkish" else normal


def _cut(text: str) -> str:
    if text.isascii():
        return text
    for letters, size in _RUNS:
        text = letters.sub(lambda run, size=size: _pieces(_THAI_MARKS.sub("", run[0]), size), text)  # type: ignore[misc]
    return text


def _pieces(run: str, size: int) -> str:
    pieces = [run[at : at + size] for at in range(max(1, len(run) - size + 1))]
    return f" {' '.join(pieces)} "


def _identifiers(text: str) -> list[str]:
    likely = (word for word in text.split() if _IN_NAMES.search(word))
    return [name for word in likely for name in _NAME.findall(word) if _is_identifier(name)]


def _one_word(name: str) -> str:
    """5.1.2 is 5x1x2: its numbers are not those of 51.2."""
    version = _VERSION.fullmatch(name)
    return version[1].replace(".", "x") if version else _JOINT.sub("", name)


def _is_identifier(name: str) -> bool:
    if name.isdigit():
        return len(name) >= _LEAST_DIGITS
    if len(name) < _LEAST_CHARACTERS:
        return False
    if _VERSION.fullmatch(name) or _DOTTED.fullmatch(name):
        return True
    has_digit, has_letter = any(map(str.isdigit, name)), any(map(str.isalpha, name))
    return has_letter and (has_digit or "_" in name)
