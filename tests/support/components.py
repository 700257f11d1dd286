"""Which slow tests share what they start. They run in one process: one Airflow, one vLLM, one Chromium."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

# By the beginning of a test's id; what takes longest begins. A module that stands in no line is a part of its own.
_PARTS = (
    ("airflow", ("tests/dags/",)),
    ("walk-through", ("tests/e2e/test_loop.py", "tests/e2e/test_demo.py", "tests/e2e/test_release_loop.py")),
    (
        "vllm",
        ("tests/e2e/test_served_model.py", "tests/e2e/test_adapter_swaps.py", "tests/e2e/test_training_template.py"),
    ),
    ("browser", ("tests/e2e/pages/",)),
)

BEGINNINGS = tuple(begin for _, begins in _PARTS for begin in begins)


def part_of(nodeid: str) -> str:
    """What the test shares with others: the name of a part, or its own module."""
    return next((name for name, begins in _PARTS if nodeid.startswith(begins)), nodeid.partition("::")[0])


def rank(nodeid: str) -> int:
    """Where the test's part stands among those that begin."""
    names = [name for name, _ in _PARTS]
    part = part_of(nodeid)
    return names.index(part) if part in names else len(names)


class ByComponent(LoadScopeScheduling):
    """Hands whole parts to processes. (xdist's own groups by mark do nothing under pytest 9.2, whose ids are fixed.)"""

    def _split_scope(self, nodeid: str) -> str:
        return part_of(nodeid)
