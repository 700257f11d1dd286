"""
### Tune the model that answers

Trains a LoRA adapter on rows of questions, passages and answers, and makes a release of it a candidate: its evaluation
starts by itself, and waits for a person.

`check` reads the rows and compares them with the evaluation datasets → `tune` trains and puts the adapter into the
store → `register` logs the run to MLflow and registers the adapter → `candidate` makes the release. `candidate` needs
the model server, which must be able to load the adapter.

Nothing is trained on rows that an evaluation asks. A run that was killed goes on from its newest checkpoint when it is
started again with the same parameters, and trains nothing twice.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, Param, dag, get_current_context, task

CANDIDATE = Asset("ragloop://candidate")
"""Updated with each candidate release; the event's extra has its id as `release`."""

PARAMS = {
    "dataset": Param(type="string", minLength=1, description="The training rows, a JSONL file, as the workers see it."),
    "base": Param(type="string", minLength=1, description="Folder of the base model, as the workers see it."),
    "base_name": Param("base", type="string", minLength=1, description="The name that the model server gives it."),
    "method": Param("sft", type="string", enum=["sft", "dpo"], description="Learn the answers, or to prefer them."),
    "epochs": Param(3, type="number", exclusiveMinimum=0, description="How often each row is learned from, at most."),
    "rank": Param(16, type="integer", minimum=1, maximum=512, description="Rank of the adapter's matrices."),
    "learning_rate": Param(
        None, type=["null", "number"], exclusiveMinimum=0, description="Size of a step; empty for the method's own."
    ),
    "create_candidate": Param(True, type="boolean", description="Make a candidate release of the adapter."),
}


@dag(
    schedule=None,
    params=PARAMS,
    doc_md=__doc__,
    max_active_runs=1,
    catchup=False,
    tags=["tuning"],
    default_args={"retries": 0},
)
def tune_generator() -> None:
    @task
    def check() -> str:
        """The rows' hash."""
        from evals.tuning_jobs import check_training

        return check_training(get_current_context()["params"])

    @task(retries=2)
    def tune(dataset_sha256: str) -> dict[str, Any]:
        from serving.finetune.jobs import tune as run

        return run(get_current_context()["params"], dataset_sha256)

    @task(retries=2)
    def register(result: dict[str, Any]) -> str:
        """The registered version. An MLflow that is down does not keep the adapter from becoming a candidate."""
        from serving.finetune.jobs import register_tuning

        return register_tuning(result["order"])

    @task.short_circuit
    def is_wanted() -> bool:
        """Whether a candidate is to be made."""
        return bool(get_current_context()["params"]["create_candidate"])

    @task(outlets=[CANDIDATE], retries=1)
    def candidate(result: dict[str, Any]) -> str:
        """The candidate release's id."""
        from serving.jobs import create_candidate

        context = get_current_context()
        release = create_candidate(result["changes"], "tune_generator", f"Airflow run {context['run_id']}")
        context["outlet_events"][CANDIDATE].extra = {"release": release}
        return release

    result = tune(check())
    register(result)
    result >> is_wanted() >> candidate(result)


tune_generator()
