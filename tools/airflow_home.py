"""How Airflow is set up on this machine: everything in the home folder, nothing reported to anyone, no examples.

Airflow reads its settings from the environment of its processes; this is that environment.
"""

from __future__ import annotations

from pathlib import Path

from core.settings import PREFIX, Settings

_DAGS = Path(__file__).parents[1] / "dags"


def airflow_environment(settings: Settings) -> dict[str, str]:
    """The variables that `airflow` needs, to be laid over the process's own: `child_environment(**this)`."""
    home = settings.home / "airflow"
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(_DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        # A task that embeds uses every core; two at a time keep them busy while one loads its model.
        "AIRFLOW__CORE__PARALLELISM": "2",
        # While one embeds, Airflow's own server may take longer to answer a task than the 5 s it has by default, and a
        # task that gave up on that account need not wait for five minutes.
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "10",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        # The DAG folder alone is on Airflow's path; the packages that it wires lie beside it.
        "PYTHONPATH": str(_DAGS.parent),
        # Tasks read the same settings as the process that starts them.
        f"{PREFIX}HOME": str(settings.home),
    }
