"""Mailboxes (.mbox): one message after another."""

from __future__ import annotations

import email.policy
import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesHeaderParser

from core.errors import ConversionError, FailureKind
from core.types import TextFormat
from ingestion.converters.content import Content, RawFile
from ingestion.converters.mail.message import header, sent
from ingestion.converters.titles import name_title

MEDIA_TYPE = "application/mbox"

# An envelope line: who and when, behind an empty line or none, and before a header. A mail may have lines that only
# begin like one.
_MESSAGE = re.compile(
    rb"(?<![^\r\n]\n)(?<![^\r\n]\r\n)^From [^\r\n]{1,300}?\d[ \tT]+\d\d?:\d\d(?::\d\d)?"
    rb"(?:[ \t]+(?:[+-]?\d{4}|[A-Z]{1,5}))*[ \t]*\r?\n(?=[!-9;-~]+:|>From )",
    re.MULTILINE,
)
# What mail programs write into a message that is read, answered or filed: it is the same message.
_FLAGS = re.compile(
    rb"^(?:(?:X-)?Status|X-Mozilla-(?:Status2?|Keys)|X-Keywords|X-Gmail-Labels|X-UID):[^\n]*\n(?:[ \t][^\n]*\n)*",
    re.MULTILINE | re.IGNORECASE,
)
_HEADERS_END = re.compile(rb"^\r?\n", re.MULTILINE)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)

# Of one file, so many documents are made; a larger mailbox is better exported in parts.
_MOST_MESSAGES = 2_000


@dataclass(frozen=True, slots=True)
class MboxReader:
    """How many messages there are, and from when; each is attached, named by its date and subject."""

    def read(self, file: RawFile) -> Content:
        starts = list(_MESSAGE.finditer(file.data))
        if not starts or file.data[: starts[0].start()].strip():
            raise ConversionError(FailureKind.MISMATCH, "The file is named as a mailbox but does not begin as one.")
        ends = [*(match.start() for match in starts[1:]), len(file.data)]
        spans = list(zip(starts, ends, strict=True))[:_MOST_MESSAGES]
        messages = [_message(file.data[match.end() : end]) for match, end in spans]
        days, named = [], []
        for data in messages:
            day, name = _name(data)
            days += [day] if day else []
            named.append(RawFile(name, data))
        title = name_title(file.name)
        missing = f"{len(starts) - len(spans)} of its {len(starts)} messages were not read."
        return Content(
            f"# {title}\n\nA mailbox of {len(starts)} message{'s' * (len(starts) > 1)}{_period(days)}.",
            title,
            TextFormat.MARKDOWN,
            MEDIA_TYPE,
            missing=missing if len(starts) > len(spans) else "",
            attached=tuple(named),
        )


def _message(data: bytes) -> bytes:
    """The same bytes for the same message, wherever it stands and whoever read it."""
    body = end.start() if (end := _HEADERS_END.search(data)) else len(data)
    return _FLAGS.sub(b"", data[:body]) + _QUOTED_FROM.sub(rb"\1", data[body:]).rstrip(b"\r\n") + b"\n"


def _name(data: bytes) -> tuple[str, str]:
    """The day on which a message was sent, empty where it does not say, and its name."""
    message = BytesHeaderParser(policy=email.policy.default).parsebytes(data)
    if not isinstance(message, EmailMessage):
        return "", "Without a subject.eml"
    when = sent(message)
    day = when.date().isoformat() if when else ""
    return day, f"{day} {header(message, 'Subject') or 'Without a subject'}.eml".strip()


def _period(days: list[str]) -> str:
    return f", sent between {min(days)} and {max(days)}" if days else ""
