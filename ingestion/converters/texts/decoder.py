"""Bytes to text: which encoding a file is in. Pure."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from core.errors import ConversionError, FailureKind
from ingestion.converters.texts.odd_letters import odd_letters

_DECLARED = re.compile(
    rb"""<(?:meta[^>]{0,200}?charset|\?xml[^>]{0,200}?encoding)\s*=\s*["']?\s*([\w.:-]{2,40})""", re.I
)

# Text has no control characters but white space, escape (terminal logs, ISO-2022 encodings) and a stray few. In random
# bytes they are more than a tenth.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\ufffd]")
_MOST_CONTROL = 0.02

# Encodings that are written with ASCII bytes alone announce their alphabets with escape sequences such as these.
_ESCAPED = re.compile(rb"\x1b[$(]")

# Text in an older encoding forms a valid UTF-8 sequence now and then, and UTF-8 with damage many for each bad byte.
_GOOD_FOR_A_BAD = 2

# One bad byte in so much ASCII is damage, unless it reads as a letter beside other letters in an older encoding.
_LONG_ASCII = 1_000
_LETTER_ALONE = re.compile(rb"[A-Za-z][\xc0-\xff]|[\xc0-\xff][A-Za-z]")

# Two candidates are near when the second has this share of the first's confidence. On 1,787 files and samples whose
# encoding is known, all that was read wrongly was nearer than this, but for two of sixty characters.
_NEAR = 0.93

# What browsers take these names for (https://encoding.spec.whatwg.org): what is written differs from what is declared.
_WIDER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
    "iso8859-11": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "shift_jis_2004": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}

# Python's names for what is no encoding of a text: parts of host names, source code, a codec that always fails.
_NO_ENCODINGS = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"})

_NO_TEXT = "The file is named as text but is binary, or in an unknown encoding."


@dataclass(frozen=True, slots=True)
class DecodedText:
    """What bytes say. `doubt` is a sentence for people where the encoding was guessed and could be another, or where
    bytes were lost; otherwise empty."""

    text: str
    doubt: str = ""


def decode(data: bytes, *, declared: bool = False) -> DecodedText:
    """The text in `data`: as UTF-8, by what HTML or XML declares (if `declared`), else by its byte-order mark or its
    statistics. Raises ConversionError (mismatch) when it is no text."""
    if not _ESCAPED.search(data) and (text := decode_as(data, "utf-8-sig")) is not None and _is_text(text):
        return DecodedText(text)
    if declared and (text := _as_declared(data)) is not None:
        return DecodedText(text)
    for decoded in (_damaged_utf8(data), _by_statistics(data)):
        if decoded is not None and _is_text(decoded.text):
            return decoded
    if (text := decode_as(data, "utf-8-sig")) is not None and _is_text(text):
        return DecodedText(text)
    raise ConversionError(FailureKind.MISMATCH, _NO_TEXT)


def decode_as(data: bytes, encoding: str) -> str | None:
    """The text in `data` by the encoding that somebody states; None where it is none, or not that of `data`."""
    try:
        return None if codecs.lookup(encoding).name in _NO_ENCODINGS else data.decode(encoding)
    except (ValueError, LookupError):  # of all that decoders raise, and of names with a NUL
        return None


def _as_declared(data: bytes) -> str | None:
    match = _DECLARED.search(data[:4096])
    if match is None:
        return None
    return decode_as(data, _wider(match.group(1).decode("ascii", "replace")))


def _wider(encoding: str) -> str:
    """The codec that a name stands for, as browsers see it."""
    try:
        name = codecs.lookup(encoding).name
    except (ValueError, LookupError):
        return encoding
    return _WIDER.get(name, name)


def _damaged_utf8(data: bytes) -> DecodedText | None:
    """The text as UTF-8 if few of its bytes are not."""
    text = data.decode("utf-8-sig", "surrogateescape")
    bad = sum("\udc80" <= char <= "\udcff" for char in text)
    good = sum(char > "\x7f" for char in text) - bad
    lone = bad == 1 and len(data) > _LONG_ASCII and not _LETTER_ALONE.search(data)
    if not bad or (good < bad * _GOOD_FOR_A_BAD and not lone):
        return None
    what = "1 byte is" if bad == 1 else f"{bad} bytes are"
    return DecodedText(re.sub("[\udc80-\udcff]", "\ufffd", text), f"{what} not UTF-8; � stands in the text for such.")


def _by_statistics(data: bytes) -> DecodedText | None:
    near = _likeliest(data)
    if not near:
        return None
    odd = {encoding: odd_letters(text) for encoding, text in near.items()}
    best = min(near, key=lambda encoding: odd[encoding])  # the likelier of two that are equally odd
    rivals = [other for other, text in near.items() if text != near[best] and odd[other] <= odd[best]]
    doubt = f"Its encoding is not stated: it was read as {best} and may be {rivals[0]}." if rivals else ""
    return DecodedText(near[best], doubt)


def _likeliest(data: bytes) -> dict[str, str]:
    """What `data` says in the likeliest encoding and in those that are near, the likeliest first."""
    import chardet

    sample = _telling(data)
    most = max(len(sample), 1)
    first = chardet.detect(sample, max_bytes=most)
    found = [first, *chardet.detect_all(sample, ignore_threshold=True, max_bytes=most)]
    near: dict[str, str] = {}
    least = 0.0
    for one in found:
        name = one["encoding"]
        if not name or name in near or one["confidence"] < least:
            continue
        if (text := decode_as(data, _wider(name))) is not None and _is_text(text):
            least = least or one["confidence"] * _NEAR
            near[name] = text
    return near


def _telling(data: bytes) -> bytes:
    """The lines that tell one encoding from another: those that are not in ASCII alone, wherever in the file."""
    if b"\x00" in data or _ESCAPED.search(data):
        return data
    return b"".join(line for line in data.splitlines(keepends=True) if not line.isascii()) or data


def _is_text(text: str) -> bool:
    # NULs are dropped later; a few of them do not make a file binary.
    return len(_CONTROL.findall(text)) <= max(2, len(text) * _MOST_CONTROL)
