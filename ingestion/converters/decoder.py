"""Bytes to text: which encoding a file is in. Pure."""

from __future__ import annotations

import codecs
import re

from core.errors import ConversionError, FailureKind

# The 32-bit marks first: UTF-32-LE's begins with UTF-16-LE's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(
    rb"""<(?:meta[^>]{0,200}?charset|\?xml[^>]{0,200}?encoding)\s*=\s*["']?\s*([\w.:-]{2,40})""", re.I
)

# What is looked at to tell an encoding from its statistics; more makes it slower, not better.
_SAMPLE_BYTES = 64_000

# Text has no control characters but white space, escape (terminal logs, ISO-2022 encodings) and a stray few. In random
# bytes they are more than a tenth.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\ufffd]")
_MOST_CONTROL = 0.02


def decode(data: bytes, *, declared: bool = False) -> str:
    """The text in `data`: by its byte-order mark, as UTF-8, by what HTML or XML declares (if `declared`), else by its
    statistics. Raises ConversionError (mismatch) when it is no text."""
    for mark, encoding in _MARKS:
        if data.startswith(mark) and (text := _try(data, encoding)) is not None:
            return text
    if (text := _try(data, "utf-8")) is not None and _is_text(text):
        return text
    if declared and (text := _as_declared(data)) is not None:
        return text
    if (wide := _wide_encoding(data)) and (text := _try(data, wide)) is not None and _is_text(text):
        return text
    if (text := _by_statistics(data)) is not None and _is_text(text):
        return text
    raise ConversionError(FailureKind.MISMATCH, "The file is named as text but is binary, or in an unknown encoding.")


def _try(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def _as_declared(data: bytes) -> str | None:
    match = _DECLARED.search(data[:4096])
    if match is None:
        return None
    return _try(data, match.group(1).decode("ascii", "replace"))


def _wide_encoding(data: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: Latin text in them has NULs at fixed places."""
    sample = data[:4096]
    if len(sample) < 4 or sample.count(0) < len(sample) // 4:
        return None
    nulls = [sample[place::4].count(0) for place in range(4)]
    quarter = len(sample) // 4
    if min(nulls[1], nulls[2], nulls[3]) > quarter * 0.7:
        return "utf-32-le"
    if min(nulls[0], nulls[1], nulls[2]) > quarter * 0.7:
        return "utf-32-be"
    return "utf-16-le" if nulls[1] + nulls[3] > nulls[0] + nulls[2] else "utf-16-be"


def _by_statistics(data: bytes) -> str | None:
    import charset_normalizer

    best = charset_normalizer.from_bytes(data[:_SAMPLE_BYTES]).best()
    if best is None:
        return None
    text = _try(data, best.encoding)
    # The sample may end within a character, or the rest of the file hold a byte that the encoding lacks.
    return data.decode(best.encoding, "replace") if text is None else text


def _is_text(text: str) -> bool:
    # NULs are dropped later; a few of them do not make a file binary.
    return len(_CONTROL.findall(text)) <= max(2, len(text) * _MOST_CONTROL)
