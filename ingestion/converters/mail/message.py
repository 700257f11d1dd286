"""Messages (.eml): who wrote what to whom and when, the body, and what is attached."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage, MIMEPart

from core.errors import ConversionError, FailureKind
from core.types import TextFormat
from ingestion.clean_text import canonical, tidy
from ingestion.converters.content import DAMAGE, Content, RawFile
from ingestion.converters.texts.decoder import decode, decode_as
from ingestion.converters.titles import first_good, name_title, one_line
from ingestion.splitting.blocks import front_matter_end

ReadPart = Callable[[RawFile], Content]
"""Reads what is attached, by its name. Raises ConversionError."""

# What is read of one message: those that people write have fewer.
_MOST_ATTACHMENTS = 50
_DEEPEST_PART = 20
# Of all kinds, bodies and footers among them: the parser takes a millisecond for each.
_MOST_PARTS = 1_000

MEDIA_TYPE = "message/rfc822"
_HEADING = re.compile(r"(#{1,6})(?=[ \t])")
_FENCE = re.compile(r"[ ]{0,3}(```+|~~~+)")
# What separates a message's parts: a line of two hyphens and what a header announces.
_BOUNDARY = re.compile(rb"""\bboundary\*?[ \t]*=[ \t]*(?:[\w-]*'[\w-]*')?"?([^"\r\n;]+)""", re.IGNORECASE)
_HYPHENS = re.compile(rb"(?<=[\r\n])--([^\r\n]+)")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in a message."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """A message, read. `body` is markdown or plain text."""

    subject: str
    sender: str
    receivers: str
    sent: datetime | None
    body: str
    attachments: tuple[Attachment, ...] = ()
    missing: str = ""


@dataclass(frozen=True, slots=True)
class MessageReader:
    """A message as markdown: its headers are the first lines, each attachment stands under a heading with its name.
    `read_part` reads the attachments and bodies in HTML."""

    read_part: ReadPart

    def read(self, file: RawFile) -> Content:
        return written(parsed(file.data, self.read_part), file.name, self.read_part)


def parsed(data: bytes, read_part: ReadPart) -> Letter:
    """The message in `data`. Raises ConversionError when it is none."""
    data, unread = _first_parts(data)
    message = email.message_from_bytes(data, policy=email.policy.default)
    if not isinstance(message, EmailMessage) or not any(name in message for name in ("From", "Subject", "Date", "To")):
        raise ConversionError(FailureKind.MISMATCH, "The file is named as a message but has no headers of one.")
    part = _body_part(message)
    body, missing = _body(part, read_part)
    return Letter(
        _header(message, "Subject"),
        _header(message, "From"),
        ", ".join(filter(None, (_header(message, "To"), _header(message, "Cc")))),
        _sent(message),
        body,
        tuple(_attachments(message, part)),
        " ".join(filter(None, (missing, unread))),
    )


def _first_parts(data: bytes) -> tuple[bytes, str]:
    """The message with so many of its parts as are read, and a sentence on the others."""
    boundaries = {match[1].rstrip() for match in _BOUNDARY.finditer(data)}
    starts = [match.start() for match in _HYPHENS.finditer(data) if match[1].rstrip() in boundaries]
    if len(starts) <= _MOST_PARTS:
        return data, ""
    return data[: starts[_MOST_PARTS]], f"{len(starts) - _MOST_PARTS:,} of its {len(starts):,} parts were not read."


def written(letter: Letter, name: str, read_part: ReadPart, media_type: str = MEDIA_TYPE) -> Content:
    """A letter as a document. Its date stands in front matter, where dates of documents are looked for."""
    title = first_good(letter.subject) or name_title(name)
    text, missing = section(letter, title, read_part)
    matter = f"---\ndate: {letter.sent.date().isoformat()}\n---\n\n" if letter.sent else ""
    return Content(f"{matter}{text}", title, TextFormat.MARKDOWN, media_type, missing=missing)


def section(letter: Letter, title: str, read_part: ReadPart) -> tuple[str, str]:
    """A letter under a heading of its own, and what of it is missing."""
    named = {
        "From": letter.sender,
        "To": letter.receivers,
        "Date": letter.sent.strftime("%Y-%m-%d %H:%M %z").strip() if letter.sent else "",
        "Subject": letter.subject,
    }
    headers = "\n".join(f"{key}: {value}" for key, value in named.items() if value)
    parts = [f"# {title}", headers, under(letter.body, 1)]
    missing = [letter.missing]
    for number, attached in enumerate(letter.attachments):
        if number == _MOST_ATTACHMENTS:
            missing.append(f"{len(letter.attachments) - number} of its attachments were not read.")
            break
        if not attached.data:
            missing.append(f"Attachment {attached.name} was not read: It has no data of its own.")
            continue
        try:
            content = read_part(RawFile(attached.name, attached.data))
        except ConversionError as error:
            missing.append(f"Attachment {attached.name} was not read: {error.message}")
            continue
        missing.append(f"Attachment {attached.name}: {content.missing}" if content.missing else "")
        parts += [
            f"## Attachment: {attached.name}",
            under(content.text[front_matter_end(content.text) :], 2),
        ]
    return tidy("\n\n".join(part for part in parts if part.strip())), " ".join(filter(None, missing))


def under(text: str, level: int) -> str:
    """A markdown text with its headings below those of `level`."""
    lines, fence = [], ""
    for line in text.split("\n"):
        if match := _FENCE.match(line):
            fence = "" if fence and match[1].startswith(fence) else fence or match[1]
        elif not fence and (match := _HEADING.match(line)):
            line = "#" * min(6, len(match[1]) + level) + line[match.end() :]
        lines.append(line)
    return "\n".join(lines)


def _header(message: EmailMessage, name: str) -> str:
    try:
        return one_line(str(message.get(name, "")))
    except (ValueError, IndexError, AttributeError, TypeError):  # the parser of addresses trips over hostile ones
        return ""


def _sent(message: EmailMessage) -> datetime | None:
    try:
        found = message["Date"].datetime if message["Date"] else None
    except (ValueError, IndexError, AttributeError, TypeError, OverflowError):
        return None
    return found if isinstance(found, datetime) else None


def _body(part: MIMEPart | None, read_part: ReadPart) -> tuple[str, str]:
    if part is None:
        return "", ""
    data, doubt = _payload(part), ""
    text = decode_as(data, part.get_content_charset() or "utf-8")
    if text is None:
        decoded = decode(data, declared=True)
        text, doubt = decoded.text, decoded.doubt
    if part.get_content_type() == "text/html":
        content = read_part(RawFile("body.html", text.encode()))
        return content.text, content.missing
    return canonical(text), doubt


def _body_part(message: EmailMessage) -> MIMEPart | None:
    if message.is_multipart() or message.get_content_maintype() not in ("text", "multipart"):
        return message.get_body(("plain", "html"))
    return message  # a multipart message whose parts cannot be told apart is one text


def _leaves(part: MIMEPart, depth: int = 0) -> Iterator[MIMEPart]:
    """The parts that have no parts, without those that say the same as another. What is deeper is one part."""
    if part.get_content_maintype() != "multipart" or not part.is_multipart() or depth == _DEEPEST_PART:
        yield part
        return
    chosen = part.get_body(("plain", "html")) if part.get_content_subtype() == "alternative" else None
    for inner in part.iter_parts():
        if inner.is_attachment():
            yield inner
            continue
        for leaf in _leaves(inner, depth + 1):
            if chosen is None or leaf is chosen or not _inline_text(leaf):
                yield leaf


def _inline_text(part: MIMEPart) -> bool:
    return part.get_content_maintype() == "text" and not part.is_attachment() and not part.get_filename()


def _attachments(message: EmailMessage, body: MIMEPart | None) -> Iterator[Attachment]:
    parts = (part for part in _leaves(message) if part is not body)
    for number, part in enumerate(parts, 1):
        kind = part.get_content_type()
        name = one_line(part.get_filename() or "")
        if kind == MEDIA_TYPE:
            yield Attachment(name if name.endswith(".eml") else f"{name or f'message {number}'}.eml", _inner(part))
        elif part is message or part.is_attachment() or not (kind.startswith("image/") or _blank(part)):
            yield Attachment(name or f"part {number}{'.html' * (kind == 'text/html')}", _payload(part))


def _inner(part: MIMEPart) -> bytes:
    try:
        inner = part.get_payload(0)
        return inner.as_bytes() if isinstance(inner, EmailMessage) else b""
    except (*DAMAGE, AttributeError, TypeError):  # as in _header
        return b""


def _blank(part: MIMEPart) -> bool:
    return _inline_text(part) and not _payload(part).strip()


def _payload(part: MIMEPart) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""
