"""Office formats, by kreuzberg: a Rust library that asks no network."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from core.errors import ConversionError, FailureKind
from core.types import TextFormat
from ingestion.clean_text import tidy
from ingestion.converters.checks.office_text import checked
from ingestion.converters.content import Content, RawFile, damaged
from ingestion.converters.file_type import FileType, looks_like
from ingestion.converters.titles import first_good, name_title
from ingestion.splitting.blocks import first_heading

# An archive may unpack to this many times its own size, and always to _SMALL_ARCHIVE bytes. XML packs 10 to 20 times.
_MOST_EXPANSION = 100
_SMALL_ARCHIVE = 50_000_000

_ENCRYPTED_HINT = "Remove the password, or leave the file out of the folder."


@dataclass(frozen=True, slots=True)
class OfficeReader:
    """A format that is a zip archive of XML (docx, odt, xlsx, ods, epub) as markdown. `member` is a file in it;
    `prepare` mends the archive's bytes before they are read, `finish` the text that was."""

    media_type: str
    member: str
    prepare: Callable[[bytes], bytes] = field(default=lambda data: data)
    finish: Callable[[str], str] = field(default=lambda text: text)

    def read(self, file: RawFile) -> Content:
        check_archive(file, self.member)
        prepared = replace(file, data=self.prepare(file.data))
        text, title = _extracted(prepared, self.media_type, self.finish)
        text, missing = checked(text, file.data, prepared.data)
        return _content(text, title, file, self.media_type, missing)


@dataclass(frozen=True, slots=True)
class CompoundReader:
    """A format that is no archive (doc, xls, rtf) as markdown. `what` the file's first bytes say it is; `finish` makes
    it of the `form` in which the library reads it best."""

    media_type: str
    what: FileType = FileType.COMPOUND
    form: str = "markdown"
    finish: Callable[[str], str] = field(default=lambda text: text)

    def read(self, file: RawFile) -> Content:
        what = looks_like(file.data)
        if what != self.what:
            raise ConversionError(
                FailureKind.MISMATCH, f"The file is named {file.suffix} but is {what or 'none of that kind'}."
            )
        return _content(*_extracted(file, self.media_type, self.finish, self.form), file, self.media_type)


def _content(text: str, title: str, file: RawFile, media_type: str, missing: str = "") -> Content:
    title = first_good(title, first_heading(text)) or name_title(file.name)
    return Content(text, title, TextFormat.MARKDOWN, media_type, missing=missing)


def _extracted(file: RawFile, media_type: str, finish: Callable[[str], str], form: str = "markdown") -> tuple[str, str]:
    """The text, and the title that the file states."""
    import kreuzberg

    config = kreuzberg.ExtractionConfig(use_cache=False, output_format=form)
    try:
        result = kreuzberg.extract_bytes_sync(file.data, media_type, config=config)
    except (kreuzberg.KreuzbergError, OSError) as error:  # the latter for a wrong checksum
        # The library's messages repeat themselves from one layer to the next.
        reason = ": ".join(dict.fromkeys(" ".join(str(error).split()).removeprefix("ParsingError: ").split(": ")))[:300]
        if "password" in reason.lower() or "encrypt" in reason.lower():
            raise ConversionError(
                FailureKind.ENCRYPTED, "The file is protected by a password.", hint=_ENCRYPTED_HINT
            ) from error
        raise damaged(reason) from error
    return tidy(finish(result.content)), str(result.metadata.get("title") or "")


def check_archive(file: RawFile, member: str) -> None:
    what = looks_like(file.data)
    if what is FileType.COMPOUND:
        if "EncryptedPackage".encode("utf-16-le") in file.data:
            raise ConversionError(FailureKind.ENCRYPTED, "The file is protected by a password.", hint=_ENCRYPTED_HINT)
        raise ConversionError(
            FailureKind.MISMATCH, f"The file is named {file.suffix} but is in the older Office format."
        )
    if what is not FileType.ZIP:
        found = what or "no office document"
        raise ConversionError(FailureKind.MISMATCH, f"The file is named {file.suffix} but is {found}.")
    with zipfile.ZipFile(io.BytesIO(file.data)) as archive:
        members = archive.infolist()
    if not any(entry.filename.startswith(member) for entry in members):
        raise ConversionError(
            FailureKind.MISMATCH, f"The file is named {file.suffix} but is a zip archive of something else."
        )
    unpacked = sum(entry.file_size for entry in members)
    if unpacked > max(len(file.data) * _MOST_EXPANSION, _SMALL_ARCHIVE):
        raise ConversionError(FailureKind.TOO_LARGE, f"The file unpacks to {unpacked / 1e6:,.0f} MB.")
