"""Prints what Airflow finds in the DAG folder, as JSON. A process of its own: Airflow reads its settings on import."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

HEAVY = ("kreuzberg", "openvino", "qdrant_edge", "sentence_transformers", "torch", "trafilatura", "pebble", "ingestion")


def describe() -> dict[str, Any]:
    from airflow.dag_processing.dagbag import DagBag

    # The processor's: what else the machine does is none of the DAGs' doing.
    started = time.process_time()
    bag = DagBag()
    seconds = time.process_time() - started
    return {
        "import_errors": dict(bag.import_errors),
        "seconds": seconds,
        "heavy": [name for name in HEAVY if name in sys.modules],
        "dags": {
            dag.dag_id: {
                "doc": dag.doc_md or "",
                "max_active_runs": dag.max_active_runs,
                "catchup": dag.catchup,
                "started_by": [asset.uri for asset in dag.schedule] if isinstance(dag.schedule, list) else [],
                "params": {name: dag.params.get_param(name).dump() for name in dag.params},
                "tasks": {
                    task.task_id: {
                        "upstream": sorted(task.upstream_task_ids),
                        "retries": task.retries,
                        "trigger_rule": str(task.trigger_rule),
                        "mapped": bool(task.is_mapped),
                        "outlets": [asset.uri for asset in task.outlets],
                    }
                    for task in dag.tasks
                },
            }
            for dag in bag.dags.values()
        },
    }


if __name__ == "__main__":
    print(json.dumps(describe()))
