"""Reading a prompt's file: bytes in, fields out. Every file is taken for hostile."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from core.errors import InputError, TooLargeError
from core.text.strict_yaml import YamlError, load_yaml

# The longest prompt with its tests has a few thousand.
LARGEST_FILE = 64 * 1024

FIELDS = "A prompt has name, version, description, variables, template and tests, and may have system."


def _read_bytes(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would keep whoever opens it waiting for a writer
            raise InputError(f"The prompt file {path} cannot be read: it is no file.", hint="Remove it.")
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise InputError(
            f"The prompt file {path} cannot be read: {error.strerror}.", hint="Make it readable for who runs RAGLoop."
        ) from error
    if len(raw) > LARGEST_FILE:
        raise TooLargeError(
            f"The prompt file {path} has more than {LARGEST_FILE // 1024} KiB.",
            hint="A prompt is a few hundred words; documents reach it as values.",
        )
    return raw


def read_text(path: Path) -> str:
    """The file as text. Raises InputError for what cannot be read or is not UTF-8, TooLargeError beyond 64 KiB."""
    try:
        return _read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"The prompt file {path} is not UTF-8.", hint="Save it as UTF-8.") from error


def parse(text: str, where: str) -> dict[str, Any]:
    """The fields of a prompt. Raises InputError, which begins with `where`, for what is no YAML mapping."""
    try:
        content = load_yaml(text)
    except YamlError as error:
        raise InputError(f"{where} is not the YAML of a prompt: {error}.", hint=FIELDS) from error
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise InputError(f"{where} is not a mapping of fields to values.", hint=FIELDS)
    return content
