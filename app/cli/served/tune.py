"""`ragloop tune`: a LoRA adapter out of training rows, into the store and into MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.console import JsonOption, note, print_json, say
from core.errors import UnavailableError

if TYPE_CHECKING:
    from core.settings import Settings
    from serving.finetune.recipe import TuningOrder
    from serving.finetune.tuning import TuningResult


def tune(
    dataset: Annotated[Path, typer.Argument(help="Training rows: JSONL, as docs/reference/datasets.md describes it.")],
    base: Annotated[Path, typer.Option(help="Folder of the base model: config, tokenizer, *.safetensors.")],
    name: Annotated[str, typer.Option(help="The name under which the model server offers the base model.")] = "base",
    method: Annotated[
        str, typer.Option(help="sft learns the answers; dpo learns to prefer them to the rows' `rejected`.")
    ] = "sft",
    epochs: Annotated[float, typer.Option(help="How often each row is learned from, at most.")] = 3.0,
    rank: Annotated[int, typer.Option(help="Rank of the adapter's matrices: more can learn more.")] = 16,
    learning_rate: Annotated[
        float | None, typer.Option(help="Size of a step. Default: 0.0002 for sft, 0.00002 for dpo.")
    ] = None,
    batch: Annotated[int, typer.Option(help="Rows per step.")] = 8,
    rows_at_once: Annotated[int, typer.Option(help="Rows in memory at once: lower it if memory runs out.")] = 4,
    held_out: Annotated[float, typer.Option(help="Share of the questions that is measured on, not trained on.")] = 0.1,
    patience: Annotated[int, typer.Option(help="Stop after so many measurements without a better loss.")] = 3,
    seed: Annotated[int, typer.Option(help="The same seed, rows and model make the same adapter.")] = 7,
    prompt: Annotated[
        int | None, typer.Option(help="Version of the prompt `answer`. Default: that of the live release.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only read the rows and say what is in them.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew instead of going on, or doing nothing.")] = False,
    merge: Annotated[
        Path | None, typer.Option(help="Also write base model and adapter as one model to this new folder.")
    ] = None,
    candidate: Annotated[
        bool, typer.Option("--candidate", help="Also make a candidate release; needs the model server.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a LoRA adapter on questions, passages and the answers they should get.

    Prompts are rendered as serving renders them. A share of the questions is held out: the loss on them decides when
    to stop, and perplexity before and after says what was learned. Rows that an evaluation dataset asks are refused.

    Stopped by Ctrl-C or killed, the same command goes on from its newest checkpoint; finished, it trains nothing twice.

    \b
    ragloop tune rows.jsonl --base models/llama --check    what is in the rows
    ragloop tune rows.jsonl --base models/llama            train
    """
    from core.settings import load_settings
    from core.telemetry import configure_logging
    from serving.finetune.recipe import make_order, make_recipe

    settings = load_settings()
    configure_logging("warning")
    recipe = make_recipe(
        method,
        epochs=epochs,
        rank=rank,
        learning_rate=learning_rate,
        batch=batch,
        rows_at_once=rows_at_once,
        held_out=held_out,
        patience=patience,
        seed=seed,
    )
    order = make_order(settings, dataset, base, name, recipe, prompt or _live_prompt(settings))
    counts = _checked(settings, order)
    if check:
        _show_counts(counts, as_json)
        return
    if merge is not None:
        from serving.finetune.model_folder import require_new

        require_new(merge)
    result = _tuned(settings, order, fresh)
    version = _registered(settings, result)
    if merge is not None:
        _merge(settings, order, result, merge)
    release = _candidate(settings, result) if candidate else None
    if as_json:
        print_json(_result_json(result, version, release, merge))
    else:
        _show(result, release)


def _live_prompt(settings: Settings) -> int | None:
    from core.storage.database import Database
    from serving.finetune.recipe import live_prompt

    with Database.open(settings) as database:
        return live_prompt(database)


def _checked(settings: Settings, order: TuningOrder) -> dict[str, int]:
    from core.progress import LineProgress
    from core.storage.database import Database
    from evals.cases.training_leakage import refuse_leaks
    from serving.finetune.tuning import Tuner

    with Database.open(settings) as database:
        compared = refuse_leaks(database, order.training)
    return {**order.training.counts(), **Tuner(settings, LineProgress(note)).check(order), "compared_cases": compared}


def _tuned(settings: Settings, order: TuningOrder, fresh: bool) -> TuningResult:
    from core.progress import open_progress
    from serving.finetune.tuning import Tuner

    try:
        with open_progress() as progress:
            return Tuner(settings, progress).run(order, fresh=fresh)
    except KeyboardInterrupt:
        note("Stopped. The same command goes on from here.")
        raise


def _registered(settings: Settings, result: TuningResult) -> str | None:
    """The version in MLflow's registry; None, and a word on it, when MLflow is down."""
    from serving.finetune.registry import register

    try:
        return register(settings, result)
    except UnavailableError as error:
        note(f"{error.message}\n{error.hint}")
        return None


def _merge(settings: Settings, order: TuningOrder, result: TuningResult, target: Path) -> None:
    from serving.adapters.store import AdapterStore
    from serving.finetune.merge import merge

    note(f"Merging into {target}")
    merge(order.base, AdapterStore(settings.adapters).get(result.adapter), target)


def _candidate(settings: Settings, result: TuningResult) -> str:
    """The id of the candidate release, made in the name of whoever calls."""
    from app.cli.actor import current_actor
    from serving.factory import open_services
    from serving.releases.service import ReleaseService

    with open_services(settings) as services:
        actor = current_actor(settings, services.database)
        reason = f"Tuned on {result.train_rows} rows."
        return ReleaseService(services).create(actor, changes=result.changes, reason=reason).id


def _next_steps(result: TuningResult, release: str | None) -> list[str]:
    if release is not None:
        return [f"ragloop eval run {release[:12]}"]
    changes = " ".join(f"--set {path}={value}" for path, value in result.changes.items())
    return [f"ragloop release create {changes}", "ragloop eval run candidate"]


def _result_json(result: TuningResult, version: str | None, release: str | None, merged: Path | None) -> dict[str, Any]:
    return {
        **result.model_dump(mode="json", exclude={"history"}),
        "mlflow_version": version,
        "release": release,
        "merged": str(merged) if merged else None,
        "next": _next_steps(result, release),
    }


def _show(result: TuningResult, release: str | None) -> None:
    say(f"Adapter {result.adapter}")
    say(f"  trained on {result.train_rows} rows in {result.steps} steps; {result.held_out_rows} rows held out")
    before, after = result.perplexity_before, result.perplexity_after
    say(f"  perplexity of the held-out answers: {before:.3f} before, {after:.3f} after")
    if after >= before:
        say("  It learned nothing that helps on held-out questions: more rows, more epochs or another learning rate.")
    if release is not None:
        say(f"Candidate {release}")
    note("Next:")
    for command in _next_steps(result, release):
        note(f"  {command}")


def _show_counts(counts: dict[str, int], as_json: bool) -> None:
    if as_json:
        print_json(counts)
        return
    say(
        f"{counts['rows']} rows ({counts['duplicates']} repeated ones left out): "
        f"{counts['train_rows']} to train on, {counts['held_out_rows']} held out"
    )
    say(f"  {counts['with_history']} with history, {counts['with_rejected']} with a rejected answer")
    say(f"  {counts['uncited']} whose answer cites nothing")
    say(f"  the longest has {counts['longest_row_tokens']:,} tokens")
    say(f"  none of {counts['compared_cases']:,} evaluation cases stands among them")
