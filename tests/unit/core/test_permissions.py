"""What each role may do, and how everybody else is refused."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from core.errors import RoleNeededError
from core.permissions import Deed, may, require
from core.types import Actor, Role

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("deed", Deed)
def test_a_deed_is_open_to_its_role_and_to_admins(deed: Deed, role: Role) -> None:
    actor = Actor("Rita", frozenset({role}))
    assert may(actor, deed) is (role in (deed.role, Role.ADMIN))


@pytest.mark.parametrize("deed", Deed)
def test_a_refusal_names_who_what_and_the_role_that_is_missing(deed: Deed) -> None:
    with pytest.raises(RoleNeededError) as refused:
        require(Actor("Rita", frozenset()), deed)
    assert refused.value.status == 403
    assert refused.value.message == (f"Rita does not have the role {deed.role.value}, which is needed to {deed.words}.")
    assert f"--role {deed.role.value}`" in refused.value.hint


def test_no_other_module_looks_at_roles_by_itself() -> None:
    sources = [
        path for folder in ("app", "loop", "evals", "serving", "ingestion") for path in ROOT.glob(f"{folder}/**/*.py")
    ]
    asking = {
        str(path.relative_to(ROOT))
        for path in sources
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "may"
    }
    assert asking == set()
