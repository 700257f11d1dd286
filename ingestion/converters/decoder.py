"""Bytes to text: which encoding a file is in. Pure."""

from __future__ import annotations

import re

from core.errors import ConversionError, FailureKind

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
    """The text in `data`: as UTF-8, by what HTML or XML declares (if `declared`), else by its byte-order mark or its
    statistics. Raises ConversionError (mismatch) when it is no text."""
    if (text := _try(data, "utf-8-sig")) is not None and _is_text(text):
        return text
    if declared and (text := _as_declared(data)) is not None:
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
