"""The check that the DAG `tune_generator` begins with, as a function of plain values."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from core.progress import LineProgress
from core.settings import load_settings
from core.storage.database import Database
from evals.cases.training_leakage import refuse_leaks
from serving.finetune.jobs import order_of
from serving.finetune.tuning import Tuner

_log = logging.getLogger(__name__)


def check_training(params: Mapping[str, Any]) -> str:
    """The hash of the rows, if they can be trained on: sound, short enough, and of no evaluation dataset.

    Raises InputError that names the lines at fault.
    """
    settings = load_settings()
    order = order_of(settings, params)
    counts = order.training.counts() | Tuner(settings, LineProgress(_log.info)).check(order)
    database = Database.open(settings)
    try:
        compared = refuse_leaks(database, order.training)
    finally:
        database.close()
    _log.info("%s; none of %d evaluation cases among them", counts, compared)
    return order.training.sha256
