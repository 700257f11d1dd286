"""
### Look after the answers

Every half hour: finds out why answers were voted down, measures how questions, answers and sources have changed, and
decides whether something is to be done (`check`). The thresholds stand in `loop/triggers/triggers.yaml`.

A trigger that fires has a remedy. `reindex` and `retune` propose what is to be built and start `rebuild_index` and
`tune_generator` by the assets `ragloop://trigger/reindex` and `ragloop://trigger/retune`. `refit` fits retrieval
parameters here and makes a candidate of them. `content` asks whoever owns the documents to write, on the page `/gaps`.

Every candidate is evaluated (`evaluate_release`), and its report waits for a person. Nothing here touches what is live.
Where nothing better is found, or something fails, the firing says so: `ragloop triggers show`.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

REINDEX = Asset("ragloop://trigger/reindex")
RETUNE = Asset("ragloop://trigger/retune")
"""Updated when a trigger asks for another index, or for a tuning; the event's extra has its firing's id as `firing`."""
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

    @task(outlets=[REINDEX])
    def reindex(firing: str) -> None:
        _announce(REINDEX, firing)

    @task(outlets=[RETUNE])
    def retune(firing: str) -> None:
        _announce(RETUNE, firing)

    @task(outlets=[CANDIDATE])
    def refit(firing: str) -> None:
        from loop.steps import monitor_feedback as steps

        release = steps.carry_out(firing)
        if release is None:
            raise AirflowSkipException("Nothing better was found.")
        context: Any = get_current_context()
        context["outlet_events"][CANDIDATE].extra = {"release": release}

    @task
    def content(firing: str) -> None:
        from loop.steps import monitor_feedback as steps

        steps.carry_out(firing)

    found = check()
    for name, remedy in (("reindex", reindex), ("retune", retune), ("refit", refit), ("content", content)):
        remedy.expand(firing=waiting.override(task_id=f"to_{name}")(found, name))


def _announce(asset: Asset, firing: str) -> None:
    """Propose what is to be built for the firing, and start what builds it."""
    from loop.steps import monitor_feedback as steps

    if not steps.propose(firing):
        raise AirflowSkipException("Nothing is to be built.")
    context: Any = get_current_context()
    context["outlet_events"][asset].extra = {"firing": firing}


monitor_feedback()
