"""Templates of prompts, taken for hostile: what they may do is a short list, and everything on it ends soon.

A template puts values into text, asks whether there is one, and goes through a list; there are no calls, no arithmetic,
no macros, no other files, and no way from a value to what it is made of. It is refused when it is read, not when it is
rendered. Jinja's own sandbox stands behind that, and what is rendered has a length limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from core.errors import InputError, TooLargeError

# More than the largest context of today's models holds.
LONGEST_RENDERED = 4_000_000
_LONGEST_SEPARATOR = 20
# Deeper nesting than any prompt needs, and far less than Python's own limits.
_DEEPEST = 40

FILTERS = ("first", "join", "last", "length", "lower", "trim", "upper")
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Const,
    nodes.For, nodes.If, nodes.Filter, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not,
)  # fmt: skip
_VALUES = (nodes.Name, nodes.Getattr, nodes.Getitem)
_HINT = (
    "A template may hold {{ value }}, {{ value.attribute }}, {% if %}, {% for %} (not inside another one) and "
    f"the filters {', '.join(FILTERS)}."
)

_environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, autoescape=False)
_environment.globals.clear()  # range, cycler, lipsum and their like are unknown variables here


def variables(template: str) -> set[str]:
    """The variables that the template uses. Raises InputError for a template that does anything not on the list."""
    try:
        tree = _environment.parse(template)
        for node, depth in _walk(tree):
            if reason := _objection(node) or ("it is nested too deeply" if depth > _DEEPEST else ""):
                raise InputError(f"line {node.lineno} of the template: {reason}", hint=_HINT)
        _environment.from_string(tree)  # also finds what only shows when it is compiled
        return meta.find_undeclared_variables(tree)
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        raise InputError(f"{f'line {line} of ' if line else ''}the template: {error}", hint=_HINT) from error
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise InputError("the template is nested too deeply", hint=_HINT) from error


def render(template: str, values: Mapping[str, Any]) -> str:
    """The text. Raises InputError for a missing value, TooLargeError when it gets too long."""
    try:
        pieces, length = [], 0
        for piece in _compiled(template).generate(**values):
            length += len(piece)
            if length > LONGEST_RENDERED:
                raise TooLargeError(
                    f"the text has more than {LONGEST_RENDERED:,} characters", hint="Give it fewer or shorter values."
                )
            pieces.append(piece)
        return "".join(pieces)
    except TemplateError as error:
        raise InputError(str(error), hint="Give a value for each of the prompt's variables.") from error
    except (TypeError, ValueError) as error:  # a number where the template goes through a list, and their like
        raise InputError(
            f"a value is of the wrong kind: {error}", hint=f"See the prompt's own tests. {_HINT}"
        ) from error


@lru_cache(maxsize=64)
def _compiled(template: str) -> Template:
    """Compiling takes longer than rendering, and a server renders the same few templates for every question."""
    return _environment.from_string(template)


def _walk(tree: nodes.Node) -> Iterator[tuple[nodes.Node, int]]:
    waiting = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting += [(child, depth + 1) for child in node.iter_child_nodes()]


def _objection(node: nodes.Node) -> str:
    """What this part of a template may not do; empty if it may."""
    if not isinstance(node, _ALLOWED):
        return f"{type(node).__name__.lower()} is not allowed"
    if isinstance(node, nodes.Name) and node.name == "self":
        return "self is out of bounds"
    if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        return f"{node.attr} is out of bounds"
    if isinstance(node, nodes.Getitem) and not (isinstance(node.arg, nodes.Const) and type(node.arg.value) is int):
        return "only a number may stand in [ ]"
    if isinstance(node, nodes.For):
        return _loop_objection(node)
    return _filter_objection(node) if isinstance(node, nodes.Filter) else ""


def _loop_objection(loop: nodes.For) -> str:
    if loop.recursive or loop.find(nodes.For):
        return "a loop inside a loop is not allowed"
    return "" if isinstance(loop.iter, _VALUES) else "a loop goes through a value"


def _filter_objection(found: nodes.Filter) -> str:
    """Filters take a value as it is, so that none can blow up what another made of it."""
    if found.name not in FILTERS:
        return f"there is no filter {found.name}"
    if not isinstance(found.node, _VALUES) or found.kwargs or found.dyn_args or found.dyn_kwargs:
        return f"the filter {found.name} stands behind a value, alone"
    if not found.args or (found.name == "join" and len(found.args) == 1 and _is_separator(found.args[0])):
        return ""
    return f"the filter {found.name} takes no such value"


def _is_separator(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Const) and isinstance(node.value, str) and len(node.value) <= _LONGEST_SEPARATOR
