"""One tuning from order to adapter: rows into tokens, training, measuring, the adapter into the store.

    order = TuningOrder(read_rows(path), find_base(folder), "base", Recipe(), answer_prompt(None), "english")
    result = Tuner(settings, progress).run(order)

Everything that is written on the way lies in a folder named by the order, so the same order goes on where it was
stopped, and one that was finished is not done again. Checkpoints are deleted when the adapter is in the store.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.errors import AdapterError, NotFoundError
from core.frozen import Frozen
from core.progress import Progress
from core.settings import Settings
from retrieval.durable import replace_file
from retrieval.locks import exclusive_lock
from serving.adapters.checks import CONFIG, FACTS, TRAINING, WEIGHTS
from serving.adapters.store import Adapter, AdapterStore
from serving.finetune.base_model import end_tokens, load_model, load_tokenizer
from serving.finetune.dataset import NumberedRow, TrainingSet
from serving.finetune.recipe import TuningOrder, run_folder
from serving.finetune.split import split
from serving.finetune.template import Encoder, Example, taught

_RESULT = "result.json"
_CHECKPOINTS = "checkpoints"


class TuningResult(Frozen, allow_inf_nan=True):
    """What came of a tuning. `history` has an entry for each measurement, with its step; perplexities are per token of
    the held-out answers, and may be no number when a tuning diverged."""

    order: str
    adapter: str
    base_model: str
    base_digest: str
    dataset_sha256: str
    prompt: str
    prompt_sha256: str
    language: str
    libraries: Mapping[str, str]
    parameters: Mapping[str, Any]
    train_rows: int
    held_out_rows: int
    steps: int
    held_out_loss: float
    perplexity_before: float
    perplexity_after: float
    seconds: float
    history: tuple[Mapping[str, float], ...]

    @property
    def prompt_version(self) -> str:
        return self.prompt.rpartition(" ")[2]

    @property
    def changes(self) -> dict[str, str]:
        """What a release must change to answer with the adapter, as `ragloop release create --set` takes it."""
        return {
            "prompt.answer": self.prompt_version,
            "generator.kind": "llm",
            "generator.base_model": self.base_model,
            "generator.adapter_digest": self.adapter,
        }


class Tuner:
    """Runs tunings in the folders that the settings name."""

    def __init__(self, settings: Settings, progress: Progress) -> None:
        self._home = settings.home
        self._store = AdapterStore(settings.adapters)
        self._progress = progress

    def check(self, order: TuningOrder) -> dict[str, int]:
        """What a tuning would train on, without the model's weights. Raises InputError as `run` does for its rows."""
        rows, held_out = split(order.training.rows, order.recipe.held_out)
        examples = _examples(order, load_tokenizer(order.base), [*rows, *held_out])
        longest = max(example.tokens for example in examples)
        return {"train_rows": len(rows), "held_out_rows": len(held_out), "longest_row_tokens": longest}

    def run(self, order: TuningOrder, *, fresh: bool = False) -> TuningResult:
        """Tune, or go on with what was stopped, or return what is finished; `fresh` begins anew.

        Raises InputError for rows or a model that cannot be used, ConflictError while the same tuning runs elsewhere.
        """
        folder = run_folder(self._home, order.id)
        with exclusive_lock(folder.with_suffix(".lock"), "tune with the same rows, model and numbers", 1.0):
            if fresh:
                shutil.rmtree(folder, ignore_errors=True)
            finished = self._finished(folder)
            if finished is not None:
                self._progress.say("This tuning is finished already; --fresh would do it again.")
                return finished
            result = self._tuned(order, folder)
            replace_file(folder / _RESULT, result.model_dump_json(indent=2).encode())
            shutil.rmtree(folder / _CHECKPOINTS, ignore_errors=True)
            return result

    def result(self, order_id: str) -> TuningResult:
        """What came of a tuning that is finished. Raises NotFoundError if it is not."""
        found = self._finished(run_folder(self._home, order_id))
        if found is None:
            raise NotFoundError(f"There is no finished tuning {order_id[:16]}.", hint="`ragloop tune` makes one.")
        return found

    def _finished(self, folder: Path) -> TuningResult | None:
        """What an earlier run left, if the adapter is still there."""
        try:
            result = TuningResult.model_validate_json((folder / _RESULT).read_bytes())
            self._store.get(result.adapter)
        except (FileNotFoundError, ValidationError, AdapterError):
            return None
        return result

    def _tuned(self, order: TuningOrder, folder: Path) -> TuningResult:
        from serving.finetune.trainer import train

        started = time.monotonic()
        rows, held_out = split(order.training.rows, order.recipe.held_out)
        self._progress.step("Loading the base model")
        tokenizer = load_tokenizer(order.base)
        sides = (_examples(order, tokenizer, rows), _examples(order, tokenizer, held_out))
        model = load_model(order.base)
        trained = train(model, tokenizer, order.recipe, sides, folder / _CHECKPOINTS, self._progress)
        facts = {
            **order.facts(),
            "parameters": order.recipe.parameters(),
            "train_rows": len(rows),
            "held_out_rows": len(held_out),
            "steps": trained.steps,
            "held_out_loss": trained.held_out_loss,
            "perplexity_before": trained.perplexity_before,
            "perplexity_after": trained.perplexity_after,
        }
        adapter = self._kept(trained.model, order, facts, folder / "adapter")
        seconds = round(time.monotonic() - started, 1)
        history = tuple(trained.history)
        return TuningResult(order=order.id, adapter=adapter.digest, seconds=seconds, history=history, **facts)

    def _kept(self, model: Any, order: TuningOrder, facts: Mapping[str, Any], folder: Path) -> Adapter:
        """The adapter in the store, with its facts and what it was taught."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _write_adapter(model, folder, order.base_name)
        (folder / FACTS).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        _write_taught(order.training, folder / TRAINING)
        adapter = self._store.add(folder, base=order.base.folder)
        shutil.rmtree(folder)
        return adapter


def _examples(order: TuningOrder, tokenizer: Any, rows: Sequence[NumberedRow]) -> list[Example]:
    encoder = Encoder(tokenizer, order.prompt, order.language, end_tokens(order.base, tokenizer))
    return encoder.encode_all(rows, order.base.context_tokens)


def _write_adapter(model: Any, folder: Path, base_name: str) -> None:
    """The adapter's two files, the same bytes for the same weights wherever it was trained."""
    saved = folder / "saved"
    model.save_pretrained(saved, safe_serialization=True)
    config = json.loads((saved / CONFIG).read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base_name
    config["target_modules"] = sorted(config["target_modules"])
    (folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    (saved / WEIGHTS).rename(folder / WEIGHTS)
    shutil.rmtree(saved)


def _write_taught(training: TrainingSet, path: Path) -> None:
    """All rows as conversations, as `ragloop eval leakage` reads them. Held-out ones too: they decided when to stop."""
    with path.open("w", encoding="utf-8") as file:
        for numbered in training.rows:
            turns = [{"role": turn.role, "content": turn.content} for turn in taught(numbered.row)]
            file.write(json.dumps({"messages": turns}, ensure_ascii=False) + "\n")
