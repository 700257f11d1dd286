"""`ragloop tune` as people run it: a process that is checked, killed, started again, and leaves an adapter in MLflow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings, child_environment, load_settings
from core.tracking import tracking_uri
from evals.cases.cases import DATASETS, load_cases
from serving.adapters.store import AdapterStore
from serving.finetune.registry import EXPERIMENT, MODEL
from tests.support.tiny_model import tiny_model
from tests.support.training_rows import row, write_rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROWS = [row(number, rejected="I will not say.") for number in range(60)]


class Installation:
    """A home folder, a model, rows, and the command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = tiny_model(folder / "model")
        self.rows = write_rows(folder / "rows.jsonl", ROWS)
        self.settings: Settings = load_settings(home=folder / "home")

    def start(self, *options: str, rows: Path | None = None, **settings: str) -> subprocess.Popen[str]:
        command = [
            str(Path(sys.executable).with_name("ragloop")),
            "tune",
            str(rows or self.rows),
            "--base",
            str(self.model),
        ]
        environment = child_environment(RAGLOOP_HOME=str(self.settings.home), OMP_NUM_THREADS="1", **settings)
        return subprocess.Popen(
            [*command, "--rank", "4", *options],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *options: str, rows: Path | None = None, **settings: str) -> tuple[int, Any, str]:
        """Exit code, the JSON object on standard output, what was said on standard error."""
        process = self.start(*options, "--json", rows=rows, **settings)
        output, said = process.communicate(timeout=300)
        return process.returncode, json.loads(output), said

    def checkpoints(self) -> Sequence[Path]:
        return sorted(self.settings.home.glob("tuning/*/checkpoints/checkpoint-*/trainer_state.json"))


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def test_rows_are_checked_without_training(installation: Installation) -> None:
    code, counts, _ = installation.run("--check")
    assert code == 0
    assert counts["rows"] == counts["train_rows"] + counts["held_out_rows"] == 60
    assert counts["with_rejected"] == 60
    assert not AdapterStore(installation.settings.adapters).digests()


def test_rows_of_an_evaluation_are_refused_before_anything_is_trained(installation: Installation) -> None:
    case = load_cases(DATASETS / "handbook.jsonl")[0]
    rows = write_rows(installation.folder / "leaky.jsonl", [*ROWS, row(99, question=case.question)])
    code, told, _ = installation.run(rows=rows)
    assert code == 2
    assert f"line 61: the question of case {case.id} of handbook" in told["error"]["message"]
    assert not AdapterStore(installation.settings.adapters).digests()


@pytest.mark.parametrize(
    "blow",
    [signal.SIGKILL, *(pytest.param(blow, marks=pytest.mark.nightly) for blow in (signal.SIGTERM, signal.SIGINT))],
)
def test_stopped_in_the_middle_the_same_command_goes_on_and_registers_the_adapter(
    installation: Installation, blow: signal.Signals
) -> None:
    process = installation.start("--epochs", "12")
    _wait(lambda: bool(installation.checkpoints()), 200)
    os.kill(process.pid, blow)
    _, said = process.communicate(timeout=100)
    wanted = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 128 + signal.SIGTERM, signal.SIGINT: 130}
    assert process.returncode == wanted[blow], said
    assert "Traceback" not in said
    assert installation.checkpoints()

    code, result, said = installation.run("--epochs", "12", "--merge", str(installation.folder / "merged"))
    assert code == 0, said
    assert "going on from checkpoint-" in said
    assert (installation.folder / "merged" / "model.safetensors").is_file()
    assert not installation.checkpoints()
    _assert_registered(installation.settings, result)

    code, again, said = installation.run("--epochs", "12")
    assert (code, again["adapter"], again["mlflow_version"]) == (0, result["adapter"], result["mlflow_version"])
    assert "finished already" in said


def _assert_registered(settings: Settings, result: Any) -> None:
    from mlflow import MlflowClient

    assert result["adapter"] in AdapterStore(settings.adapters).digests()
    assert f"--set generator.adapter_digest={result['adapter']}" in result["next"][0]
    client = MlflowClient(tracking_uri=tracking_uri(settings))
    version = client.get_model_version(MODEL, result["mlflow_version"])
    assert version.tags["adapter_digest"] == result["adapter"]
    (run,) = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    assert run.info.run_id == version.run_id
    assert run.data.params["dataset_sha256"] == result["dataset_sha256"]
    assert run.data.params["base_digest"] == result["base_digest"]
    losses = client.get_metric_history(run.info.run_id, "eval_loss")
    assert [metric.step for metric in losses][-1] == result["steps"]
    stored = {artifact.path for artifact in client.list_artifacts(run.info.run_id, "adapter")}
    assert "adapter/adapter_model.safetensors" in stored


def test_an_mlflow_that_is_down_loses_nothing(installation: Installation) -> None:
    nobody = "http://127.0.0.1:9"
    code, result, said = installation.run(
        "--epochs", "1", RAGLOOP_MLFLOW_TRACKING_URI=nobody, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0"
    )
    assert code == 0, said
    assert result["mlflow_version"] is None
    assert "The tuning is not in MLflow" in said
    assert result["adapter"] in AdapterStore(installation.settings.adapters).digests()
    code, again, said = installation.run("--epochs", "1")  # MLflow is back
    assert (code, again["adapter"], again["mlflow_version"]) == (0, result["adapter"], "1")
    assert "finished already" in said


def _wait(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.1)
