"""The DAGs of the loop: that they parse, what starts each, and that nothing is announced that was not proposed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_every_dag_parses_and_loads_nothing_heavy(described: Mapping[str, Any]) -> None:
    assert described["import_errors"] == {}
    assert described["heavy"] == []
    assert set(described["dags"]) == {
        "ingest_documents", "monitor_feedback", "rebuild_index", "tune_generator", "evaluate_release",
    }  # fmt: skip


def test_what_one_dag_makes_starts_the_next(described: Mapping[str, Any]) -> None:
    dags = described["dags"]
    updated = {
        name: sorted(asset for task in dag["tasks"].values() for asset in task["outlets"]) for name, dag in dags.items()
    }
    assert updated["monitor_feedback"] == [
        "ragloop://candidate/", "ragloop://trigger/reindex", "ragloop://trigger/retune",
    ]  # fmt: skip
    assert dags["rebuild_index"]["started_by"] == ["ragloop://trigger/reindex"]
    assert dags["tune_generator"]["started_by"] == ["ragloop://trigger/retune"]
    assert dags["evaluate_release"]["started_by"] == ["ragloop://candidate/"]
    assert "ragloop://candidate/" in updated["rebuild_index"]
    assert "ragloop://candidate/" in updated["tune_generator"]
    # A report waits for a person: nothing in Airflow starts by it.
    assert not any("ragloop://report/" in dag["started_by"] for dag in dags.values())


def test_the_check_comes_first_runs_alone_and_is_not_made_up_for(described: Mapping[str, Any]) -> None:
    dag = described["dags"]["monitor_feedback"]
    assert (dag["max_active_runs"], dag["catchup"]) == (1, False)
    tasks = dag["tasks"]
    assert tasks["check"]["upstream"] == []
    for remedy in ("reindex", "retune", "refit", "content"):
        assert tasks[remedy]["upstream"] == [f"to_{remedy}"]
        assert tasks[f"to_{remedy}"]["upstream"] == ["check"]
        assert tasks[remedy]["mapped"]
