"""Messages and mailboxes: parts in parts, headers without end, attachments that inflate."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping

from tests.support.bombs.archives import archive
from tests.support.bombs.office import compound

_HEAD = b"From: a@example.org\r\nTo: b@example.org\r\nSubject: Parts\r\nMIME-Version: 1.0\r\n"
_TEXT = b"Content-Type: text/plain\r\n\r\nOne more part.\r\n"


def _parts(body: bytes) -> bytes:
    return _HEAD + b'Content-Type: multipart/mixed; boundary="Q"\r\n\r\n' + body + b"--Q--\r\n"


def _nested(depth: int) -> bytes:
    opened = (b'Content-Type: multipart/mixed; boundary="Q%d"\r\n\r\n--Q%d\r\n' % (n, n) for n in range(depth))
    return _HEAD + b"".join(opened) + _TEXT


def _messages(depth: int) -> bytes:
    return _HEAD + (b"Content-Type: message/rfc822\r\n\r\n" + _HEAD) * depth + _TEXT


def _attached(name: bytes, data: bytes) -> bytes:
    head = b'Content-Type: application/octet-stream; name="%s"\r\nContent-Transfer-Encoding: base64\r\n' % name
    head += b'Content-Disposition: attachment; filename="%s"\r\n\r\n' % name
    return b"--Q\r\n" + head + base64.encodebytes(data)


def _inflating() -> bytes:
    return _parts(_attached(b"a.docx", archive({"word/document.xml": bytes(200_000_000)})) * 50)


FILES: Mapping[str, Callable[[], bytes]] = {
    "parts.eml": lambda: _parts((b"--Q\r\n" + _TEXT) * 200_000),
    "nested_parts.eml": lambda: _nested(100_000),
    "messages_in_messages.eml": lambda: _messages(10_000),
    "base64.eml": lambda: _parts(_attached(b"a.txt", bytes(60_000_000))),
    "base64_text.eml": lambda: _parts(_attached(b"a.txt", b"word " * 12_000_000)),
    "inflating_attachments.eml": _inflating,
    "addresses.eml": lambda: _HEAD + b"Cc: " + b", ".join([b"x@example.org"] * 300_000) + b"\r\n\r\nHello\r\n",
    "headers.eml": lambda: _HEAD + b"X-A: b\r\n" * 2_000_000 + b"\r\nHello\r\n",
    "encoded_subject.eml": lambda: b"From: a@b.c\r\nSubject: " + b"=?utf-8?q?a?= " * 200_000 + b"\r\n\r\nHello\r\n",
    "brackets_from.eml": lambda: b"From: " + b"(" * 500_000 + b"\r\nSubject: a\r\n\r\nHello\r\n",
    "boundaries.eml": lambda: _HEAD + b"Content-Type: multipart/mixed; boundary=Q\r\n\r\n" + b"--R\r\n" * 5_000_000,
    "messages.mbox": lambda: (b"From a@b.c Mon Jan  1 00:00:00 2026\r\n" + _HEAD + b"\r\nHello\r\n\r\n") * 200_000,
    "parts.mbox": lambda: (b"From a Mon Jan  1 00:00:00 2026\r\n" + _parts((b"--Q\r\n" + _TEXT) * 100) + b"\r\n") * 2_000,
    "cycle.msg": lambda: compound("__properties_version1.0", bytes(8192), cycle=True),
}  # fmt: skip
