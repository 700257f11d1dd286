"""What docstrings, comments and pages point to exists."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from core.release import RetrievalParameters
from core.text.languages import CODES
from tests.support.source_tree import ROOT, modules, packages, tree

FOLDERS = [*packages(), "tests", "docs", "deploy"]
_TOP = "|".join(map(re.escape, FOLDERS))
_ENDING = r"(?:py|md|ya?ml|toml|jsonl?|html|css|js|sh|csv|txt|jinja)"

# core/errors.py, docs/how-to/triggers.md, tests/contract/; a pattern with <name> or * names no file.
PATH = re.compile(rf"(?<![\w./<~-])((?:{_TOP})/(?:[\w.-]+/)*(?:[\w-]+\.{_ENDING}\b|(?<=/)(?![\w<*{{])))")
# core.types, core.types.Document
NAME = re.compile(rf"(?<![\w./-])((?:{_TOP})(?:\.[A-Za-z_]\w*)+)")

# Written like a place of ours, and an example's.
_EXAMPLES = {"docs/a.md", "docs/travel.md"}


def texts() -> Iterator[tuple[str, str]]:
    """(file, text) of every docstring, comment, page and script."""
    for path in modules(*packages(), "tests"):
        yield str(path.relative_to(ROOT)), "\n".join((*_docstrings(path), *_comments(path)))
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "Makefile", ROOT / "pyproject.toml"]
    for path in sorted(pages):
        if path.name != "CHANGELOG.md":  # tells of what was
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def _docstrings(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


def _comments(path: Path) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


@cache
def _names(path: Path) -> frozenset[str]:
    """What a module defines or imports at its top, and the fields and methods of its classes."""
    found: set[str] = set()
    for node in tree(path).body:
        found |= _defined(node)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{name}" for inner in node.body for name in _defined(inner)}
    return frozenset(found)


def _defined(node: ast.stmt) -> set[str]:
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return {name}
        case ast.Assign(targets=targets):
            return {each.id for each in targets if isinstance(each, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return {each.asname or each.name for each in names}
    return set()


def is_there(name: str) -> bool:
    """Whether `package.module.Name` is a module or something that one defines, or `retrieval.top_k` a manifest's."""
    parts = name.split(".")
    if parts[:2] == ["retrieval", "language_weights"] and len(parts) == 3:
        return parts[2] in CODES
    if parts[0] == "retrieval" and parts[-1] in RetrievalParameters.model_fields:
        return len(parts) == 2
    for end in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:end])
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if file.exists() or (place.is_dir() and end == len(parts)):
            rest = ".".join(parts[end:])
            return not rest or rest in _names(file)
    return False


@pytest.mark.parametrize(("file", "text"), [pytest.param(*each, id=each[0]) for each in texts()])
def test_every_file_and_every_name_that_is_pointed_to_exists(file: str, text: str) -> None:
    missing = [path for path in PATH.findall(text) if path not in _EXAMPLES and not (ROOT / path).exists()]
    missing += [name for name in NAME.findall(text) if not is_there(name)]
    assert missing == []


def test_a_pointer_to_what_was_moved_is_found_out() -> None:
    assert PATH.findall("see core/errors.py, evals/gone.py and tests/contract/.") == [
        "core/errors.py",
        "evals/gone.py",
        "tests/contract/",
    ]
    assert NAME.findall("core.types.Document and serving.gone") == ["core.types.Document", "serving.gone"]
    assert is_there("core.types.Document.id")
    assert not is_there("core.types.Gone")
    assert not is_there("serving.gone")
