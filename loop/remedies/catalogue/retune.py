"""The remedy for answers that are wrong though the right passage was read: an adapter trained on answers that people
accepted as right, if it does better on those of them that are held out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from core.errors import ConflictError, InputError, UnavailableError
from core.loop.diagnosis import Cause
from core.loop.feedback import Firing, NothingBetter, RemedyProposal
from core.settings import Settings
from loop.remedies.figures import TuningFigures
from loop.remedies.port import Built, Ending, Remedy, Say

if TYPE_CHECKING:
    from core.storage.database import Database
    from serving.factory import Services
    from serving.finetune.dataset import TrainingRow
    from serving.finetune.tuning import TuningResult

# Fewer rows are less than one step of a tuning.
LEAST_ROWS = 8
# From so many pairs of a good and a bad answer on they are preferred to good answers alone: the steps of DPO are small,
# and a few dozens of pairs move nothing (docs/explanation/when-to-tune.md).
LEAST_PAIRS = 500


class RetuneProposal(RemedyProposal):
    """The parameters of a tuning: `count` rows, which will lie in the file `rows`, in the wording of this version of
    the prompt. `result` is what came of it."""

    kind: Literal["retune"] = "retune"
    rows: str
    count: int
    method: Literal["sft", "dpo"]
    base: str
    base_name: str
    epochs: float
    rank: int
    learning_rate: float | None
    prompt: int | None = None
    result: TuningFigures | None = None

    def tuning(self) -> dict[str, Any]:
        """As the steps of the DAG `tune_generator` take it."""
        wanted = {"method", "base", "base_name", "epochs", "rank", "learning_rate", "prompt"}
        return {"dataset": self.rows, **self.model_dump(include=wanted)}


NoBetterAdapter = NothingBetter[RetuneProposal]
_FORMS: TypeAdapter[RetuneProposal | NoBetterAdapter] = TypeAdapter(
    Annotated[RetuneProposal | NoBetterAdapter, Field(discriminator="kind")]
)


def _first_form(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """A proposal from before proposals had a version."""
    wanted = {name: value for name, value in stored.items() if name != "nothing_better"}
    proposal = {"kind": "retune", **wanted}
    if "nothing_better" in stored:
        return {"kind": "nothing_better", "why": stored["nothing_better"], "figures": proposal}
    return proposal


class Retune(Remedy[RetuneProposal]):
    """Trains an adapter."""

    name = "retune"
    causes = frozenset({Cause.GENERATION_FAULT})
    upcasts = (_first_form,)
    has_dag = True

    def propose(self, services: Services, firing: Firing, say: Say) -> RetuneProposal:
        """Raises ConflictError where nothing can be tuned: no model, too few rows. Raises InputError without a base
        model."""
        from loop.feedback.acceptance import training_rows
        from serving.finetune.recipe import live_prompt
        from serving.releases.champion import current_champion

        settings = services.settings
        generator = current_champion(services).manifest.generator
        if generator.kind != "llm" or not generator.base_model:
            raise ConflictError(
                "The champion quotes the documents: there is no model to tune.",
                hint="docs/how-to/serve-a-model.md says how to let one answer.",
            )
        if settings.tuning_base is None:
            raise InputError(
                "Where the base model lies is not known here.",
                hint="Set RAGLOOP_TUNING_BASE to the folder of its files.",
            )
        rows = training_rows(services.database)
        if len(rows) < LEAST_ROWS:
            raise ConflictError(
                f"There are {len(rows)} accepted training rows; {LEAST_ROWS} are needed.",
                hint="Accept more feedback under /feedback: half of it, by a hash, becomes training rows.",
            )
        method = method_for(rows)
        return RetuneProposal(
            rows=str(rows_file(settings, firing.id)),
            count=len(_rows_for(method, rows)),
            method=method,
            base=str(settings.tuning_base),
            base_name=generator.base_model,
            epochs=settings.tuning_epochs,
            rank=settings.tuning_rank,
            learning_rate=settings.tuning_learning_rate,
            prompt=live_prompt(services.database),
        )

    def in_words(self, proposal: RetuneProposal) -> str:
        return f"An adapter for {proposal.base_name}, {proposal.method} on {proposal.count} accepted answers."

    def carry_out(self, services: Services, firing: Firing, proposal: RetuneProposal, say: Say) -> Ending:
        """Raises InputError for rows that hold what an evaluation asks."""
        write_rows(services.database, proposal)
        try:
            return judged(proposal, _tuned(services, proposal, say))
        finally:
            self.tidy(proposal)

    def order(self, database: Database, firing: Firing, proposal: RetuneProposal) -> Mapping[str, Any]:
        write_rows(database, proposal)
        return proposal.tuning()

    def ended(self, services: Services, proposal: RetuneProposal, made: Mapping[str, Any]) -> Ending:
        """`made` names the finished tuning as its `order`."""
        from core.progress import LineProgress
        from serving.finetune.tuning import Tuner

        return judged(proposal, Tuner(services.settings, LineProgress(lambda _line: None)).result(made["order"]))

    def tidy(self, proposal: RetuneProposal) -> None:
        """What people said is kept in the database, where an erasure finds it."""
        Path(proposal.rows).unlink(missing_ok=True)

    def read(self, form: Any) -> RetuneProposal | NoBetterAdapter:
        return _FORMS.validate_python(form)


REMEDY = Retune()


def method_for(rows: Sequence[TrainingRow]) -> Literal["sft", "dpo"]:
    """dpo if enough rows have an answer to avoid, else sft. Pure."""
    return "dpo" if sum(row.rejected is not None for row in rows) >= LEAST_PAIRS else "sft"


def rows_file(settings: Settings, firing_id: str) -> Path:
    """Where the rows of a firing's tuning lie while it runs."""
    return settings.home / "tuning" / f"rows-{firing_id[:8]}.jsonl"


def write_rows(database: Database, proposal: RetuneProposal) -> None:
    """Write the rows that are accepted now."""
    from loop.feedback.acceptance import training_rows
    from retrieval.durable import replace_file

    path = Path(proposal.rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = _rows_for(proposal.method, training_rows(database))
    lines = (json.dumps(row.model_dump(mode="json"), ensure_ascii=False) for row in rows)
    replace_file(path, "".join(f"{line}\n" for line in lines).encode())


def judged(proposal: RetuneProposal, result: TuningResult) -> Ending:
    """A candidate of the adapter, unless it writes the held-out answers no better. Pure."""
    wanted = set(TuningFigures.model_fields)
    figures = TuningFigures.model_validate(result.model_dump(include=wanted))
    done = proposal.model_copy(update={"result": figures})
    if result.perplexity_after < result.perplexity_before:
        return Built(result.changes, done)
    why = (
        f"The tuned model writes the held-out answers no better: perplexity {result.perplexity_after:.3f}, without the "
        f"adapter {result.perplexity_before:.3f}."
    )
    return NoBetterAdapter(why=why, figures=done)


def _tuned(services: Services, proposal: RetuneProposal, say: Say) -> TuningResult:
    """Train the adapter of the rows that were written."""
    from core.progress import LineProgress
    from evals.cases.training_leakage import refuse_leaks
    from serving.finetune.recipe import order_of
    from serving.finetune.registry import register
    from serving.finetune.tuning import Tuner

    order = order_of(services.settings, proposal.tuning())
    compared = refuse_leaks(services.database, order.training)
    say(f"{len(order.training.rows)} rows; none of {compared} evaluation cases among them")
    result = Tuner(services.settings, LineProgress(say)).run(order)
    try:
        register(services.settings, result)
    except UnavailableError as error:
        say(f"{error.message} {error.hint}")
    return result


def _rows_for(method: str, rows: Sequence[TrainingRow]) -> list[TrainingRow]:
    return [row for row in rows if row.rejected is not None] if method == "dpo" else list(rows)
