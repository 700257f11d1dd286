"""PowerPoint 97 presentations (.ppt) as markdown: the records of [MS-PPT], of which slides and their notes are read.

Such a file keeps what was deleted from it, and its masters' sample texts. A directory says which records are shown.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import olefile

from core.errors import ConversionError, FailureKind
from core.types import TextFormat
from ingestion.clean_text import tidy
from ingestion.converters.content import Content, RawFile
from ingestion.converters.file_type import looks_like
from ingestion.converters.titles import first_good, name_title

MEDIA_TYPE = "application/vnd.ms-powerpoint"

# Types of records, [MS-PPT] 2.13.24.
_NOTES_ATOM = 1009
_SLIDE_PERSIST_ATOM = 1011
_TEXT_HEADER = 3999
_TEXT_CHARS = 4000
_TEXT_BYTES = 4008
_OUTLINE_TEXT_REF = 4086
_SLIDE_LIST = 4080
_PERSIST_DIRECTORY = 6002

# Which list a _SLIDE_LIST is, by its instance; and of what kind a text is, by its header.
_SLIDES, _NOTES = 0, 2
_TITLES = (0, 6)
_BODIES = (1, 7, 8)

_ENCRYPTED = 0xF3D1C4DF
_CONTAINER = 15


@dataclass(frozen=True, slots=True)
class _Record:
    kind: int
    instance: int
    body: memoryview
    is_container: bool


@dataclass(slots=True)
class _Listed:
    """A slide in the document's list: where it is, its number for notes, and the texts that the list holds for it."""

    place: int
    number: int
    outline: list[tuple[int, str]] = field(default_factory=list)


class PowerPoint97Reader:
    """A slide's title is its heading. Cells of tables are texts among the others: the file knows of no table."""

    def read(self, file: RawFile) -> Content:
        if not olefile.isOleFile(file.data):
            found = looks_like(file.data) or "no presentation"
            raise ConversionError(FailureKind.MISMATCH, f"The file is named {file.suffix} but is {found}.")
        with olefile.OleFileIO(io.BytesIO(file.data)) as streams:
            token, last_edit = struct.unpack_from("<12xII", streams.openstream("Current User").read())
            stream = streams.openstream("PowerPoint Document").read()
        if token == _ENCRYPTED:
            hint = "Remove the password, or leave the file out of the folder."
            raise ConversionError(FailureKind.ENCRYPTED, "The file is protected by a password.", hint=hint)
        slides = list(shown_slides(stream, last_edit))
        text = tidy("\n\n".join(slide for _, slide in slides))
        title = first_good(*(title for title, _ in slides)) or name_title(file.name)
        return Content(text, title, TextFormat.MARKDOWN, MEDIA_TYPE)


def shown_slides(stream: bytes, last_edit: int) -> Iterator[tuple[str, str]]:
    """Each slide's title, and all of it as markdown. `last_edit` is where the record of the last saving begins."""
    view = memoryview(stream)
    document, places = _directory(view, last_edit)
    listed = list(_records(view, places[document]))
    notes: dict[int, str] = {}
    for one in _in_list(listed, _NOTES):
        records = list(_records(view, places[one.place]))
        about = next((record.body for record in records if record.kind == _NOTES_ATOM), memoryview(bytes(4)))
        notes[struct.unpack_from("<I", about)[0]] = "\n".join(words for _, words in _texts(records, []))
    for number, slide in enumerate(_in_list(listed, _SLIDES), 1):
        texts = list(_texts(_records(view, places[slide.place]), slide.outline))
        yield _markdown(texts, notes.get(slide.number, ""), number)


def _markdown(texts: list[tuple[int, str]], notes: str, number: int) -> tuple[str, str]:
    first = next((place for place, (kind, _) in enumerate(texts) if kind in _TITLES), None)
    title = "" if first is None else " ".join(texts[first][1].split())
    said = []
    for place, (kind, words) in enumerate(texts):
        lines = words.splitlines()
        if kind in _BODIES and len(lines) > 1:
            said.append("\n".join(f"- {line}" for line in lines))
        elif place != first:
            said.append("\n\n".join(lines))
    said += ["Notes:", notes] if notes else []
    return title, "\n\n".join([f"## {title or f'Slide {number}'}", *said]) if said or title else ""


def _directory(stream: memoryview, edit: int) -> tuple[int, Mapping[int, int]]:
    """The document's number, and where each numbered record begins: what was saved last counts."""
    places: dict[int, int] = {}
    document, seen = 0, set[int]()
    while edit and edit not in seen:
        seen.add(edit)
        _, _, _, _, before, directory, numbered = struct.unpack_from("<8xIHBBIII", stream, edit)
        document = document or numbered
        record = next(_siblings(stream[directory:]))
        for first, offsets in _entries(record.body if record.kind == _PERSIST_DIRECTORY else memoryview(b"")):
            for number, offset in enumerate(offsets, first):
                places.setdefault(number, offset)
        edit = before
    return document, places


def _entries(body: memoryview) -> Iterator[tuple[int, tuple[int, ...]]]:
    at = 0
    while at + 4 <= len(body):
        (packed,) = struct.unpack_from("<I", body, at)
        count = packed >> 20
        yield packed & 0xFFFFF, struct.unpack_from(f"<{count}I", body, at + 4)
        at += 4 + 4 * count


def _in_list(document: list[_Record], which: int) -> Iterator[_Listed]:
    """What the document lists as slides or as notes, in its order."""
    slide, kind = None, 0
    listed = (one for one in document if one.kind == _SLIDE_LIST and one.instance == which)
    for record in (inner for one in listed for inner in _siblings(one.body)):
        if record.kind == _SLIDE_PERSIST_ATOM:
            if slide is not None:
                yield slide
            place, _, _, number = struct.unpack_from("<IIII", record.body)
            slide = _Listed(place, number)
        elif record.kind == _TEXT_HEADER:
            (kind,) = struct.unpack_from("<I", record.body)
        elif slide is not None and record.kind in (_TEXT_CHARS, _TEXT_BYTES):
            slide.outline.append((kind, _words(record)))
    if slide is not None:
        yield slide


def _texts(records: Iterator[_Record] | list[_Record], outline: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The texts among the records, each with its kind; a reference stands for one of the `outline`."""
    kind = 0
    for record in records:
        if record.kind == _TEXT_HEADER:
            (kind,) = struct.unpack_from("<I", record.body)
        elif record.kind in (_TEXT_CHARS, _TEXT_BYTES):
            words = _words(record)
            if words.strip("* \n"):  # the mark in the place of a slide's number
                yield kind, words
        elif record.kind == _OUTLINE_TEXT_REF:
            (number,) = struct.unpack_from("<I", record.body)
            yield from outline[number : number + 1]


def _words(record: _Record) -> str:
    coding = "utf-16-le" if record.kind == _TEXT_CHARS else "latin-1"
    return bytes(record.body).decode(coding, "replace").replace("\r", "\n").replace("\x0b", " ").strip()


def _records(stream: memoryview, place: int) -> Iterator[_Record]:
    """The records in that at `place`, and in those, in their order."""
    waiting = [_siblings(next(_siblings(stream[place:])).body)]
    while waiting:
        record = next(waiting[-1], None)
        if record is None:
            waiting.pop()
            continue
        yield record
        if record.is_container:
            waiting.append(_siblings(record.body))


def _siblings(body: memoryview) -> Iterator[_Record]:
    at = 0
    while at + 8 <= len(body):
        version, kind, length = struct.unpack_from("<HHI", body, at)
        yield _Record(kind, version >> 4, body[at + 8 : at + 8 + length], version & 15 == _CONTAINER)
        at += 8 + length
