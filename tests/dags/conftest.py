"""What Airflow finds in the DAG folder, and an Airflow whose database is migrated: each made once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings, child_environment
from tests.support.airflow_server import AIRFLOW, LaidAirflow
from tools.airflow_home import airflow_environment


@pytest.fixture(scope="session")
def described(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """The DAGs as Airflow reads them, by tests/support/describe_dags.py."""
    script = Path(__file__).parents[1] / "support" / "describe_dags.py"
    settings = Settings(home=tmp_path_factory.mktemp("described"))
    environment = child_environment(**airflow_environment(settings))
    output = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True)
    return json.loads(output.stdout.splitlines()[-1])  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def lay_airflow(tmp_path_factory: pytest.TempPathFactory) -> LaidAirflow:
    """Puts a migrated Airflow into an installation and gives the environment of its commands. Migrating takes 12 s."""
    template = Settings(home=tmp_path_factory.mktemp("migrated"))
    subprocess.run(
        [AIRFLOW, "db", "migrate"],
        env=child_environment(**airflow_environment(template)), check=True, capture_output=True,
    )  # fmt: skip

    def lay(settings: Settings) -> Mapping[str, str]:
        shutil.copytree(
            template.home / "airflow", settings.home / "airflow", ignore=shutil.ignore_patterns("logs", "airflow.cfg")
        )
        return child_environment(**airflow_environment(settings))

    return lay
