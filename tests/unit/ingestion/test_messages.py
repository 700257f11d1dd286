"""What is read of messages and mailboxes, and what of them is named."""

from __future__ import annotations

import contextlib
import io
import zipfile
from email.message import EmailMessage

import pytest

from core.errors import ConversionError
from core.ports import LocalFile
from core.types import SourceItem
from ingestion.converters.registry import FileConverter
from ingestion.facts import facts_of
from ingestion.splitting.blocks import blocks
from tests.support.conversion import Convert
from tests.support.needs import shared
from tests.support.written_pdf import written_pdf


def message(subject: str = "Keys", body: str = "The keys are at the desk.\n") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ann <ann@example.org>", "bob@example.org", subject
    mail["Date"] = "Fri, 06 Mar 2026 09:30:00 +0100"
    mail.set_content(body)
    return mail


def test_a_message_begins_with_who_wrote_to_whom_and_when(convert: Convert) -> None:
    document = convert("a.eml", message().as_bytes())

    assert document.title == "Keys"
    assert document.text.split("---\n\n")[1] == (
        "# Keys\n\nFrom: Ann <ann@example.org>\nTo: bob@example.org\nDate: 2026-03-06 09:30 +0100\nSubject: Keys\n\n"
        "The keys are at the desk."
    )
    assert str(facts_of(document).date) == "2026-03-06"
    assert document.missing == ""


def test_a_body_in_html_is_read_as_a_page(convert: Convert) -> None:
    mail = message()
    mail.set_content("<html><body><h2>Rooms</h2><p>Room 7 is closed.</p></body></html>", subtype="html")

    assert "## Rooms\n\nRoom 7 is closed." in convert("a.eml", mail.as_bytes()).text.replace("### ", "## ")


def test_what_is_attached_stands_under_its_name_with_its_headings_below(convert: Convert) -> None:
    mail = message()
    mail.add_attachment(b"# Plan\n\nWe paint the hall.\n\n```\n# code\n```\n", "text", "markdown", filename="plan.md")
    mail.add_attachment(written_pdf([["The price is 40 euros."]]), "application", "pdf", filename="offer.pdf")
    document = convert("a.eml", mail.as_bytes())
    paths = {block.path for block in blocks(document.text, document.format)}

    assert ("Keys", "Attachment: plan.md", "Plan") in paths
    assert ("Keys", "Attachment: offer.pdf") in paths
    assert "The price is 40 euros." in document.text
    assert "\n# code\n" in document.text
    assert document.missing == ""


def test_an_attachment_that_cannot_be_read_is_named_and_the_message_is_read(convert: Convert) -> None:
    mail = message()
    mail.add_attachment(b"\x89PNG\r\n\x1a\n" + bytes(50), "image", "png", filename="map.png")
    document = convert("a.eml", mail.as_bytes())

    assert "The keys are at the desk." in document.text
    assert document.missing == "Attachment map.png was not read: Files named .png are not supported."


def test_a_message_in_a_message_is_read_and_too_many_around_one_another_are_named(convert: Convert) -> None:
    mail = message("Number 0", "Text 0.")
    for number in range(1, 8):
        outer = message(f"Number {number}", f"Text {number}.")
        outer.add_attachment(mail)
        mail = outer
    document = convert("a.eml", mail.as_bytes())

    assert all(f"Text {number}." in document.text for number in (7, 6, 5, 4))
    assert "Text 3." not in document.text
    assert "It is a message in more than 3 others." in document.missing


def test_of_very_many_attachments_the_rest_is_named(convert: Convert) -> None:
    mail = message()
    for number in range(60):
        mail.add_attachment(f"File {number}.".encode(), "text", "plain", filename=f"{number}.txt")
    document = convert("a.eml", mail.as_bytes())

    assert "File 49." in document.text
    assert "10 of its attachments were not read." in document.missing


@pytest.mark.parametrize("boundary", ['boundary="Q/1"', "boundary=Q/1", "boundary*=us-ascii'en'Q/1"])
def test_of_a_message_of_very_many_parts_the_first_are_read_and_the_rest_is_counted(
    convert: Convert, boundary: str
) -> None:
    part = b"--Q/1 \r\nContent-Type: text/plain\r\n\r\nA part.\r\n"
    head = f"From: a@b.c\r\nContent-Type: multipart/mixed; {boundary}\r\n\r\n".encode()
    document = convert("a.eml", head + part * 200_000 + b"--Q/1--\r\n")

    assert "A part." in document.text
    assert "199,000 of its 200,000 parts were not read." in document.missing


@pytest.mark.parametrize(
    "headers",
    [
        b"Subject: =?utf-8?b?not base64?=\nFrom: a\n",
        b"Subject: x\nDate: tomorrow\n",
        b"From: <<<>>>,,;\nTo: \xff\xfe\nDate: Fri, 99 Mar 99999 99:99:99 +9999\n",
        b"Subject: x\nContent-Type: text/plain; charset=klingon\n",
        b"Subject: x\nContent-Type: multipart/mixed; boundary=\n",
    ],
)
def test_a_message_with_broken_headers_is_read_all_the_same(convert: Convert, headers: bytes) -> None:
    assert "The keys." in convert("a.eml", headers + b"\nThe keys.\n").text


def test_an_attached_message_of_nothing_is_named(convert: Convert) -> None:
    data = b"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n--b--\n"
    assert "no headers" in convert("a.eml", data).missing


@pytest.mark.parametrize(
    ("kind", "name"), [("application/pkcs7-mime", "smime.p7m"), ("application/octet-stream", "x.bin")]
)
def test_a_message_that_is_a_file_of_a_kind_that_is_not_read_has_no_body_and_names_it(
    convert: Convert, kind: str, name: str
) -> None:
    mail = message()
    mail.set_content(bytes(range(256)), *kind.split("/"), filename=name)
    document = convert("a.eml", mail.as_bytes())

    assert "AAECAw" not in document.text
    assert f"Attachment {name} was not read" in document.missing


def test_a_message_that_is_a_pdf_is_read_as_one(convert: Convert) -> None:
    mail = message()
    mail.set_content(written_pdf([["The fax says 40 euros."]]), "application", "pdf")
    document = convert("a.eml", mail.as_bytes())

    assert "The fax says 40 euros." in document.text
    assert "JVBERi" not in document.text


def test_a_message_that_is_one_text_of_another_kind_is_decoded(convert: Convert) -> None:
    mail = message()
    mail.set_content("Room größer 7", subtype="calendar", cte="base64")

    assert "Room größer 7" in convert("a.eml", mail.as_bytes()).text


def test_what_is_in_parts_of_parts_of_a_message_is_read(convert: Convert) -> None:
    first, second = message(), message("", "The second text.\n")
    second.add_attachment(b"The plan.", "text", "plain", filename="plan.txt")
    first.make_mixed()
    first.attach(second)
    first.attach(message("", "The footer.\n"))
    text = convert("a.eml", first.as_bytes()).text

    assert [text.count(said) for said in ("The keys", "The second text.", "The plan.", "The footer.")] == [1, 1, 1, 1]


def test_of_two_forms_of_a_text_one_is_read_and_what_is_attached_to_the_other(convert: Convert) -> None:
    mail = message()
    mail.add_alternative("<html><body><p>The keys in colour.</p></body></html>", subtype="html")
    page = list(mail.iter_parts())[1]
    assert isinstance(page, EmailMessage)
    page.add_attachment(b"The plan.", "text", "plain", filename="plan.txt")
    document = convert("a.eml", mail.as_bytes())

    assert "The keys are at the desk." in document.text
    assert "in colour" not in document.text
    assert "## Attachment: plan.txt\n\nThe plan." in document.text
    assert document.missing == ""


def test_parts_too_deep_in_parts_are_named(convert: Convert) -> None:
    mail = message("", "The deepest text.\n")
    for _ in range(40):
        outer = message()
        outer.make_mixed()
        outer.attach(mail)
        mail = outer
    document = convert("a.eml", mail.as_bytes())

    assert "The keys" in document.text
    assert "The deepest text." not in document.text
    assert "was not read: It has no data of its own." in document.missing


def test_an_attachment_without_data_is_named(convert: Convert) -> None:
    mail = message()
    mail.add_attachment(b"", "text", "plain", filename="notes.txt")

    missing = convert("a.eml", mail.as_bytes()).missing
    assert missing == "Attachment notes.txt was not read: It has no data of its own."


def test_a_message_attached_to_an_outlook_message_is_named(convert: Convert, monkeypatch: pytest.MonkeyPatch) -> None:
    streams = {
        ("__substg1.0_0037001F",): "Keys".encode("utf-16-le"),
        ("__substg1.0_1000001F",): "The keys.".encode("utf-16-le"),
        ("__attach_version1.0_#00000000", "__substg1.0_3701000D", "__substg1.0_1000001F"): b"T\x00",
    }

    class Storage:
        def listdir(self) -> list[list[str]]:
            return [list(path) for path in streams]

        def exists(self, path: list[str]) -> bool:
            return tuple(path) in streams

        def openstream(self, path: list[str]) -> io.BytesIO:
            return io.BytesIO(streams[tuple(path)])

    monkeypatch.setattr("olefile.OleFileIO", lambda _: contextlib.nullcontext(Storage()))
    document = convert("a.msg", b"any")

    assert "The keys." in document.text
    assert document.missing == "Attachment without a name was not read: It has no data of its own."


def test_the_limit_on_messages_in_messages_holds_whatever_they_are_named(convert: Convert) -> None:
    mail = message("Number 0", "Text 0.")
    for number in range(1, 8):
        outer = message(f"Number {number}", f"Text {number}.")
        box = b"From a@example.org Fri Mar  6 09:30:00 2026\n" + mail.as_bytes()
        outer.add_attachment(box, "application", "octet-stream", filename="x.txt")
        mail = outer
    document = convert("a.eml", mail.as_bytes())

    assert all(f"Text {number}." in document.text for number in (7, 6, 5, 4))
    assert "Text 3." not in document.text
    assert "It is a message in more than 3 others." in document.missing


@pytest.mark.parametrize(
    "error", [zipfile.BadZipFile("bad"), RecursionError("too deep"), UnicodeError("no"), KeyError("x"), EOFError()]
)
def test_an_attachment_that_its_reader_trips_over_is_named_and_the_message_is_read(
    convert: Convert, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def trip(self: object, file: object) -> None:
        raise error

    monkeypatch.setattr("ingestion.converters.texts.separated_values.SeparatedValuesReader.read", trip)
    mail = message()
    mail.add_attachment(b"a,b", "text", "csv", filename="list.csv")
    document = convert("a.eml", mail.as_bytes())

    assert "The keys are at the desk." in document.text
    assert document.missing.startswith("Attachment list.csv was not read: The file is damaged: ")


@pytest.mark.parametrize("charset", ["idna", "punycode", "undefined", "unicode_escape", "raw-unicode-escape", "rot13"])
def test_a_message_in_what_is_no_encoding_of_texts_is_read_all_the_same(convert: Convert, charset: str) -> None:
    data = f"Subject: x\nContent-Type: text/plain; charset={charset}\n\nThe keys..{'x' * 70} \\u0041 C:\\new.\n"

    assert f"The keys..{'x' * 70} \\u0041 C:\\new." in convert("a.eml", data.encode()).text


def test_what_is_no_message_is_refused(convert: Convert) -> None:
    with pytest.raises(ConversionError, match="no headers"):
        convert("a.eml", b"just words")


@pytest.mark.parametrize("name", ["a.mbox", "Inbox"])
def test_each_message_of_a_mailbox_is_a_section(convert: Convert, name: str) -> None:
    data = b"".join(
        b"From ann@example.org Fri Mar  6 09:30:00 2026\n" + message(subject, f"{subject} text.\n>From here on.\n").as_bytes() + b"\n"
        for subject in ("First", "Second")
    )  # fmt: skip
    document = convert(name, data)

    assert {block.path for block in blocks(document.text, document.format)} == {("First",), ("Second",)}
    assert "Second text.\nFrom here on." in document.text


def test_an_outlook_message_is_read_with_its_text_attachment() -> None:
    path = shared("messy-files", "docling", "tests", "data", "email", "sources", "msg_with_attachment.msg")
    document = FileConverter(10**7).convert(LocalFile(path, path.name), SourceItem("docs/x", "docs", "1", 1))

    assert document.title == "Email with Attachment"
    assert "To: Bob Example <bob@example.com>" in document.text
    assert "## Attachment: test.txt\n\nThis is a test attachment file." in document.text
    assert "Attachment report.pdf was not read" in document.missing  # it is damaged
    assert str(facts_of(document).date) == "2026-05-20"
