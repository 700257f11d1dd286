"""YAML that people write: prompts, the gate's thresholds, the triggers' rules, the front matter of documents. Pure.

Taken for hostile: there are no aliases, which can make a small file a huge value, no keys that stand twice, of which
the last would win, and no tags, which can make a value of another kind than it looks like.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml


class YamlError(ValueError):
    """What is wrong with a text, in words."""


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="an alias is not allowed", problem_mark=self.get_mark())
        if getattr(self.peek_event(), "tag", None) is not None:  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="a tag is not allowed", problem_mark=self.get_mark())
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value[:80]} stands twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep=deep)


def load_yaml(text: str) -> Any:
    """The value of the text. Raises YamlError for what is no YAML, or more than is allowed here."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except RecursionError as error:
        raise YamlError("it is nested too deeply") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise YamlError(f"line {mark.line + 1}: {error.problem}" if mark else _plain(error)) from error
    except (yaml.YAMLError, ValueError) as error:  # a date or a number that is none is a ValueError
        raise YamlError(_plain(error)) from error


def _plain(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
