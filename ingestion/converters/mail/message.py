"""Messages (.eml): who wrote what to whom and when, and what is attached."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage, Message, MIMEPart
from urllib.parse import unquote

from core.errors import ConversionError, FailureKind
from core.types import TextFormat
from ingestion.clean_text import canonical, tidy
from ingestion.converters.content import DAMAGE, Content, RawFile
from ingestion.converters.file_type import suffix_by_content
from ingestion.converters.texts.decoder import decode, decode_as
from ingestion.converters.titles import first_good, name_line, name_title, one_line
from ingestion.converters.web_page import WebPageReader

# What is read of one message: those that people write have fewer.
MOST_ATTACHMENTS = 50
_DEEPEST_PART = 20
# Of all kinds, bodies and footers among them: the parser takes a millisecond for each.
_MOST_PARTS = 1_000

MEDIA_TYPE = "message/rfc822"
_HEADING = re.compile(r"(#{1,6})(?=[ \t])")
_FENCE = re.compile(r"[ ]{0,3}(```+|~~~+)")
# What separates a message's parts: a line of two hyphens and what a header announces.
_BOUNDARY = re.compile(rb"""\bboundary\*?[ \t]*=[ \t]*(?:[\w-]*'[\w-]*')?"?([^"\r\n;]+)""", re.IGNORECASE)
_SHOWN = re.compile(rb"""\bcid:([^\s"'<>)]+)""", re.IGNORECASE)
_HYPHENS = re.compile(rb"(?<=[\r\n])--([^\r\n]+)")


@dataclass(frozen=True, slots=True)
class Letter:
    """A message, read. `body` is markdown or plain text."""

    subject: str
    sender: str
    receivers: str
    sent: datetime | None
    body: str
    attached: tuple[RawFile, ...] = ()
    missing: str = ""


@dataclass(frozen=True, slots=True)
class MessageReader:
    """A message as markdown: its headers are the first lines."""

    def read(self, file: RawFile) -> Content:
        return written(parsed(file.data), file.name)


def parsed(data: bytes) -> Letter:
    """The message in `data`. Raises ConversionError when it is none."""
    data, unread = _first_parts(data)
    message = email.message_from_bytes(data, policy=email.policy.default)
    if not isinstance(message, EmailMessage) or not any(name in message for name in ("From", "Subject", "Date", "To")):
        raise ConversionError(FailureKind.MISMATCH, "The file is named as a message but has no headers of one.")
    main = _body_part(message)
    body, missing = _body(main)
    others = [part for part in _leaves(message) if part is not main]
    # What is told behind the body and has no name: the footer of a mailing list, the reasons of a bounce.
    told = [text for part in others if _is_told(part, message) and (text := _text(part)).strip()]
    return Letter(
        header(message, "Subject"),
        header(message, "From"),
        ", ".join(filter(None, (header(message, "To"), header(message, "Cc")))),
        sent(message),
        "\n\n".join(filter(str.strip, (body, *told))),
        tuple(_attached(others, message)),
        " ".join(filter(None, (missing, unread))),
    )


def _first_parts(data: bytes) -> tuple[bytes, str]:
    """The message with so many of its parts as are read, and a sentence on the others."""
    boundaries = {match[1].rstrip() for match in _BOUNDARY.finditer(data)}
    starts = [match.start() for match in _HYPHENS.finditer(data) if match[1].rstrip() in boundaries]
    if len(starts) <= _MOST_PARTS:
        return data, ""
    return data[: starts[_MOST_PARTS]], f"{len(starts) - _MOST_PARTS:,} of its {len(starts):,} parts were not read."


def written(letter: Letter, name: str, media_type: str = MEDIA_TYPE) -> Content:
    """A letter as a document. Its date stands in front matter, where dates of documents are looked for."""
    title = first_good(letter.subject) or name_title(name)
    named = {
        "From": letter.sender,
        "To": letter.receivers,
        "Date": letter.sent.strftime("%Y-%m-%d %H:%M %z").strip() if letter.sent else "",
        "Subject": letter.subject,
    }
    headers = "\n".join(f"{key}: {value}" for key, value in named.items() if value)
    parts = [f"# {title}", headers, under(letter.body, 1)]
    text = tidy("\n\n".join(part for part in parts if part.strip()))
    matter = f"---\ndate: {letter.sent.date().isoformat()}\n---\n\n" if letter.sent else ""
    more = len(letter.attached) - MOST_ATTACHMENTS
    missing = f"{letter.missing} {f'{more} of its attachments were not read.' if more > 0 else ''}".strip()
    attached = letter.attached[:MOST_ATTACHMENTS]
    return Content(f"{matter}{text}", title, TextFormat.MARKDOWN, media_type, missing=missing, attached=attached)


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


def header(message: MIMEPart, name: str) -> str:
    """A header on one line; empty where there is none, or a broken one."""
    try:
        return one_line(str(message.get(name, "")))
    except (ValueError, IndexError, AttributeError, TypeError):  # the parser of addresses trips over hostile ones
        return ""


def sent(message: EmailMessage) -> datetime | None:
    """When the message was sent, if it says so."""
    try:
        found = message["Date"].datetime if message["Date"] else None
    except (ValueError, IndexError, AttributeError, TypeError, OverflowError):
        return None
    return found if isinstance(found, datetime) else None


def _body(part: MIMEPart | None) -> tuple[str, str]:
    """The body's text, and what of it is missing."""
    if part is None:
        return "", ""
    data, doubt = _payload(part), ""
    text = decode_as(data, part.get_content_charset() or "utf-8")
    if text is None:
        decoded = decode(data, declared=True)
        text, doubt = decoded.text, decoded.doubt
    return page_text(text.encode()) if part.get_content_type() == "text/html" else (canonical(text), doubt)


def page_text(page: bytes) -> tuple[str, str]:
    """The text of a body in HTML, and what of it is missing. A body that is not read is no reason to lose the rest."""
    try:
        content = WebPageReader().read(RawFile("body.html", page))
    except (ConversionError, *DAMAGE) as error:
        return "", f"Its body was not read: {str(error)[:300]}"
    return content.text, content.missing


def _text(part: MIMEPart) -> str:
    """What a part says that is no file: a text, or the fields of a report."""
    if part.get_content_maintype() != "message":
        return _body(part)[0]
    reports = part.get_payload()
    fields = [_fields(report) for report in reports if isinstance(report, Message)] if isinstance(reports, list) else []
    return canonical("\n\n".join(filter(None, fields)))


def _fields(report: Message) -> str:
    try:
        return report.as_string().strip()
    except (*DAMAGE, AttributeError, TypeError):  # as in header()
        return ""


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


def _is_told(part: MIMEPart, message: EmailMessage) -> bool:
    report = part.get_content_maintype() == "message" and part.get_content_type() != MEDIA_TYPE
    return part is not message and (report or _inline_text(part))


def _attached(parts: list[MIMEPart], message: EmailMessage) -> Iterator[RawFile]:
    """Each part that is a file. Pictures of a page, and those without a name, are how a message looks."""
    shown = _shown_ids(message)
    for number, part in enumerate(parts, 1):
        kind = part.get_content_type()
        name = name_line(part.get_filename() or "")
        if kind == MEDIA_TYPE:
            name = name or _subject(part) or f"message {number}"
            yield RawFile(name if name.endswith(".eml") else f"{name}.eml", _inner(part))
        elif _is_told(part, message):
            continue
        elif (
            part is message
            or part.is_attachment()
            or not kind.startswith("image/")
            or (name and _content_id(part) not in shown)
        ):
            data = _payload(part)
            yield RawFile(name or f"part {number}{suffix_by_content(data) or ''}", data)


def _shown_ids(message: EmailMessage) -> set[str]:
    """The Content-IDs of what the message's pages show."""
    pages = (_payload(part) for part in message.walk() if part.get_content_type() == "text/html")
    return {unquote(found.decode("ascii", "replace")) for page in pages for found in _SHOWN.findall(page)}


def _content_id(part: MIMEPart) -> str:
    return header(part, "Content-ID").strip("<> ")


def _subject(part: MIMEPart) -> str:
    messages = part.get_payload()
    first = messages[0] if isinstance(messages, list) and messages else None
    return header(first, "Subject") if isinstance(first, EmailMessage) else ""


def _inner(part: MIMEPart) -> bytes:
    try:
        inner = part.get_payload(0)
        return inner.as_bytes() if isinstance(inner, EmailMessage) else b""
    except (*DAMAGE, AttributeError, TypeError):  # as in header()
        return b""


def _payload(part: Message | MIMEPart) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""
