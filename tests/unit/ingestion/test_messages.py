"""What is read of messages and mailboxes, and what of them is named."""

from __future__ import annotations

import contextlib
import io
import struct
import time
from email.message import EmailMessage

import pytest

from core.errors import ConversionError
from core.text.document_uri import parent_uri
from core.text.personal_data import PersonalDataPolicy
from core.types import Document, SourceItem
from ingestion.converters.content import RawFile
from ingestion.converters.mail.attached import Opened
from ingestion.converters.registry import FileConverter
from ingestion.facts import facts_of
from tests.support.bombs.office import compound
from tests.support.conversion import Convert, Open
from tests.support.needs import shared
from tests.support.written_pdf import written_pdf

ENVELOPE = b"From ann@example.org Fri Mar  6 09:30:00 2026\n"


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


def attached(opened: Opened) -> dict[str, bytes]:
    return {one.item.uri: one.file.data for one in opened.attached}


def test_what_came_with_a_message_has_a_uri_of_its_own_and_the_labels_and_the_date_of_the_message(
    open_file: Open,
) -> None:
    mail = message()
    mail.add_attachment(b"# Plan\n\nWe paint the hall.", "text", "markdown", filename="plan.md")
    mail.add_attachment(b"a,b\n1,2\n", "text", "csv", filename="lists/prices.csv")
    mail.add_attachment(b"a,b\n3,4\n", "text", "csv", filename="lists/prices.csv")
    opened = open_file("a.eml", mail.as_bytes())

    assert attached(opened) == {
        "docs/a.eml//plan.md": b"# Plan\n\nWe paint the hall.",
        "docs/a.eml//lists_prices (492d5ea4).csv": b"a,b\n1,2\n",
        "docs/a.eml//lists_prices (57f6579a).csv": b"a,b\n3,4\n",
    }
    assert {(one.item.source, one.item.access, str(one.item.date)) for one in opened.attached} == {
        ("docs", ("hr",), "2026-03-06")
    }
    assert "We paint" not in opened.document.text
    assert opened.document.missing == ""


def test_a_table_that_came_with_a_message_is_dated_as_the_message(open_file: Open) -> None:
    mail = message()
    mail.add_attachment(b"a,b\n1,2\n", "text", "csv", filename="prices.csv")
    (one,) = open_file("a.eml", mail.as_bytes()).attached
    document = FileConverter(10**6).opened(one.file, one.item).document

    assert str(facts_of(document).date) == "2026-03-06"
    assert document.access == ("hr",)
    assert document.title == "prices"


MASKING = FileConverter(10**6, PersonalDataPolicy.MASK)


def masked_names(data: bytes, name: str = "a.eml") -> list[str]:
    opened = MASKING.opened(RawFile(name, data), SourceItem(f"docs/{name}", "docs", "1", 1))
    return [one.item.uri.removeprefix(f"docs/{name}//") for one in opened.attached]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("ann@example.org.csv", "[email].csv"),
        ("for ann@example.org.CSV", "for [email].csv"),
        ("ann@example.org.md", "[email].md"),
        ("ann@example.md", "[email].md"),
        ("ann@example.org", "[email].org"),
        ("ann@example.com", None),
        ("prices.csv", "prices.csv"),
        ("a" * 90 + " for " + "ann.of.the.long.name@example.org.csv", "a" * 90 + " for [email].csv"),
        ("a" * 104 + " ann@example.org.csv", "a" * 104 + " [email].csv"),
    ],
)
def test_a_name_out_of_a_message_is_masked_as_the_message_is_and_the_file_read_as_what_it_is(
    name: str, shown: str | None
) -> None:
    mail = message()
    mail.add_attachment(b"a,b\n1,2\n", "text", "csv", filename=name)

    assert masked_names(mail.as_bytes()) == ([shown] if shown else [])


def test_a_file_with_a_very_long_name_is_read_as_what_it_is(open_file: Open) -> None:
    mail = message()
    mail.add_attachment(message().as_bytes(), "application", "octet-stream", filename="a" * 300 + ".eml")
    box = ENVELOPE + message("long " * 60).as_bytes()
    found = [*open_file("a.eml", mail.as_bytes()).attached, *open_file("a.mbox", box).attached]

    assert [one.file.suffix for one in found] == [".eml", ".eml"]
    assert max(len(one.file.name) for one in found) <= 131


def test_a_message_whose_subject_ends_in_an_address_is_read_as_one_and_its_base64_masked() -> None:
    mail = message("Contact ann@example.org", "Größe: ask ben@example.org.\n")
    mail.replace_header("Content-Transfer-Encoding", "base64")
    mail.set_content("Größe: ask ben@example.org.\n", cte="base64")
    box = RawFile("a.mbox", b"From a@b.c Fri Mar  6 09:30:00 2026\n" + mail.as_bytes())
    (one,) = MASKING.opened(box, SourceItem("docs/a.mbox", "docs", "1", 1)).attached
    document = MASKING.opened(one.file, one.item).document

    assert "example.org" not in one.item.uri
    assert document.media_type == "message/rfc822"
    assert "Größe: ask [email]." in document.text


def test_the_name_of_a_message_in_a_mailbox_does_not_depend_on_the_others_nor_on_who_has_read_it(
    open_file: Open,
) -> None:
    def box(*letters: EmailMessage, end: bytes = b"\n") -> bytes:
        return (b"\n" + end).join(ENVELOPE + one.as_bytes().rstrip() for one in letters) + end

    def names(data: bytes) -> dict[str, str]:
        return {one.item.etag: one.file.name for one in open_file("a.mbox", data).attached}

    first, second, third = (message("Offer", f"Text {number}.\n") for number in range(3))
    alone = names(box(second))
    read = message("Offer", "Text 1.\n")
    read["X-Mozilla-Status"], read["Status"] = "0001", "RO"

    assert alone.items() <= names(box(first, second, third)).items()
    assert alone.items() <= names(box(third, first, read)).items()
    assert alone == names(box(read, end=b""))
    assert len(set(names(box(first, second, third)).values())) == 3


def test_the_same_message_twice_in_a_mailbox_is_read_twice(open_file: Open) -> None:
    one, other = open_file("a.mbox", (ENVELOPE + message().as_bytes() + b"\n") * 2).attached

    assert other.file.name == one.file.name.replace(").eml", ") (2).eml")
    assert set(one.names) == set(other.names)


def test_two_thousand_messages_of_one_day_and_subject_are_named_in_no_time(open_file: Open) -> None:
    begun = time.process_time()
    opened = open_file("a.mbox", (ENVELOPE + b"Subject: x\n\nText.\n\n") * 2000)

    assert len({one.item.uri for one in opened.attached}) == 2000
    assert time.process_time() - begun < 6


def test_a_line_of_a_mail_that_begins_as_an_envelope_does_stays_in_it(open_file: Open) -> None:
    lines = (
        "From Monday on the office opens at 09:30.\nNote: bring keys.\n\nFrom Tuesday on at 10:00\nthe hall.\n\n"
        "From 6 March 2026 we are closed.\nAnd this:\nFrom ann@example.org Fri Mar  6 09:30:00 2026\nX: y\n"
    )
    mail = message("First", "x")
    mail.set_payload(lines)
    box = ENVELOPE + mail.as_bytes() + b"\n" + ENVELOPE + message("Second").as_bytes()
    first, second = open_file("a.mbox", box).attached

    assert second.file.name.startswith("2026-03-06 Second")
    assert FileConverter(10**6).opened(first.file, first.item).document.text.endswith(lines.strip())


@pytest.mark.parametrize(
    "envelope",
    [
        "From - Fri Mar 06 09:30:00 2026",
        "From ann at example.org  Fri Mar  6 09:30:00 2026",
        "From 1512345678@xxx Fri Mar 06 09:30:00 +0000 2026",
        "From MAILER-DAEMON Fri Mar  6 09:30 CET 2026",
        "From ann@example.org Fri, 06 Mar 2026 09:30:00 +0100",
        "From ann@example.org 2026-03-06T09:30:00",
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_envelopes_of_many_programs_are_known(open_file: Open, envelope: str, end: str) -> None:
    data = f"{envelope}\nSubject: x\n\nText.\n\n".replace("\n", end).encode() * 2

    assert len(open_file("a.mbox", data).attached) == 2


@pytest.mark.parametrize("name", ["", "/", "..", "a" * 300 + ".csv", "a\tb//c.csv"])
def test_no_name_of_an_attachment_looks_like_one_in_another(open_file: Open, name: str) -> None:
    mail = message()
    mail.add_attachment(b"a,b\n1,2\n", "text", "csv", filename=name)
    (one,) = open_file("a.eml", mail.as_bytes()).attached

    assert parent_uri(one.item.uri) == "docs/a.eml"
    own = one.item.uri.removeprefix("docs/a.eml//")
    assert own.strip(". ")
    assert "/" not in own
    assert own.isprintable()
    assert len(own) <= 121


def test_an_attachment_that_cannot_be_read_is_named_and_the_message_is_read(convert: Convert) -> None:
    mail = message()
    mail.add_attachment(b"\x89PNG\r\n\x1a\n" + bytes(50), "image", "png", filename="map.png")
    document = convert("a.eml", mail.as_bytes())

    assert "The keys are at the desk." in document.text
    assert document.missing == "Attachment map.png was not read: Files named .png are not supported."


def opened_through(open_file: Open, name: str, data: bytes) -> list[Document]:
    """A message, and what is in it, and what is in that."""
    documents, waiting = [], [open_file(name, data)]
    while waiting:
        opened = waiting.pop(0)
        documents.append(opened.document)
        waiting += [FileConverter(10**7).opened(one.file, one.item) for one in opened.attached]
    return documents


def test_a_message_in_a_message_is_read_and_too_many_around_one_another_are_named(open_file: Open) -> None:
    mail = message("Number 0", "Text 0.")
    for number in range(1, 8):
        outer = message(f"Number {number}", f"Text {number}.")
        outer.add_attachment(mail)
        mail = outer
    documents = opened_through(open_file, "a.eml", mail.as_bytes())

    assert [one.title for one in documents] == ["Number 7", "Number 6", "Number 5", "Number 4"]
    assert documents[-1].uri == "docs/a.eml//Number 6.eml//Number 5.eml//Number 4.eml"
    assert "It is a message in more than 3 others." in documents[-1].missing


def test_of_very_many_attachments_the_rest_is_named(open_file: Open) -> None:
    mail = message()
    for number in range(60):
        mail.add_attachment(f"File {number}.".encode(), "text", "plain", filename=f"{number}.txt")
    opened = open_file("a.eml", mail.as_bytes())

    assert len(opened.attached) == 50
    assert "10 of its attachments were not read." in opened.document.missing


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


def test_a_picture_in_a_message_is_named_unless_it_has_no_name_or_a_page_shows_it(convert: Convert) -> None:
    mail = message()
    mail.add_alternative('<p>The keys.</p><img src="cid:logo%40x"><p style="background:url(cid:back)">', subtype="html")
    page = list(mail.iter_parts())[1]
    assert isinstance(page, EmailMessage)
    for name, content_id in (
        ("logo.png", "<logo@x>"),
        ("back.png", "<back>"),
        ("map.png", "<map>"),
        ("plan.png", None),
    ):
        page.add_related(b"\x89PNG\r\n\x1a\n", "image", "png", filename=name, cid=content_id, disposition="inline")
    page.add_related(b"\x89PNG\r\n\x1a\n", "image", "png", disposition="inline")

    assert convert("a.eml", mail.as_bytes()).missing == (
        "Attachment map.png was not read: Files named .png are not supported. "
        "Attachment plan.png was not read: Files named .png are not supported."
    )


def test_an_attached_message_of_nothing_is_named(open_file: Open) -> None:
    data = b"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n--b--\n"
    (one,) = open_file("a.eml", data).attached

    with pytest.raises(ConversionError, match="no headers"):
        FileConverter(10**6).opened(one.file, one.item)


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


def test_a_message_that_is_a_pdf_is_read_as_one(open_file: Open) -> None:
    mail = message()
    mail.set_content(written_pdf([["The fax says 40 euros."]]), "application", "pdf")
    first, second = opened_through(open_file, "a.eml", mail.as_bytes())

    assert "JVBERi" not in first.text
    assert second.uri == "docs/a.eml//part 1.pdf"
    assert "The fax says 40 euros." in second.text


def test_a_message_that_is_one_text_of_another_kind_is_decoded(convert: Convert) -> None:
    mail = message()
    mail.set_content("Room größer 7", subtype="calendar", cte="base64")

    assert "Room größer 7" in convert("a.eml", mail.as_bytes()).text


def test_what_is_in_parts_of_parts_of_a_message_is_read(open_file: Open) -> None:
    first, second = message(), message("", "The second text.\n")
    second.add_attachment(b"The plan.", "text", "plain", filename="plan.txt")
    first.make_mixed()
    first.attach(second)
    first.attach(message("", "The footer.\n"))
    opened = open_file("a.eml", first.as_bytes())

    said = ("The keys", "The second text.", "The footer.")
    assert [opened.document.text.count(text) for text in said] == [1, 1, 1]
    assert attached(opened) == {"docs/a.eml//plan.txt": b"The plan."}


def test_a_bounce_says_why_and_has_the_message_that_came_back(open_file: Open) -> None:
    report = b"Reporting-MTA: dns; mx.example.org\n\nFinal-Recipient: rfc822; bob@example.org\nStatus: 5.1.1\n"
    data = (
        b"From: mailer@example.org\nSubject: Undeliverable\nContent-Type: multipart/report; boundary=b\n\n"
        b"--b\n\nIt came back.\n--b\nContent-Type: message/delivery-status\n\n" + report + b"\n"
        b"--b\nContent-Type: message/rfc822\n\n" + message().as_bytes() + b"\n--b--\n"
    )
    first, second = opened_through(open_file, "a.eml", data)

    assert "It came back." in first.text
    assert "Reporting-MTA: dns; mx.example.org" in first.text
    assert "Status: 5.1.1" in first.text
    assert second.uri == "docs/a.eml//Keys.eml"


def test_a_body_that_is_not_read_costs_nothing_of_what_came_with_it(
    open_file: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trip(self: object, file: object) -> None:
        raise ValueError("bad markup")

    monkeypatch.setattr("ingestion.converters.web_page.WebPageReader.read", trip)
    mail = message()
    mail.set_content("<p>The keys.</p>", subtype="html")
    mail.add_attachment(b"The plan.", "text", "plain", filename="plan.txt")
    opened = open_file("a.eml", mail.as_bytes())

    assert "Its body was not read: bad markup" in opened.document.missing
    assert attached(opened) == {"docs/a.eml//plan.txt": b"The plan."}


def test_of_two_forms_of_a_text_one_is_read_and_what_is_attached_to_the_other(open_file: Open) -> None:
    mail = message()
    mail.add_alternative("<html><body><p>The keys in colour.</p></body></html>", subtype="html")
    page = list(mail.iter_parts())[1]
    assert isinstance(page, EmailMessage)
    page.add_attachment(b"The plan.", "text", "plain", filename="plan.txt")
    opened = open_file("a.eml", mail.as_bytes())

    assert "The keys are at the desk." in opened.document.text
    assert "in colour" not in opened.document.text
    assert attached(opened) == {"docs/a.eml//plan.txt": b"The plan."}
    assert opened.document.missing == ""


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


def test_a_message_in_an_outlook_message_is_read_with_what_is_attached_to_it(
    open_file: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = ("__attach_version1.0_#00000000", "__substg1.0_3701000D")
    file = (*inner, "__attach_version1.0_#00000000")
    sent = struct.pack("<IIQ", 0x00390040, 0, int((1_772_785_800 + 11_644_473_600) * 1e7))
    streams = {
        ("__substg1.0_0037001F",): "Keys".encode("utf-16-le"),
        ("__substg1.0_1000001F",): "The keys.".encode("utf-16-le"),
        (*inner, "__substg1.0_0037001F"): "Größe".encode("utf-16-le"),
        (*inner, "__substg1.0_0C1A001F"): "Ann".encode("utf-16-le"),
        (*inner, "__substg1.0_1000001F"): "Six metres.".encode("utf-16-le"),
        (*inner, "__properties_version1.0"): bytes(24) + sent,
        (*file, "__substg1.0_3707001F"): "plan.txt".encode("utf-16-le"),
        (*file, "__substg1.0_37010102"): b"The plan.",
    }

    class Storage:
        direntries = ()

        def listdir(self) -> list[list[str]]:
            return [list(path) for path in streams]

        def exists(self, path: list[str]) -> bool:
            return tuple(path) in streams

        def openstream(self, path: list[str]) -> io.BytesIO:
            return io.BytesIO(streams[tuple(path)])

    monkeypatch.setattr("olefile.OleFileIO", lambda _: contextlib.nullcontext(Storage()))
    first, second, third = opened_through(open_file, "a.msg", b"any")

    assert first.text == "# Keys\n\nSubject: Keys\n\nThe keys."
    assert second.uri == "docs/a.msg//Größe.eml"
    assert second.title == "Größe"
    assert "From: Ann" in second.text
    assert "Six metres." in second.text
    assert str(facts_of(second).date) == "2026-03-06"
    assert third.uri == "docs/a.msg//Größe.eml//plan.txt"
    assert third.text == "The plan."
    assert attached(open_file("a.msg", b"any")) == attached(open_file("a.msg", b"any"))


def test_an_outlook_message_of_streams_larger_than_itself_is_refused_at_once(convert: Convert) -> None:
    begun = time.process_time()
    with pytest.raises(ConversionError, match="larger than the file"):
        convert("a.msg", compound("__properties_version1.0", bytes(8192), cycle=True))
    assert time.process_time() - begun < 5


def test_of_very_many_attachments_of_an_outlook_message_the_rest_is_counted_unread(
    open_file: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = {(f"__attach_version1.0_#{n:08X}", "__substg1.0_37010102"): b"Text." for n in range(60)}
    opened: list[str] = []

    class Storage:
        direntries = ()

        def listdir(self) -> list[list[str]]:
            return [list(path) for path in streams]

        def exists(self, path: list[str]) -> bool:
            return tuple(path) in streams

        def openstream(self, path: list[str]) -> io.BytesIO:
            opened.append(path[0])
            return io.BytesIO(streams[tuple(path)])

    monkeypatch.setattr("olefile.OleFileIO", lambda _: contextlib.nullcontext(Storage()))
    document = open_file("a.msg", b"any").document

    assert len(opened) == 50
    assert "10 of its attachments were not read." in document.missing


def test_what_an_outlook_message_only_names_is_named(open_file: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    streams = {
        ("__substg1.0_1000001F",): "The keys.".encode("utf-16-le"),
        ("__attach_version1.0_#00000000", "__substg1.0_3701000D", "__substg1.0_1000001F"): b"T\x00",
    }

    class Storage:
        direntries = ()

        def listdir(self) -> list[list[str]]:
            return [list(path) for path in streams]

        def exists(self, path: list[str]) -> bool:
            return tuple(path) in streams

        def openstream(self, path: list[str]) -> io.BytesIO:
            return io.BytesIO(streams[tuple(path)])

    monkeypatch.setattr("olefile.OleFileIO", lambda _: contextlib.nullcontext(Storage()))
    document = open_file("a.msg", b"any").document

    assert "The keys." in document.text
    assert document.missing == "Attachment without a name was not read: It has no data of its own."


def test_the_limit_on_messages_in_messages_holds_whatever_they_are_named(open_file: Open) -> None:
    mail = message("Number 0", "Text 0.")
    for number in range(1, 8):
        outer = message(f"Number {number}", f"Text {number}.")
        box = b"From a@example.org Fri Mar  6 09:30:00 2026\n" + mail.as_bytes()
        outer.add_attachment(box, "application", "octet-stream", filename="x.txt")
        mail = outer
    documents = opened_through(open_file, "a.eml", mail.as_bytes())

    assert [one.title for one in documents] == ["Number 7", "x", "Number 6", "x"]
    assert "It is a message in more than 3 others." in documents[-1].missing


@pytest.mark.parametrize("charset", ["idna", "punycode", "undefined", "unicode_escape", "raw-unicode-escape", "rot13"])
def test_a_message_in_what_is_no_encoding_of_texts_is_read_all_the_same(convert: Convert, charset: str) -> None:
    data = f"Subject: x\nContent-Type: text/plain; charset={charset}\n\nThe keys..{'x' * 70} \\u0041 C:\\new.\n"

    assert f"The keys..{'x' * 70} \\u0041 C:\\new." in convert("a.eml", data.encode()).text


def test_what_is_no_message_is_refused(convert: Convert) -> None:
    with pytest.raises(ConversionError, match="no headers"):
        convert("a.eml", b"just words")


@pytest.mark.parametrize("name", ["a.mbox", "Inbox"])
def test_each_message_of_a_mailbox_comes_with_it_under_its_day_and_subject(open_file: Open, name: str) -> None:
    data = b"".join(
        b"From ann@example.org Fri Mar  6 09:30:00 2026\n" + message(subject, f"{number} text.\n>From here on.\n").as_bytes() + b"\n"
        for number, subject in enumerate(("First", "Second/half", "First"))
    )  # fmt: skip
    box, *letters = opened_through(open_file, name, data)

    assert "A mailbox of 3 messages, sent between 2026-03-06 and 2026-03-06." in box.text
    assert [one.uri.removeprefix(f"docs/{name}//") for one in letters] == [
        "2026-03-06 First (b412cbcf).eml",
        "2026-03-06 Second_half (4055ad40).eml",
        "2026-03-06 First (fd7e60e4).eml",
    ]
    assert [one.title for one in letters] == ["First", "Second/half", "First"]
    assert "1 text.\nFrom here on." in letters[1].text
    assert all(str(facts_of(one).date) == "2026-03-06" for one in letters)


def test_of_a_very_large_mailbox_the_rest_is_counted(open_file: Open) -> None:
    opened = open_file("a.mbox", (b"From a@b.c Fri Mar  6 09:30:00 2026\nSubject: x\n\nText.\n\n") * 2100)

    assert len(opened.attached) == 2000
    assert opened.document.missing == "100 of its 2100 messages were not read."


def test_an_outlook_message_is_read_with_its_text_attachment(open_file: Open) -> None:
    path = shared("messy-files", "docling", "tests", "data", "email", "sources", "msg_with_attachment.msg")
    opened = open_file(path.name, path.read_bytes())

    assert opened.document.title == "Email with Attachment"
    assert "To: Bob Example <bob@example.com>" in opened.document.text
    assert [one.file.name for one in opened.attached] == ["test.txt", "report.pdf"]
    assert opened.attached[0].file.data.startswith(b"This is a test attachment file.")
    assert str(facts_of(opened.document).date) == "2026-05-20"
