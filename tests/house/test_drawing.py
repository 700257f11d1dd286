"""The drawing of the layers in the handbook is what import-linter holds the code to, and the folders that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.source_tree import ROOT, packages, pyproject, tree

PAGE = ROOT / "docs" / "explanation" / "architecture.md"
CONTRACTS = [each for each in pyproject()["tool"]["importlinter"]["contracts"] if each["type"] == "layers"]

Layers = list[set[str]]


def drawn() -> dict[str, Layers]:
    """Each line of arrows in the page's drawings, by the package that it begins with; the whole house's by ''."""
    found = {}
    for block in re.findall(r"```text\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        for name, line in re.findall(r"^(?:(\w+): )?((?:[\w|] ?)+(?: ?→ ?[\w| ]+)+)$", block, re.MULTILINE):
            found[name] = layers_of(line.split("→"))
    return found


def layers_of(lines: list[str]) -> Layers:
    return [{name.strip() for name in re.split(r"[|:]", line)} for line in lines]


def test_the_drawing_shows_every_contract_on_layers_and_no_other() -> None:
    contracts = {"".join(each.get("containers", [])): layers_of(each["layers"]) for each in CONTRACTS}
    assert drawn() == contracts


def test_every_package_is_in_the_drawing_and_in_the_table() -> None:
    assert sorted(name for layer in drawn()[""] for name in layer) == packages()
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == packages()


@pytest.mark.parametrize("package", [name for name in drawn() if name])
def test_every_room_of_a_package_is_in_its_drawing(package: str) -> None:
    rooms = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    rooms |= {path.stem for path in (ROOT / package).glob("*.py")} - {"__init__"}
    assert {name for layer in drawn()[package] for name in layer} == rooms


def test_every_package_and_every_room_says_what_it_owns() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for package in packages()
        for path in (ROOT / package).rglob("__init__.py")
        if "migrations" not in path.parts and not _docstring(path)
    ]
    assert silent == []


@pytest.mark.parametrize("package", packages())
def test_a_package_says_what_it_may_import(package: str) -> None:
    text = _docstring(ROOT / package / "__init__.py")
    below = _below(package)
    said = re.search(r"May import (.*?)[;.]", text, re.DOTALL)
    assert (said is None) == (not below), f"{package} may import {below}"
    if said is not None and "every package" not in said[1]:
        assert set(re.findall(r"\b(?:" + "|".join(packages()) + r")\b", said[1])) == below


def _below(package: str) -> set[str]:
    layers = drawn()[""]
    place = next(number for number, layer in enumerate(layers) if package in layer)
    return {name for layer in layers[place + 1 :] for name in layer}


def _docstring(path: Path) -> str:
    return ast.get_docstring(tree(path)) or ""
