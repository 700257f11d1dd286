"""Text recognition (OCR) by tesseract, a program that is installed beside RAGLoop where it is wanted."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
from dataclasses import dataclass
from enum import Enum

from core.errors import SettingsError
from core.settings import Settings, child_environment

_PROGRAM = "tesseract"
_QUESTION_SECONDS = 20.0
_VERSION = re.compile(r"tesseract\s+v?(\S+)")


class NotRecognised(Enum):
    """Why a page's picture was not read, as people are told."""

    OUT_OF_TIME = "scan, OCR out of time"
    FAILED = "scan, OCR failed"


@dataclass(frozen=True, slots=True)
class Recognition:
    """How text is recognised: in these languages, by tesseract's names, within the time of a page and of a document."""

    languages: str
    page_seconds: float
    document_seconds: float
    version: str

    @classmethod
    def of(cls, settings: Settings) -> Recognition | None:
        """None unless the settings want it. Raises SettingsError when they do and tesseract cannot do it."""
        if not settings.ocr:
            return None
        if shutil.which(_PROGRAM) is None:
            hint = "Install it (Debian: apt-get install tesseract-ocr), or set RAGLOOP_OCR=off."
            raise SettingsError("RAGLOOP_OCR is on, and tesseract is not installed.", hint=hint)
        missing = set(settings.ocr_languages.split("+")).difference(_asked("--list-langs").split())
        if missing:
            hint = f"Install them (Debian: apt-get install tesseract-ocr-{min(missing)}), or set RAGLOOP_OCR_LANGUAGES."
            raise SettingsError(f"tesseract does not have the languages {', '.join(sorted(missing))}.", hint=hint)
        version = _VERSION.search(_asked("--version"))
        return cls(
            languages=settings.ocr_languages,
            page_seconds=settings.ocr_page_seconds,
            document_seconds=settings.ocr_document_seconds,
            version=version[1] if version else "",
        )

    def text(self, image: bytes, dots_per_inch: int, seconds: float) -> str | NotRecognised:
        """What is written on a picture, in any format of tesseract's."""
        command = [_PROGRAM, "stdin", "stdout", "-l", self.languages, "--dpi", str(dots_per_inch)]
        # One thread: files are converted side by side.
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment(OMP_THREAD_LIMIT="1"),
        ) as process:
            # Should this process be ended meanwhile, the other ends by itself.
            limit = int(seconds) + 1
            resource.prlimit(process.pid, resource.RLIMIT_CPU, (limit, limit))
            try:
                written, _ = process.communicate(image, timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                return NotRecognised.OUT_OF_TIME
        return written.decode("utf-8", "replace") if process.returncode == 0 else NotRecognised.FAILED


def _asked(option: str) -> str:
    answer = subprocess.run([_PROGRAM, option], capture_output=True, text=True, check=False, timeout=_QUESTION_SECONDS)
    return answer.stdout + answer.stderr
