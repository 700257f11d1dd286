"""No module leads back to itself by what it imports: at the top, within a function, or for the type checker alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("core", "retrieval", "ingestion", "serving", "evals", "loop", "app", "dags", "tools")


def imports_by_module(root: Path, packages: tuple[str, ...]) -> Mapping[str, frozenset[str]]:
    """The modules of the house that each of its modules imports, wherever the statement stands."""
    paths = {_name(path.relative_to(root)): path for package in packages for path in (root / package).rglob("*.py")}
    return {
        name: frozenset(found for found in _imported(path, paths) if found in paths and found != name)
        for name, path in paths.items()
    }


def circle_in(graph: Mapping[str, frozenset[str]]) -> list[str]:
    """One circle of imports, its first module again at its end; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def _name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _imported(path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for each in node.names:
                part = f"{node.module}.{each.name}"
                yield part if part in known else node.module


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = imports_by_module(ROOT, PACKAGES)
    assert len(graph) > 300
    assert " → ".join(circle_in(graph)) == ""


@pytest.mark.parametrize(
    "statement",
    [
        "from house.cellar import wine",
        "def fetch():\n    from house import cellar",
        "if TYPE_CHECKING:\n    import house.cellar",
    ],
)
def test_a_circle_is_found_wherever_the_import_stands(tmp_path: Path, statement: str) -> None:
    house = tmp_path / "house"
    house.mkdir()
    (house / "__init__.py").touch()
    (house / "attic.py").write_text(statement)
    (house / "cellar.py").write_text("import house.attic")
    assert set(circle_in(imports_by_module(tmp_path, ("house",)))) == {"house.attic", "house.cellar"}
