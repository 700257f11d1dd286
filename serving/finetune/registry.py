"""Tunings in MLflow: a run with its numbers, and the adapter as a version of one registered model.

The adapter that is served is the one in our store; MLflow gets a copy of it, so an MLflow that is down loses nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from core.settings import Settings
from core.tracking import LONGEST_PARAMETER, has_records, open_experiment
from serving.adapters.checks import TRAINING
from serving.adapters.store import Adapter, AdapterStore
from serving.finetune.tuning import TuningResult

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "ragloop-tuning"
MODEL = "ragloop-generator"
"""The registered model whose versions are adapters."""
_ORDER = "ragloop.order"
_DIGEST = "adapter_digest"
_ARTIFACT = "adapter"
# What MLflow takes in one call.
_MOST_AT_ONCE = 1000
_HINT = (
    "The adapter itself is safe. Check RAGLOOP_MLFLOW_TRACKING_URI, then run the same tuning again: "
    "it trains nothing twice."
)
_ERASE_HINT = "Check RAGLOOP_MLFLOW_TRACKING_URI, then erase again: what is erased already is passed over."
_REMOVE_HINT = "Check RAGLOOP_MLFLOW_TRACKING_URI, then remove the adapter again: nothing of it is removed yet."


def register(settings: Settings, result: TuningResult) -> str:
    """Log the tuning and register its adapter; returns the version. What is there already is left as it is.

    Raises UnavailableError when the tracking server or its store cannot be used, AdapterError if the adapter is gone.
    """
    adapter = AdapterStore(settings.adapters).get(result.adapter)
    with open_experiment(settings, EXPERIMENT, "The tuning is not in MLflow", _HINT) as (client, experiment):
        run_id = _logged(client, experiment, result, adapter)
        return _version(client, run_id, result)


def rewrite_taught(settings: Settings, change: Callable[[Path, str], int]) -> None:
    """Let `change` rewrite the copies of what adapters were taught, in the store or not: it is handed a file and the
    adapter's digest, and returns how much it changed. MLflow has the file as it was until then.

    Raises UnavailableError when the tracking server or its store cannot be used.
    """
    if not has_records(settings):
        return
    lost = "What adapters were taught is still in MLflow"
    with open_experiment(settings, EXPERIMENT, lost, _ERASE_HINT) as (client, experiment):
        for run, digest in _runs(client, experiment):
            _change(client, run, digest, change)


def forget(settings: Settings, digest: str) -> int:
    """Delete MLflow's copies of an adapter, and its versions of the registered model; the tunings' figures stay.
    Returns how many copies there were. Raises as `rewrite_taught`."""
    if not has_records(settings):
        return 0
    lost = "Copies of the adapter are still in MLflow"
    with open_experiment(settings, EXPERIMENT, lost, _REMOVE_HINT) as (client, experiment):
        for version in client.search_model_versions(f"name = '{MODEL}'"):
            if version.tags.get(_DIGEST) == digest:
                client.delete_model_version(MODEL, str(version.version))
        return sum(_forgotten(client, run) for run, made in _runs(client, experiment) if made == digest)


def _forgotten(client: MlflowClient, run_id: str) -> bool:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    if not client.list_artifacts(run_id, _ARTIFACT):
        return False
    artifacts = get_artifact_repository(client.get_run(run_id).info.artifact_uri)
    artifacts.delete_artifacts(_ARTIFACT)  # type: ignore[no-untyped-call]
    return True


def _runs(client: MlflowClient, experiment: str) -> Iterator[tuple[str, str]]:
    """Every tuning: its run's id and its adapter's digest."""
    page: str | None = None
    while page != "":
        runs = client.search_runs([experiment], page_token=page)
        yield from ((run.info.run_id, run.data.params.get(_DIGEST, "")) for run in runs)
        page = runs.token or ""


def _change(client: MlflowClient, run_id: str, digest: str, change: Callable[[Path, str], int]) -> None:
    name = f"{_ARTIFACT}/{TRAINING}"
    if name not in {each.path for each in client.list_artifacts(run_id, _ARTIFACT)}:
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(client.download_artifacts(run_id, name, folder))
        if change(copy, digest):
            client.log_artifact(run_id, str(copy), _ARTIFACT)


def _logged(client: MlflowClient, experiment: str, result: TuningResult, adapter: Adapter) -> str:
    known = client.search_runs([experiment], f"tags.`{_ORDER}` = '{result.order}'", max_results=1)
    if known and known[0].info.status == "FINISHED" and known[0].data.params.get(_DIGEST) == result.adapter:
        return str(known[0].info.run_id)
    name = f"{result.parameters['method']} {result.adapter[:12]}"
    run_id: str = client.create_run(experiment, run_name=name, tags={_ORDER: result.order}).info.run_id
    for key, value in _parameters(result).items():
        client.log_param(run_id, key, value[:LONGEST_PARAMETER])
    _log_metrics(client, run_id, result)
    client.log_dict(run_id, result.model_dump(mode="json"), "tuning.json")
    for file in sorted(adapter.folder.iterdir()):
        client.log_artifact(run_id, str(file), _ARTIFACT)
    client.set_terminated(run_id)
    return run_id


def _parameters(result: TuningResult) -> dict[str, str]:
    facts = result.model_dump(
        include={
            "base_model",
            "base_digest",
            "dataset_sha256",
            "prompt",
            "prompt_sha256",
            "language",
            "train_rows",
            "held_out_rows",
        }
    )
    libraries = {f"library.{name}": version for name, version in result.libraries.items()}
    return {
        name: str(value) for name, value in {**facts, **result.parameters, **libraries, _DIGEST: result.adapter}.items()
    }


def _log_metrics(client: MlflowClient, run_id: str, result: TuningResult) -> None:
    """Every measurement at its step, and the figures of the whole."""
    from mlflow.entities import Metric

    figures = ("held_out_loss", "perplexity_before", "perplexity_after", "seconds")
    metrics = [Metric(name, getattr(result, name), 0, result.steps) for name in figures]
    for entry in result.history:
        step = int(entry.get("step", 0))
        metrics += [Metric(name, value, 0, step) for name, value in entry.items() if name != "step"]
    for start in range(0, len(metrics), _MOST_AT_ONCE):
        client.log_batch(run_id, metrics=metrics[start : start + _MOST_AT_ONCE])


def _version(client: MlflowClient, run_id: str, result: TuningResult) -> str:
    if not client.search_registered_models(f"name = '{MODEL}'"):
        client.create_registered_model(MODEL, description="LoRA adapters of the model that answers.")
    for version in client.search_model_versions(f"name = '{MODEL}'"):
        if version.tags.get(_DIGEST) == result.adapter:
            return str(version.version)
    tags = {_DIGEST: result.adapter, "base_model": result.base_model, "base_digest": result.base_digest}
    source = f"{client.get_run(run_id).info.artifact_uri}/{_ARTIFACT}"
    return str(client.create_model_version(MODEL, source, run_id, tags=tags).version)
