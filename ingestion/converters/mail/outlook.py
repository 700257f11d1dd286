"""Outlook's messages (.msg): a compound file with a stream for every property ([MS-OXMSG])."""

from __future__ import annotations

import hashlib
import io
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime
from typing import TYPE_CHECKING

from core.errors import ConversionError, FailureKind
from ingestion.clean_text import canonical
from ingestion.converters.content import Content, RawFile
from ingestion.converters.mail.message import MOST_ATTACHMENTS, Letter, page_text, written
from ingestion.converters.texts.decoder import decode
from ingestion.converters.titles import name_line, one_line

if TYPE_CHECKING:
    from olefile import OleFileIO

MEDIA_TYPE = "application/vnd.ms-outlook"

# Property tags.
_SUBJECT, _SENDER, _SENDER_ADDRESS, _SENDER_LOGIN, _TO, _CC = "0037", "0C1A", "5D01", "0C1F", "0E04", "0E03"
_BODY, _HTML_BODY, _ATTACHED_NAME, _ATTACHED_SHORT_NAME, _ATTACHED_DATA = "1000", "1013", "3707", "3704", "3701"
_PROPERTIES = "__properties_version1.0"
_TIMES = (0x00390040, 0x0E060040)  # sent, received

Folder = tuple[str, ...]
"""A place in the compound file: storages in one another, two for each message in a message."""

_DEEPEST_FOLDER = 8

_WITH_DATA = (2, 5)  # streams, and the root, in which the small ones lie

_BETWEEN_1601_AND_1970 = 11_644_473_600  # seconds; Windows counts from 1601 in steps of 100 nanoseconds


@dataclass(frozen=True, slots=True)
class OutlookReader:
    """As MessageReader."""

    def read(self, file: RawFile) -> Content:
        import olefile

        with olefile.OleFileIO(io.BytesIO(file.data)) as storage:
            _check_sizes(storage, len(file.data))
            letter = _letter(storage)
        return written(letter, file.name, MEDIA_TYPE)


def _check_sizes(storage: OleFileIO[str], size: int) -> None:
    """Raises ConversionError for streams that claim to be larger than the file: they would be read in a circle."""
    entries = storage.direntries  # type: ignore[attr-defined]  # not in its stubs
    if any(entry.size > size for entry in entries if entry and entry.entry_type in _WITH_DATA):
        raise ConversionError(FailureKind.MALFORMED, "A part of the message claims to be larger than the file.")


def _letter(storage: OleFileIO[str], folder: Folder = ()) -> Letter:
    """The message in a folder of the storage, which is the root for the outermost."""
    sender = _text(storage, _SENDER, folder)
    address = _text(storage, _SENDER_ADDRESS, folder) or _text(storage, _SENDER_LOGIN, folder)
    body, missing = canonical(_text(storage, _BODY, folder)), ""
    if not body.strip() and (page := _bytes(storage, _HTML_BODY, folder)):
        body, missing = page_text(page)
    if not body.strip():
        missing = missing or "Its body is in a form that is not read."
    receivers = (_text(storage, tag, folder) for tag in (_TO, _CC))
    places = _attachments(storage, folder)
    attached = [_attached(storage, place) for place in places[:MOST_ATTACHMENTS]]
    more = len(places) - len(attached)
    unread = f"{more} of its attachments were not read." if more else ""
    return Letter(
        one_line(_text(storage, _SUBJECT, folder)),
        one_line(f"{sender} <{address}>" if "@" in address and address != sender else sender),
        one_line("; ".join(filter(None, receivers))),
        _sent(storage, folder),
        body,
        tuple(file for file, _ in attached),
        " ".join(
            filter(None, (missing, unread, *(f"Attachment {file.name}: {lost}" for file, lost in attached if lost)))
        ),
    )


def _attachments(storage: OleFileIO[str], folder: Folder) -> list[Folder]:
    """The places of the files in the message."""
    depth = len(folder)
    inside = (entry for entry in storage.listdir() if len(entry) > depth and tuple(entry[:depth]) == folder)
    names = {entry[depth] for entry in inside if entry[depth].startswith("__attach_version1.0_")}
    return [(*folder, name) for name in sorted(names)]


def _attached(storage: OleFileIO[str], place: Folder) -> tuple[RawFile, str]:
    """A file in a message, and what of it is missing already."""
    called = name_line(_text(storage, _ATTACHED_NAME, place) or _text(storage, _ATTACHED_SHORT_NAME, place))
    message = (*place, f"__substg1.0_{_ATTACHED_DATA}000D")
    if storage.exists([*message, _PROPERTIES]) and len(place) <= _DEEPEST_FOLDER:
        letter = _letter(storage, message)
        called = called or letter.subject or "message"
        return RawFile(called if called.endswith(".eml") else f"{called}.eml", _as_message(letter)), letter.missing
    return RawFile(called or "without a name", _bytes(storage, _ATTACHED_DATA, place)), ""


def _as_message(letter: Letter) -> bytes:
    """A message in a message as one that travels alone; the same bytes every time."""
    said = hashlib.sha256(b"".join([letter.body.encode(), *(file.data for file in letter.attached)])).hexdigest()
    mail = MIMEMultipart(boundary=f"part-{said}")
    for name, value in (("Subject", letter.subject), ("From", letter.sender), ("To", letter.receivers)):
        mail[name] = Header(value, maxlinelen=998).encode()
    if letter.sent:
        mail["Date"] = format_datetime(letter.sent)
    mail.attach(MIMEText(letter.body, "plain", "utf-8"))
    for file in letter.attached:
        part = MIMEApplication(file.data)
        part.add_header("Content-Disposition", "attachment", filename=("utf-8", "", file.name))
        mail.attach(part)
    return mail.as_bytes()


def _text(storage: OleFileIO[str], tag: str, folder: Folder) -> str:
    if wide := _stream(storage, f"__substg1.0_{tag}001F", folder):
        return wide.decode("utf-16-le", "replace").rstrip("\x00")
    narrow = _stream(storage, f"__substg1.0_{tag}001E", folder)
    return decode(narrow).text.rstrip("\x00") if narrow else ""


def _bytes(storage: OleFileIO[str], tag: str, folder: Folder) -> bytes:
    return _stream(storage, f"__substg1.0_{tag}0102", folder)


def _stream(storage: OleFileIO[str], name: str, folder: Folder) -> bytes:
    path = [*folder, name]
    return bytes(storage.openstream(path).read()) if storage.exists(path) else b""


def _sent(storage: OleFileIO[str], folder: Folder) -> datetime | None:
    properties = _stream(storage, _PROPERTIES, folder)
    found: dict[int, int] = {}
    header = 24 if folder else 32
    for place in range(header, len(properties) - 15, 16):  # tag, flags, value
        tag, _, value = struct.unpack_from("<IIQ", properties, place)
        found[tag] = value
    for tag in _TIMES:
        seconds = found.get(tag, 0) / 1e7 - _BETWEEN_1601_AND_1970
        if 0 < seconds < 1e11:
            return datetime.fromtimestamp(seconds, UTC)
    return None
