"""
### Look after the answers

Every half hour: finds out why answers were voted down, measures how questions, answers and sources have changed, and
decides whether something is to be done (`check`). The thresholds stand in `loop/triggers/triggers.yaml`.

A trigger that fires has a remedy, and every remedy has two tasks here. `reindex` and `retune` propose what is to be
built and start `rebuild_index` and `tune_generator` by the assets `ragloop://trigger/reindex` and
`ragloop://trigger/retune`. `refit` fits retrieval parameters here and makes a candidate of them. `content` asks whoever
owns the documents to write, on the page `/gaps`.

Every candidate is evaluated (`evaluate_release`), and its report waits for a person. Nothing here touches what is live.
Where nothing better is found, or something fails, the firing says so: `ragloop triggers show`.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from loop.remedies.registry import all_remedies

CANDIDATE = Asset("ragloop://candidate")
"""Updated with each candidate release; the event's extra has its id as `release`."""


@dag(
    schedule="*/30 * * * *",
    doc_md=__doc__,
    max_active_runs=1,
    catchup=False,
    tags=["loop"],
    default_args={"retries": 0},
)
def monitor_feedback() -> None:
    @task(retries=2)
    def check() -> dict[str, list[str]]:
        """The firings about which nothing was done yet, by remedy."""
        from loop.steps import monitor_feedback as steps

        return steps.check()

    @task
    def waiting(found: dict[str, list[str]], remedy: str) -> list[str]:
        """Those that wait for this remedy: what the remedy's task is mapped over."""
        return found[remedy]

    @task
    def build_elsewhere(asset: str, firing: str) -> None:
        """Propose what is to be built for the firing, and start what builds it."""
        from loop.steps import monitor_feedback as steps

        if not steps.propose(firing):
            raise AirflowSkipException("Nothing is to be built.")
        _tell(asset, {"firing": firing})

    @task
    def carry_out(firing: str) -> None:
        from loop.steps import monitor_feedback as steps

        release = steps.carry_out(firing)
        if release is None:
            raise AirflowSkipException("Nothing better was found.")
        _tell(CANDIDATE.uri, {"release": release})

    @task
    def ask(firing: str) -> None:
        from loop.steps import monitor_feedback as steps

        steps.carry_out(firing)

    found = check()
    for remedy in all_remedies():
        firings = waiting.override(task_id=f"to_{remedy.name}")(found, remedy.name)
        if remedy.has_dag:
            # Updated when the remedy's DAG is to build something; the event's extra has its firing's id as `firing`.
            trigger = Asset(f"ragloop://trigger/{remedy.name}")
            builds = build_elsewhere.override(task_id=remedy.name, outlets=[trigger])
            builds.partial(asset=trigger.uri).expand(firing=firings)
        elif remedy.asks_people:
            ask.override(task_id=remedy.name).expand(firing=firings)
        else:
            carry_out.override(task_id=remedy.name, outlets=[CANDIDATE]).expand(firing=firings)


def _tell(asset: str, extra: dict[str, str]) -> None:
    """What the event of the asset says, which this task updates."""
    context: Any = get_current_context()
    context["outlet_events"][Asset(asset)].extra = extra


monitor_feedback()
