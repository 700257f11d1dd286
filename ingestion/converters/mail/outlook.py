"""Outlook's messages (.msg): a compound file with a stream for every property ([MS-OXMSG])."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.errors import ConversionError, FailureKind
from ingestion.clean_text import canonical
from ingestion.converters.content import Content, RawFile
from ingestion.converters.mail.message import Attachment, Letter, ReadPart, written
from ingestion.converters.texts.decoder import decode
from ingestion.converters.titles import one_line

if TYPE_CHECKING:
    from olefile import OleFileIO

MEDIA_TYPE = "application/vnd.ms-outlook"

# Property tags.
_SUBJECT, _SENDER, _SENDER_ADDRESS, _SENDER_LOGIN, _TO, _CC = "0037", "0C1A", "5D01", "0C1F", "0E04", "0E03"
_BODY, _HTML_BODY, _ATTACHED_NAME, _ATTACHED_SHORT_NAME, _ATTACHED_DATA = "1000", "1013", "3707", "3704", "3701"
_TIMES = (0x00390040, 0x0E060040)  # sent, received

_BETWEEN_1601_AND_1970 = 11_644_473_600  # seconds; Windows counts from 1601 in steps of 100 nanoseconds


@dataclass(frozen=True, slots=True)
class OutlookReader:
    """As MessageReader."""

    read_part: ReadPart

    def read(self, file: RawFile) -> Content:
        import olefile

        try:
            with olefile.OleFileIO(io.BytesIO(file.data)) as storage:
                letter = _letter(storage, self.read_part)
        except (OSError, ValueError, struct.error, IndexError) as error:
            raise ConversionError(FailureKind.MALFORMED, f"The message is damaged: {error}.") from error
        return written(letter, file.name, self.read_part, MEDIA_TYPE)


def _letter(storage: OleFileIO[str], read_part: ReadPart) -> Letter:
    sender, address = _text(storage, _SENDER), _text(storage, _SENDER_ADDRESS) or _text(storage, _SENDER_LOGIN)
    body, missing = canonical(_text(storage, _BODY)), ""
    if not body.strip() and (page := _bytes(storage, _HTML_BODY)):
        content = read_part(RawFile("body.html", page))
        body, missing = content.text, content.missing
    if not body.strip():
        missing = "Its body is in a form that is not read."
    return Letter(
        one_line(_text(storage, _SUBJECT)),
        one_line(f"{sender} <{address}>" if "@" in address and address != sender else sender),
        one_line("; ".join(filter(None, (_text(storage, _TO), _text(storage, _CC))))),
        _sent(storage),
        body,
        tuple(_attachments(storage)),
        missing,
    )


def _attachments(storage: OleFileIO[str]) -> Iterator[Attachment]:
    for name in sorted({entry[0] for entry in storage.listdir() if entry[0].startswith("__attach_version1.0_")}):
        called = one_line(_text(storage, _ATTACHED_NAME, name) or _text(storage, _ATTACHED_SHORT_NAME, name))
        # A message in a message is a storage of its own, without a stream of data: section() names it as not read.
        yield Attachment(called or "without a name", _bytes(storage, _ATTACHED_DATA, name))


def _text(storage: OleFileIO[str], tag: str, folder: str = "") -> str:
    if wide := _stream(storage, f"__substg1.0_{tag}001F", folder):
        return wide.decode("utf-16-le", "replace").rstrip("\x00")
    narrow = _stream(storage, f"__substg1.0_{tag}001E", folder)
    return decode(narrow).text.rstrip("\x00") if narrow else ""


def _bytes(storage: OleFileIO[str], tag: str, folder: str = "") -> bytes:
    return _stream(storage, f"__substg1.0_{tag}0102", folder)


def _stream(storage: OleFileIO[str], name: str, folder: str = "") -> bytes:
    path = [folder, name] if folder else [name]
    return bytes(storage.openstream(path).read()) if storage.exists(path) else b""


def _sent(storage: OleFileIO[str]) -> datetime | None:
    properties = _stream(storage, "__properties_version1.0")
    found: dict[int, int] = {}
    for place in range(32, len(properties) - 15, 16):  # after the header: tag, flags, value
        tag, _, value = struct.unpack_from("<IIQ", properties, place)
        found[tag] = value
    for tag in _TIMES:
        seconds = found.get(tag, 0) / 1e7 - _BETWEEN_1601_AND_1970
        if 0 < seconds < 1e11:
            return datetime.fromtimestamp(seconds, UTC)
    return None
