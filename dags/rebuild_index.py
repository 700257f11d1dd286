"""
### Build another index out of the same documents

Builds a new index beside the live one, with the documents split or embedded in another way. Files are not read again:
the texts come from the database. The live index goes on answering and is not changed.

`plan` compares the new index with the live one → `process` splits and embeds portions of the documents, side by side →
`commit` puts them into the new index in one step → `verify` compares every chunk of it with its document → `report`
says what was done → `candidate` makes a release of it, which waits for its evaluation and for a person.

The run fails when nothing would be different from the live index, or when `verify` finds a difference. A run that was
killed is finished by starting it again with the same parameters; the same brings the new index up to date.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import Asset, Param, dag, get_current_context, task

CANDIDATE = Asset("ragloop://candidate")
"""Updated with each candidate release; the event's extra has its id as `release`."""

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
        description="Language of stemming and stop words; empty for the live index's.",
    ),
    "dry_run": Param(False, type="boolean", description="Only count what there is to do; change nothing."),
    "create_candidate": Param(True, type="boolean", description="Make a candidate release of the new index."),
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
def rebuild_index() -> None:
    @task
    def plan() -> list[list[int]]:
        """Numbers of the portions of work, grouped by task."""
        from ingestion.rebuild_jobs import plan_rebuild

        context = get_current_context()
        return plan_rebuild(context["run_id"], context["params"], _MOST_TASKS)

    @task.short_circuit(ignore_downstream_trigger_rules=True)
    def is_real() -> bool:
        """Whether anything is to be changed."""
        return not get_current_context()["params"]["dry_run"]

    @task(retries=2)
    def process(portions: list[int]) -> None:
        from ingestion.rebuild_jobs import process_rebuild

        context = get_current_context()
        process_rebuild(context["run_id"], context["params"], portions)

    # An index that is up to date has no portions; documents that are gone are taken out of it all the same.
    @task(trigger_rule="none_failed", retries=2)
    def commit() -> None:
        from ingestion.rebuild_jobs import commit_rebuild

        context = get_current_context()
        commit_rebuild(context["run_id"], context["params"])

    @task
    def verify() -> dict[str, int]:
        from ingestion.rebuild_jobs import verify_rebuild

        context = get_current_context()
        return verify_rebuild(context["run_id"], context["params"])

    @task
    def report() -> dict[str, Any]:
        from ingestion.rebuild_jobs import report_rebuild
        from ingestion.report import summary

        context = get_current_context()
        result = report_rebuild(context["run_id"], context["params"])
        logging.getLogger(__name__).info("%s: %s", result["collection"], summary(result))
        return result

    @task.short_circuit
    def is_wanted() -> bool:
        """Whether a candidate is to be made."""
        return bool(get_current_context()["params"]["create_candidate"])

    @task(outlets=[CANDIDATE])
    def candidate(result: dict[str, Any]) -> str:
        """The candidate release's id."""
        from serving.jobs import create_candidate

        context = get_current_context()
        release = create_candidate(
            {"collection": result["collection"]}, "rebuild_index", f"Airflow run {context['run_id']}"
        )
        context["outlet_events"][CANDIDATE].extra = {"release": release}
        return release

    portions = plan()
    is_real() >> (processed := process.expand(portions=portions)) >> commit() >> verify() >> (result := report())
    portions >> processed
    result >> is_wanted() >> candidate(result)


rebuild_index()
