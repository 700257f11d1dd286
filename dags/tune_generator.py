"""
### Tune the model that answers

Trains a LoRA adapter on rows of questions, passages and answers, and makes a release of it a candidate: its evaluation
starts by itself, and waits for a person.

`check` reads the rows and compares them with the evaluation datasets → `tune` trains and puts the adapter into the
store → `register` logs the run to MLflow and registers the adapter → `candidate` makes the release. `candidate` needs
the model server, which must be able to load the adapter.

Started by a trigger (the asset `ragloop://trigger/retune`, updated by `monitor_feedback`), it trains on what people
accepted as right answers: `order` takes up the first firing that waits and writes the rows down. An adapter that writes
held-out answers no better becomes no candidate then. What came of it stands in the firing.

Nothing is trained on rows that an evaluation asks. A run that was killed goes on from its newest checkpoint when it is
started again with the same parameters, and trains nothing twice.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

CANDIDATE = Asset("ragloop://candidate")
"""Updated with each candidate release; the event's extra has its id as `release`."""
TRIGGER = Asset("ragloop://trigger/retune")
"""Updated when a trigger asks for a tuning; the event's extra has the id of its firing as `firing`."""

PARAMS = {
    "dataset": Param(
        None,
        type=["null", "string"],
        minLength=1,
        description="The training rows, a JSONL file, as the workers see it; a run that a trigger started has its own.",
    ),
    "base": Param(
        None,
        type=["null", "string"],
        minLength=1,
        description="Folder of the base model, as the workers see it; empty for RAGLOOP_TUNING_BASE.",
    ),
    "base_name": Param("base", type="string", minLength=1, description="The name that the model server gives it."),
    "method": Param("sft", type="string", enum=["sft", "dpo"], description="Learn the answers, or to prefer them."),
    "epochs": Param(3, type="number", exclusiveMinimum=0, description="How often each row is learned from, at most."),
    "rank": Param(16, type="integer", minimum=1, maximum=512, description="Rank of the adapter's matrices."),
    "learning_rate": Param(
        None, type=["null", "number"], exclusiveMinimum=0, description="Size of a step; empty for the method's own."
    ),
    "prompt": Param(
        None,
        type=["null", "integer"],
        minimum=1,
        description="Version of the prompt `answer` that the rows are put in; empty for that of the live release.",
    ),
    "create_candidate": Param(True, type="boolean", description="Make a candidate release of the adapter."),
}


def _run(context: Any) -> str:
    return f"Airflow run {context['run_id']} of tune_generator"


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
    tags=["tuning"],
    default_args={"retries": 0, "on_failure_callback": _tell_firing},
)
def tune_generator() -> None:
    @task.short_circuit(ignore_downstream_trigger_rules=True)
    def order() -> dict[str, Any] | None:
        """What is to be trained; nothing if every firing that was announced is taken up already."""
        from loop.steps import tune_generator as steps
        from loop.steps.firings import announced

        context = get_current_context()
        firings = announced(context.get("triggering_asset_events"))
        return steps.order(dict(context["params"]), firings, _run(context))

    @task
    def check(order: dict[str, Any]) -> str:
        """The rows' hash."""
        from loop.steps import tune_generator as steps

        return steps.check(order)

    @task(retries=2)
    def tune(order: dict[str, Any], dataset_sha256: str) -> dict[str, Any]:
        from loop.steps import tune_generator as steps

        return steps.tune(order, dataset_sha256)

    @task(retries=2)
    def register(result: dict[str, Any]) -> str:
        """The registered version. An MLflow that is down does not keep the adapter from becoming a candidate."""
        from loop.steps import tune_generator as steps

        return steps.register(result["order"])

    @task.short_circuit
    def is_wanted(order: dict[str, Any]) -> bool:
        """Whether a candidate is to be made."""
        return bool(order["create_candidate"])

    @task(outlets=[CANDIDATE], retries=1)
    def candidate(order: dict[str, Any], result: dict[str, Any]) -> str:
        """The candidate release's id."""
        from loop.steps import tune_generator as steps

        context: Any = get_current_context()
        release = steps.candidate(order, result, _run(context))
        if release is None:
            raise AirflowSkipException("The adapter is no better, so it is no candidate.")
        context["outlet_events"][CANDIDATE].extra = {"release": release}
        return release

    wanted = order()
    result = tune(wanted, check(wanted))
    register(result)
    result >> is_wanted(wanted) >> candidate(wanted, result)


tune_generator()
