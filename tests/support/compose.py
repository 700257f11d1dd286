"""docker-compose.yml as data, for the tests of it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
# ${NAME}, ${NAME:-default}, ${NAME:?what to do}
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z_]+)(?::([-?])([^}]*))?\}")


@cache
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return loaded


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def variables() -> set[tuple[str, str, str]]:
    """(name, "-" or "?" or nothing, default or message) of every variable that the file interpolates."""
    return set(VARIABLE.findall(COMPOSE.read_text(encoding="utf-8")))


def environment(service: str, values: dict[str, str]) -> dict[str, str]:
    """A service's variables, interpolated as Compose does."""

    def value(match: re.Match[str]) -> str:
        name, kind, text = match.groups()
        return values[name] if kind == "?" else values.get(name, text or "")

    return {name: VARIABLE.sub(value, str(text)) for name, text in services()[service]["environment"].items()}


def members(network: str) -> set[str]:
    return {name for name, service in services().items() if network in service["networks"]}
