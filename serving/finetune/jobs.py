"""The steps of the DAG `tune_generator` as functions of plain values: one call, one process."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import ConflictError
from core.progress import LineProgress
from core.settings import Settings, load_settings
from serving.finetune.recipe import TuningOrder, make_order, make_recipe
from serving.finetune.registry import register
from serving.finetune.tuning import Tuner

_log = logging.getLogger(__name__)


def tune(params: Mapping[str, Any], dataset_sha256: str) -> dict[str, Any]:
    """Train on the rows whose hash that is; returns the order's id and the changes that make a release of the adapter.

    Started again after it was killed, it goes on from its newest checkpoint. Raises ConflictError if the rows have
    changed since they were checked.
    """
    settings = load_settings()
    order = order_of(settings, params)
    if order.training.sha256 != dataset_sha256:
        raise ConflictError(f"{params['dataset']} has changed since it was checked.", hint="Start the run again.")
    result = Tuner(settings, LineProgress(_log.info)).run(order)
    _log.info(
        "adapter %s: perplexity of held-out answers %.3f before, %.3f after",
        result.adapter,
        result.perplexity_before,
        result.perplexity_after,
    )
    return {"order": result.order, "changes": result.changes}


def register_tuning(order_id: str) -> str:
    """Log a finished tuning to MLflow and register its adapter; returns the registered version."""
    settings = load_settings()
    return register(settings, Tuner(settings, LineProgress(_log.info)).result(order_id))


def order_of(settings: Settings, params: Mapping[str, Any]) -> TuningOrder:
    """The order that a run's parameters describe."""
    recipe = make_recipe(
        params["method"], epochs=params["epochs"], rank=params["rank"], learning_rate=params["learning_rate"]
    )
    return make_order(settings, Path(params["dataset"]), Path(params["base"]), params["base_name"], recipe)
