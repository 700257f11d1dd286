"""How commands speak: results on standard output, everything else on standard error, one JSON object with --json."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from core.errors import RagloopError

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]

# Escape becomes ␛ and so on; line ends and tabs stay. The second half of the control characters has no signs.
_SIGNS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"} | dict.fromkeys(range(0x7F, 0xA0), "�")


def print_json(value: Mapping[str, Any]) -> None:
    """The one JSON object of a command that was called with --json."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def say(text: str = "") -> None:
    """A line of a command's result."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """A line about what is going on; not part of the result."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def report(error: RagloopError, *, as_json: bool) -> None:
    """Tell a person, or the program that called with --json, what went wrong and what to do."""
    if as_json:
        print_json({"error": {"type": error.type, "message": error.message, "hint": error.hint}})
    note(f"Error: {error.message}" + (f"\n{error.hint}" if error.hint else ""))


def visible(text: str) -> str:
    """`text` with control characters as signs, so that no document can steer the terminal."""
    return text.translate(_SIGNS)


def bold(text: str) -> str:
    """`text` in bold on a terminal, as it is in a file."""
    return f"\x1b[1m{text}\x1b[22m" if sys.stdout.isatty() else text


def one_line(text: str, width: int = 100) -> str:
    """`text` on one line, cut at `width` characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"
