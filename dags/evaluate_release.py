"""
### Evaluate a candidate

Asks the candidate and what is live every question of a dataset, compares the answers, and leaves a report that waits
for a person: nothing is promoted here.

Starts by itself when a candidate appears (the asset `ragloop://candidate`, updated by `rebuild_index` among others), or
by hand for any release.

`releases` says which → `evaluate` asks, scores and compares → `track` logs the report to MLflow.

The run succeeds when there is a report, whatever its verdict; read it under `/reviews`. Answers and scores are kept, so
a run that failed half-way goes on where it was when it is started again.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, Param, dag, get_current_context, task

CANDIDATE = Asset("ragloop://candidate")
"""Updated when a candidate release was made; the event's extra names it: {"release": id}."""
REPORT = Asset("ragloop://report")
"""Updated when a report waits for a person; the event's extra names its evaluation: {"evaluation": id}."""

PARAMS = {
    "release": Param(
        None,
        type=["null", "string"],
        description="The release to evaluate: an id or its beginning; by default the candidates that started this run, "
        "else the newest.",
    ),
    "baseline": Param(
        "champion", type=["null", "string"], description="The release to compare with; null compares with nothing."
    ),
    "dataset": Param(
        None,
        type=["null", "string"],
        minLength=1,
        description="A dataset's name, name@version, or a JSONL file; empty for RAGLOOP_EVALUATION_DATASET.",
    ),
    "fresh": Param(False, type="boolean", description="Ask everything again instead of reading earlier answers."),
}


@dag(
    schedule=[CANDIDATE],
    params=PARAMS,
    doc_md=__doc__,
    max_active_runs=1,
    catchup=False,
    tags=["evaluation"],
    default_args={"retries": 0},
)
def evaluate_release() -> None:
    @task
    def releases() -> list[str]:
        """What is to be evaluated: several candidates may have appeared at once."""
        from loop.steps import evaluate_release as steps

        context = get_current_context()
        return steps.releases(context["params"]["release"], _announced(context))

    # One after the other: answers that are timed must not wait for each other.
    @task(retries=1, max_active_tis_per_dagrun=1)
    def evaluate(release: str) -> str:
        from loop.steps import evaluate_release as steps

        return steps.evaluate(release, get_current_context()["params"])

    @task(outlets=[REPORT], retries=2)
    def track(evaluation_id: str) -> None:
        from loop.steps import evaluate_release as steps

        context: Any = get_current_context()
        context["outlet_events"][REPORT].extra = {"evaluation": evaluation_id}
        steps.track(evaluation_id)

    track.expand(evaluation_id=evaluate.expand(release=releases()))


def _announced(context: Any) -> list[dict[str, Any]]:
    """What the events of the asset that started the run say, oldest first; nothing in a run started by hand."""
    events = context.get("triggering_asset_events") or {}
    return [dict(event.extra or {}) for found in events.values() for event in found]


evaluate_release()
