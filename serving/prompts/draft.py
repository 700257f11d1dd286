"""A new version of a prompt begun: the text of another under the next number, in the installation's own folder."""

from __future__ import annotations

import re
from pathlib import Path

from core.errors import InputError
from serving.prompts.library import read_named

_VERSION_LINE = re.compile(r"^version:[ \t]*\S+", re.MULTILINE)


def make_folder(folder: Path) -> None:
    """Make the installation's own folder of prompts, unless it is there. Raises InputError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(f"The folder of prompts {folder} cannot be made", error) from error


def begin_draft(folder: Path, name: str, version: int, text: str) -> Path:
    """Write `text` as this version of the prompt; returns the file, which did not exist. Raises InputError where the
    text is not one of a prompt, or the folder cannot be written to."""
    path = folder / name / f"{version}.yaml"
    draft = _VERSION_LINE.sub(f"version: {version}", text, count=1)
    read_named(draft, path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(draft)
    except OSError as error:
        raise _unwritable(f"The prompt file {path} cannot be written", error) from error
    return path


def _unwritable(what: str, error: OSError) -> InputError:
    return InputError(
        f"{what}: {error.strerror}.",
        hint="Let who runs RAGLoop write there, or let RAGLOOP_PROMPTS_FOLDER name another folder.",
    )
