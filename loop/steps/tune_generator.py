"""The steps of the DAG `tune_generator`. They begin with an order, as those of `rebuild_index`: the parameters of a
tuning, and the id of the `firing` that asked for it, None for a person's."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import ConflictError, InputError
from core.progress import LineProgress
from core.settings import load_settings
from core.storage.database import Database
from evals.cases.training_leakage import refuse_leaks
from loop.steps.firings import made_candidate, ordered, taken_up
from serving.finetune.recipe import live_prompt, order_of
from serving.finetune.registry import register as register_adapter
from serving.finetune.tuning import Tuner

_log = logging.getLogger(__name__)


def order(params: Mapping[str, Any], firing_ids: Sequence[str], run: str) -> dict[str, Any] | None:
    """The parameters of a tuning, as loop.steps.rebuild_index has those of a rebuild. A firing's rows are written."""
    if not firing_ids:
        return {**_by_hand(params), "firing": None}
    firing = taken_up(firing_ids, run)
    return None if firing is None else {**params, **ordered(firing)}


def check(wanted: Mapping[str, Any]) -> str:
    """The hash of the rows, if they can be trained on: sound, short enough, and of no evaluation dataset.

    Raises InputError that names the lines at fault.
    """
    settings = load_settings()
    tuning = order_of(settings, wanted)
    counts = tuning.training.counts() | Tuner(settings, LineProgress(_log.info)).check(tuning)
    with Database.open(settings) as database:
        compared = refuse_leaks(database, tuning.training)
    _log.info("%s; none of %d evaluation cases among them", counts, compared)
    return tuning.training.sha256


def tune(wanted: Mapping[str, Any], dataset_sha256: str) -> dict[str, Any]:
    """Train on the rows whose hash that is; returns the order's id and the changes that make a release of the adapter.

    Started again after it was killed, it goes on from its newest checkpoint. Raises ConflictError if the rows have
    changed since they were checked.
    """
    settings = load_settings()
    tuning = order_of(settings, wanted)
    if tuning.training.sha256 != dataset_sha256:
        raise ConflictError(f"{wanted['dataset']} has changed since it was checked.", hint="Start the run again.")
    result = Tuner(settings, LineProgress(_log.info)).run(tuning)
    _log.info(
        "adapter %s: perplexity of held-out answers %.3f before, %.3f after",
        result.adapter,
        result.perplexity_before,
        result.perplexity_after,
    )
    return {"order": result.order, "changes": result.changes}


def register(order_id: str) -> str:
    """Log a finished tuning to MLflow and register its adapter; returns the registered version."""
    settings = load_settings()
    return register_adapter(settings, Tuner(settings, LineProgress(_log.info)).result(order_id))


def candidate(wanted: Mapping[str, Any], tuned: Mapping[str, Any], run: str) -> str | None:
    """Make a candidate of the adapter, unless a firing asked for it and it is no better; returns its id. `tuned` is
    what `tune` returned."""
    return made_candidate(wanted["firing"], tuned, "tune_generator", run)


def _by_hand(params: Mapping[str, Any]) -> dict[str, Any]:
    """Raises InputError without rows or a base model."""
    settings = load_settings()
    base = params["base"] or settings.tuning_base
    if not params["dataset"] or not base:
        raise InputError(
            "A tuning that is started by hand needs `dataset`, a file of rows, and `base`, the model's folder.",
            hint="Set both among the run's parameters; RAGLOOP_TUNING_BASE may name the folder.",
        )
    with Database.open(settings) as database:
        return {**params, "base": str(base), "prompt": params["prompt"] or live_prompt(database)}
