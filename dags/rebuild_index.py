"""
### Build another index out of the same documents

Builds a new index beside the live one, with the documents split or embedded in another way. Files are not read again:
the texts come from the database. The live index goes on answering and is not changed.

`plan` compares the new index with the live one → `process` splits and embeds portions of the documents, side by side →
`commit` puts them into the new index in one step → `verify` compares every chunk of it with its document → `report`
says what was done → `candidate` makes a release of it, which waits for its evaluation and for a person.

Started by a trigger (the asset `ragloop://trigger/reindex`, updated by `monitor_feedback`), it builds what the firing
proposes: `order` takes up the first firing that waits, `refresh` reads stale sources again, into the new index only.
What came of it stands in the firing.

The run fails when nothing would be different from the live index, or when `verify` finds a difference. A run that was
killed is finished by starting it again with the same parameters; the same brings the new index up to date.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

CANDIDATE = Asset("ragloop://candidate")
"""Updated with each candidate release; the event's extra has its id as `release`."""
TRIGGER = Asset("ragloop://trigger/reindex")
"""Updated when a trigger asks for another index; the event's extra has the id of its firing as `firing`."""

PARAMS = {
    "chunk_tokens": Param(
        None,
        type=["null", "integer"],
        minimum=32,
        maximum=4096,
        description="Most tokens a chunk may have, its headings included; empty for what the live index has.",
    ),
    "embedder": Param(
        None,
        type=["null", "string"],
        minLength=1,
        description="Folder of the embedding model, as the workers see it, or the name of one that was used before; "
        "empty for the live index's.",
    ),
    "language": Param(
        None,
        type=["null", "string"],
        minLength=1,
        description="Language of the documents, or auto for each one's own; empty for the live index's.",
    ),
    "dry_run": Param(False, type="boolean", description="Only count what there is to do; change nothing."),
    "create_candidate": Param(True, type="boolean", description="Make a candidate release of the new index."),
}

# Task instances that share the work of a run: start-up and loading the model cost seconds each.
_MOST_TASKS = 16


def _run(context: Any) -> str:
    return f"Airflow run {context['run_id']} of rebuild_index"


def _tell_firing(context: Any) -> None:
    """What went wrong is put on record where the run was started for a firing."""
    from loop.steps.firings import note_failure

    note_failure(_run(context), context.get("exception"))


@dag(
    schedule=[TRIGGER],
    params=PARAMS,
    doc_md=__doc__,
    max_active_runs=1,
    catchup=False,
    tags=["ingestion"],
    default_args={"retries": 0, "on_failure_callback": _tell_firing},
)
def rebuild_index() -> None:
    @task.short_circuit(ignore_downstream_trigger_rules=True)
    def order() -> dict[str, Any] | None:
        """What is to be built; nothing if every firing that was announced is taken up already."""
        from loop.steps import rebuild_index as steps
        from loop.steps.firings import announced

        context = get_current_context()
        firings = announced(context.get("triggering_asset_events"))
        return steps.order(dict(context["params"]), firings, _run(context))

    @task
    def plan(order: dict[str, Any]) -> list[list[int]]:
        """Numbers of the portions of work, grouped by task."""
        from loop.steps import rebuild_index as steps

        return steps.plan(get_current_context()["run_id"], order, _MOST_TASKS)

    @task.short_circuit(ignore_downstream_trigger_rules=True)
    def is_real(order: dict[str, Any]) -> bool:
        """Whether anything is to be changed."""
        return not order["dry_run"]

    @task(retries=2)
    def process(order: dict[str, Any], portions: list[int]) -> None:
        from loop.steps import rebuild_index as steps

        steps.process(get_current_context()["run_id"], order, portions)

    # An index that is up to date has no portions; documents that are gone are taken out of it all the same.
    @task(trigger_rule="none_failed", retries=2)
    def commit(order: dict[str, Any]) -> None:
        from loop.steps import rebuild_index as steps

        steps.commit(get_current_context()["run_id"], order)

    @task
    def verify(order: dict[str, Any]) -> dict[str, int]:
        from loop.steps import rebuild_index as steps

        return steps.verify(get_current_context()["run_id"], order)

    @task
    def report(order: dict[str, Any]) -> dict[str, Any]:
        from loop.steps import rebuild_index as steps

        return steps.report(get_current_context()["run_id"], order)

    @task(retries=1)
    def refresh(order: dict[str, Any], result: dict[str, Any]) -> None:
        """Sources that have moved on are read again, into the new index only."""
        from loop.steps import rebuild_index as steps

        steps.refresh(order, result["collection"])

    @task.short_circuit
    def is_wanted(order: dict[str, Any]) -> bool:
        """Whether a candidate is to be made."""
        return bool(order["create_candidate"])

    @task(outlets=[CANDIDATE])
    def candidate(order: dict[str, Any], result: dict[str, Any]) -> str:
        """The candidate release's id."""
        from loop.steps import rebuild_index as steps

        context: Any = get_current_context()
        release = steps.candidate(order, result["collection"], _run(context))
        if release is None:
            raise AirflowSkipException("The new index is no better, so it is no candidate.")
        context["outlet_events"][CANDIDATE].extra = {"release": release}
        return release

    wanted = order()
    portions = plan(wanted)
    processed = process.partial(order=wanted).expand(portions=portions)
    result = report(wanted)
    is_real(wanted) >> processed >> commit(wanted) >> verify(wanted) >> result
    refresh(wanted, result) >> is_wanted(wanted) >> candidate(wanted, result)


rebuild_index()
