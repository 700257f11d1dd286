"""Mailboxes (.mbox): one message after another."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.errors import ConversionError, FailureKind
from core.types import TextFormat
from ingestion.converters.content import DAMAGE, Content, RawFile
from ingestion.converters.mail.message import ReadPart, parsed, section
from ingestion.converters.titles import first_good, name_title

_MESSAGE = re.compile(rb"^From [^\r\n]*\r?\n", re.MULTILINE)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)

# One document is as long as this many messages; a larger mailbox is better exported message by message.
_MOST_MESSAGES = 2_000


@dataclass(frozen=True, slots=True)
class MboxReader:
    """Each message under a heading with its subject."""

    read_part: ReadPart

    def read(self, file: RawFile) -> Content:
        starts = list(_MESSAGE.finditer(file.data))
        if not starts or file.data[: starts[0].start()].strip():
            raise ConversionError(FailureKind.MISMATCH, "The file is named as a mailbox but does not begin as one.")
        ends = [*(match.start() for match in starts[1:]), len(file.data)]
        parts, missing = [], []
        for match, end in list(zip(starts, ends, strict=True))[:_MOST_MESSAGES]:
            data = _QUOTED_FROM.sub(rb"\1", file.data[match.end() : end])
            try:
                letter = parsed(data, self.read_part)
            except ConversionError as error:
                missing.append(f"A message was not read: {error.message}")
                continue
            except DAMAGE as error:
                missing.append(f"A message was not read: {error}.")
                continue
            text, lost = section(letter, first_good(letter.subject) or "Without a subject", self.read_part)
            parts.append(text)
            missing.append(lost)
        if len(starts) > _MOST_MESSAGES:
            missing.append(f"{len(starts) - _MOST_MESSAGES} of its {len(starts)} messages were not read.")
        text = "\n\n".join(parts)
        told = " ".join(dict.fromkeys(filter(None, missing)))
        return Content(text, name_title(file.name), TextFormat.MARKDOWN, "application/mbox", missing=told)
