"""How the tests themselves are laid out."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.components import BEGINNINGS, part_of
from tests.support.needs import Need, summary

TESTS = Path(__file__).parents[1]


def imported(module: Path) -> list[str]:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [
        f"{node.module}.{each.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for each in node.names
    ]
    return names + [each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names]


def test_no_module_imports_from_a_test_module_or_a_conftest() -> None:
    """What two of them use lies in tests/support."""
    for module in TESTS.rglob("*.py"):
        for name in imported(module):
            parts = name.split(".")
            wrong = parts[0] == "tests" and any(part == "conftest" or part.startswith("test_") for part in parts)
            assert not wrong, f"{module.relative_to(TESTS)} imports {name}"


@pytest.mark.parametrize(
    ("reasons", "lines", "unknown"),
    [
        ([], [], []),
        (["Skipped: needs " + Need.SHARED] * 6, ["6 tests need ../shared, the public data sets. Not here."], []),
        (["needs " + Need.ROOT], ["1 test needs the rights of root. Not here."], []),
        (["Skipped: later"], [], ["later"]),
    ],
)
def test_a_skip_is_a_need_that_is_counted_or_a_fault_that_is_named(
    reasons: list[str], lines: list[str], unknown: list[str]
) -> None:
    assert summary(reasons) == (lines, unknown)


def test_every_component_that_slow_tests_share_names_tests_that_are_there() -> None:
    assert [begin for begin in BEGINNINGS if not (TESTS.parent / begin).exists()] == []
    assert part_of("tests/dags/test_chains.py::test_one") == part_of("tests/dags/test_tune_generator.py::test_two")
    assert part_of("tests/integration/test_ingestion.py::test[a/b]") == "tests/integration/test_ingestion.py"
