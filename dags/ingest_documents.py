"""
### Bring documents in

Reads a folder and brings the search index up to date with it: new and changed files are read, split and embedded,
vanished ones removed, unchanged ones passed over.

`plan` compares the folder with the manifest → `process` converts and embeds portions of it, side by side → `commit`
makes all of it visible in one step → `verify` compares the index with the manifest → `report` records what was done.

Files that cannot be read do not fail the run; the report names each with the reason. The run fails when the folder
cannot be listed, when it would delete nearly everything (see `allow_mass_delete`), or when `verify` finds a difference.
A run that was killed leaves nothing half-done; start it again.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, Param, dag, get_current_context, task

INDEX = Asset("ragloop://index")
"""Updated by every run that finishes."""

PARAMS = {
    "folder": Param("docs", type="string", minLength=1, description="The folder to read, as the workers see it."),
    "source": Param(
        None,
        type=["null", "string"],
        description="Name of the source, the first part of every URI; by default the folder's.",
    ),
    "access": Param(
        ["public"],
        type="array",
        items={"type": "string", "minLength": 1},
        minItems=1,
        description="Access labels of the documents: keys that carry one of them may see them.",
    ),
    "personal_data": Param(
        None,
        type=["null", "string"],
        enum=[None, "keep", "report", "mask"],
        description="Addresses and numbers of people: kept, counted in the report, or masked before anything is "
        "stored; by default as it was decided for the source before, at first kept.",
    ),
    "allow_mass_delete": Param(
        False, type="boolean", description="Go on even if more than four fifths of a large source have vanished."
    ),
    "relocated": Param(False, type="boolean", description="The source's documents have moved to this folder."),
    "dry_run": Param(False, type="boolean", description="Only count what there is to do; change nothing."),
}

# Task instances that share the work of a run: start-up and loading the model cost seconds each.
_MOST_TASKS = 16


@dag(
    schedule=None,
    params=PARAMS,
    doc_md=__doc__,
    max_active_runs=1,
    catchup=False,
    tags=["ingestion"],
    default_args={"retries": 0},
)
def ingest_documents() -> None:
    @task
    def plan() -> list[list[int]]:
        """Numbers of the portions of work, grouped by task."""
        from loop.steps import ingest_documents as steps

        context = get_current_context()
        return steps.plan(context["run_id"], context["params"], _MOST_TASKS)

    @task.short_circuit(ignore_downstream_trigger_rules=True)
    def is_real() -> bool:
        """Whether anything is to be changed."""
        return not get_current_context()["params"]["dry_run"]

    @task(retries=2)
    def process(portions: list[int]) -> None:
        from loop.steps import ingest_documents as steps

        steps.process(get_current_context()["run_id"], portions)

    # Without changed documents there is nothing to process; vanished ones are committed all the same.
    @task(trigger_rule="none_failed", retries=2)
    def commit() -> None:
        from loop.steps import ingest_documents as steps

        steps.commit(get_current_context()["run_id"])

    @task
    def verify() -> None:
        from loop.steps import ingest_documents as steps

        steps.verify(get_current_context()["run_id"])

    @task(outlets=[INDEX])
    def report() -> dict[str, Any]:
        from loop.steps import ingest_documents as steps

        return steps.report(get_current_context()["run_id"])

    portions = plan()
    is_real() >> (processed := process.expand(portions=portions)) >> commit() >> verify() >> report()
    portions >> processed


ingest_documents()
