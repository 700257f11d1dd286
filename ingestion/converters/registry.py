"""The Converter of files: the checks that are the same for all formats."""

from __future__ import annotations

import hashlib
import stat
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version

from core.errors import ConversionError, FailureKind
from core.ports import LocalFile
from core.settings import Settings
from core.text.personal_data import PersonalDataPolicy
from core.types import Document, SourceItem, digest
from ingestion.converters.content import RawFile
from ingestion.converters.formats import READERS, format_of, read_file
from ingestion.converters.mail.attached import Opened, attached_files
from ingestion.converters.recognition.tesseract import Recognition
from ingestion.personal_data import under_policy

# Raise when our own code converts the same bytes differently.
_VERSION = 11

_LIBRARIES = ("chardet", "kreuzberg", "lxml", "olefile", "pdf_oxide", "pypdfium2", "python-pptx", "trafilatura")


@dataclass
class FileConverter:
    """A Converter for every supported kind of file, under a policy for the personal data in it. Larger files than
    `max_file_bytes` are refused unread; text in scans is recognised if `recognition` says how."""

    max_file_bytes: int
    personal_data: PersonalDataPolicy = PersonalDataPolicy.KEEP
    recognition: Recognition | None = None
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        libraries = {name: version(name) for name in _LIBRARIES}
        policy = [] if self.personal_data is PersonalDataPolicy.KEEP else [self.personal_data.value]
        # With the budgets: with more time, scans are read for which there was none.
        ocr = [] if self.recognition is None else [asdict(self.recognition)]
        self.fingerprint = digest([_VERSION, libraries, *policy, *ocr])

    @classmethod
    def of(cls, settings: Settings) -> FileConverter:
        """As the settings want it. Raises SettingsError when text is to be recognised and cannot be."""
        return cls(settings.max_file_mb * 1_000_000, recognition=Recognition.of(settings))

    @property
    def suffixes(self) -> frozenset[str]:
        """The file name suffixes that can be read."""
        return frozenset(READERS)

    def convert(self, file: LocalFile, item: SourceItem) -> Document:
        return self.opened(self.read(file), item).document

    def read(self, file: LocalFile) -> RawFile:
        """The file's bytes. Raises ConversionError when it is too large, not a regular file, or cannot be read."""
        try:
            status = file.path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise ConversionError(FailureKind.UNREADABLE, "It is not a regular file.")
            if status.st_size > self.max_file_bytes:
                raise ConversionError(
                    FailureKind.TOO_LARGE,
                    f"The file has {status.st_size / 1e6:,.1f} MB; at most {self.max_file_bytes / 1e6:,.0f} are read.",
                    hint="Raise RAGLOOP_MAX_FILE_MB to read it.",
                )
            return RawFile(file.name, file.path.read_bytes(), self.recognition)
        except OSError as error:
            raise ConversionError(
                FailureKind.UNREADABLE, f"The file cannot be read: {error.strerror or error}."
            ) from error

    def opened(self, file: RawFile, item: SourceItem) -> Opened:
        """The document in bytes that were read before, and what came with it."""
        if not file.data:
            raise ConversionError(FailureKind.EMPTY, "The file is empty.")
        content = read_file(file)
        if not content.text.strip():
            raise ConversionError(FailureKind.EMPTY, "There is no text in the file.")
        document = Document(
            uri=item.uri,
            title=content.title,
            text=content.text,
            format=content.format,
            media_type=content.media_type,
            content_sha256=hashlib.sha256(file.data).hexdigest(),
            page_starts=content.page_starts,
            access=item.access,
            missing=content.missing,
            date=item.date,
        )
        attached, left_out = attached_files(document, item, content.attached, self.personal_data, format_of)
        whole = replace(document, missing=" ".join(filter(None, (content.missing, left_out))))
        return Opened(under_policy(whole, self.personal_data), tuple(attached))
