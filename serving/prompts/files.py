"""Reading a prompt's file: bytes in, fields out. Every file is taken for hostile."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from core.errors import InputError, TooLargeError

# The longest prompt with its tests has a few thousand.
LARGEST_FILE = 64 * 1024

FIELDS = "A prompt has name, version, description, variables, template and tests, and may have system."


class _Loader(yaml.SafeLoader):
    """YAML without what a reader would not see: aliases, which can make a small file a huge value, and keys that stand
    twice, of which the last would win."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="an alias is not allowed", problem_mark=self.get_mark())
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value[:80]} stands twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep=deep)


def _read_bytes(path: Path) -> bytes:
    try:
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
        content = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{where} is not the YAML of a prompt: {_reason(error)}.", hint=FIELDS) from error
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise InputError(f"{where} is not a mapping of fields to values.", hint=FIELDS)
    return content


def _reason(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return "it is nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())[:300]
