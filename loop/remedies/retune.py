"""The remedy for answers that are wrong though the right passage was read: an adapter trained on answers that people
accepted as right, if it does better on those of them that are held out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import ConflictError, InputError, UnavailableError
from core.feedback import Firing
from core.progress import LineProgress
from core.settings import Settings
from core.storage.database import Database
from evals.cases.training_leakage import refuse_leaks
from loop.feedback.acceptance import training_rows
from retrieval.durable import replace_file
from serving.factory import Services
from serving.finetune.dataset import TrainingRow
from serving.finetune.recipe import order_of
from serving.finetune.registry import register
from serving.finetune.tuning import Tuner, TuningResult
from serving.releases.champion import current_champion

# Fewer rows are less than one step of a tuning.
LEAST_ROWS = 8
# From so many pairs of a good and a bad answer on they are preferred to good answers alone: the steps of DPO are small,
# and a few dozens of pairs move nothing (docs/explanation/when-to-tune.md).
LEAST_PAIRS = 500

Say = Callable[[str], None]


def propose_retune(services: Services, firing: Firing) -> dict[str, Any]:
    """{"rows": where they will be written, "method", "base", …}: the parameters of the DAG `tune_generator`, as JSON.

    Raises ConflictError where nothing can be tuned: no model, too few rows. Raises InputError without a base model.
    """
    settings = services.settings
    generator = current_champion(services).manifest.generator
    if generator.kind != "llm" or not generator.base_model:
        raise ConflictError(
            "The champion quotes the documents: there is no model to tune.",
            hint="docs/how-to/serve-a-model.md says how to let one answer.",
        )
    if settings.tuning_base is None:
        raise InputError(
            "Where the base model lies is not known here.", hint="Set RAGLOOP_TUNING_BASE to the folder of its files."
        )
    rows = training_rows(services.database)
    if len(rows) < LEAST_ROWS:
        raise ConflictError(
            f"There are {len(rows)} accepted training rows; {LEAST_ROWS} are needed.",
            hint="Accept more feedback under /feedback: half of it, by a hash, becomes training rows.",
        )
    method = method_for(rows)
    return {
        "rows": str(rows_file(settings, firing.id)),
        "count": len(_rows_for(method, rows)),
        "method": method,
        "base": str(settings.tuning_base),
        "base_name": generator.base_model,
        "epochs": settings.tuning_epochs,
        "rank": settings.tuning_rank,
        "learning_rate": settings.tuning_learning_rate,
    }


def method_for(rows: Sequence[TrainingRow]) -> str:
    """dpo if enough rows have an answer to avoid, else sft. Pure."""
    return "dpo" if sum(row.rejected is not None for row in rows) >= LEAST_PAIRS else "sft"


def rows_file(settings: Settings, firing_id: str) -> Path:
    """Where the rows of a firing's tuning lie while it runs."""
    return settings.home / "tuning" / f"rows-{firing_id[:8]}.jsonl"


def write_rows(database: Database, proposal: Mapping[str, Any]) -> int:
    """Write the rows that are accepted now; returns how many."""
    rows = _rows_for(str(proposal["method"]), training_rows(database))
    path = Path(str(proposal["rows"]))
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(row.model_dump(mode="json"), ensure_ascii=False) for row in rows)
    replace_file(path, "".join(f"{line}\n" for line in lines).encode())
    return len(rows)


def remove_rows(proposal: Mapping[str, Any]) -> None:
    """Remove them again: what people said is kept in the database, where an erasure finds it."""
    Path(str(proposal["rows"])).unlink(missing_ok=True)


def tuning_params(proposal: Mapping[str, Any]) -> dict[str, Any]:
    """The proposal as the steps of the DAG `tune_generator` take it."""
    wanted = ("method", "base", "base_name", "epochs", "rank", "learning_rate")
    return {"dataset": proposal["rows"], **{name: proposal[name] for name in wanted}}


def tune(services: Services, proposal: Mapping[str, Any], say: Say) -> TuningResult:
    """Train the adapter. Raises InputError for rows that hold what an evaluation asks."""
    with _written(services.database, proposal):
        order = order_of(services.settings, tuning_params(proposal))
        compared = refuse_leaks(services.database, order.training)
        say(f"{len(order.training.rows)} rows; none of {compared} evaluation cases among them")
        result = Tuner(services.settings, LineProgress(say)).run(order)
    try:
        register(services.settings, result)
    except UnavailableError as error:
        say(f"{error.message} {error.hint}")
    return result


def outcome(perplexity_before: float, perplexity_after: float) -> str | None:
    """Why no candidate is made of an adapter; None if one is. Pure."""
    if perplexity_after < perplexity_before:
        return None
    return (
        f"The tuned model writes the held-out answers no better: perplexity {perplexity_after:.3f}, without the "
        f"adapter {perplexity_before:.3f}."
    )


def measured(result: TuningResult) -> dict[str, Any]:
    """What came of a tuning, for the proposal."""
    wanted = {"adapter", "steps", "train_rows", "held_out_rows", "perplexity_before", "perplexity_after", "seconds"}
    return result.model_dump(mode="json", include=wanted)


def _rows_for(method: str, rows: Sequence[TrainingRow]) -> list[TrainingRow]:
    return [row for row in rows if row.rejected is not None] if method == "dpo" else list(rows)


@contextmanager
def _written(database: Database, proposal: Mapping[str, Any]) -> Iterator[None]:
    """The rows are in their file within the block."""
    write_rows(database, proposal)
    try:
        yield
    finally:
        remove_rows(proposal)
