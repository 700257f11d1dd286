"""What some tests need and a machine may lack. Where it does, one line at the end of the run says what for; a test that is
skipped for any other reason fails the run (tests/conftest.py)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import pytest

from tests.support.postgresql import initdb
from tests.support.vllm_server import PYTHON

# Public data sets, beside the checkout. Their licences do not let all of them lie in it.
DATA = Path(__file__).parents[2].parent / "shared" / "data"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Need(StrEnum):
    """What is missing, and how it comes."""

    SHARED = "../shared, the public data sets"
    POSTGRESQL = "PostgreSQL: apt-get install postgresql"
    CHROMIUM = "Chromium: apt-get install chromium"
    TESSERACT = "tesseract: apt-get install tesseract-ocr"
    VLLM = "vLLM: `make e2e` installs it"
    ROOT = "the rights of root"
    NOT_ROOT = "a user that is not root, who may open every folder"
    UNSHARE = "a system that lets a process leave the network"


_BEGINNING = "needs "


def is_here(need: Need, path: str = "") -> bool:
    """Whether this machine has it; `path` is one of the data sets."""
    match need:
        case Need.SHARED:
            return (DATA / path).exists()
        case Need.POSTGRESQL:
            return initdb() is not None
        case Need.CHROMIUM:
            return CHROMIUM is not None
        case Need.TESSERACT:
            return shutil.which("tesseract") is not None
        case Need.VLLM:
            return PYTHON.exists()
        case Need.ROOT:
            return os.geteuid() == 0
        case Need.NOT_ROOT:
            return os.geteuid() != 0
        case Need.UNSHARE:
            raise ValueError("Only trying it shows that.")


def lacking(need: Need) -> None:
    """Skip the test that asks, for want of this."""
    pytest.skip(_BEGINNING + need)


def requires(need: Need, path: str = "") -> pytest.MarkDecorator:
    """A mark for tests that are skipped where this is not here."""
    return pytest.mark.skipif(not is_here(need, path), reason=_BEGINNING + need)


def shared(*parts: str) -> Path:
    """A file or folder of the public data sets; skips the test where it is absent."""
    path = DATA.joinpath(*parts)
    if not path.exists():
        lacking(Need.SHARED)
    return path


def summary(reasons: Sequence[str]) -> tuple[list[str], list[str]]:
    """A line for each need that was not met, and the reasons that are no need."""
    plain = [reason.removeprefix("Skipped: ").removeprefix(_BEGINNING) for reason in reasons]
    lines = []
    for need in Need:
        if count := plain.count(need):
            lines.append(f"{count} {'test needs' if count == 1 else 'tests need'} {need}. Not here.")
    return lines, [reason for reason in plain if reason not in set(Need)]
