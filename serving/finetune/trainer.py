"""Training a LoRA adapter with trl: SFT on the answers, or DPO on pairs of them. Imports torch."""

from __future__ import annotations

import json
import math
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback, set_seed
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from core.progress import Progress
from serving.finetune.base_model import has_bfloat16, quiet
from serving.finetune.recipe import Recipe
from serving.finetune.template import ASSISTANT, Example

# A tuning is measured, and can be taken up again, at this many points.
_MEASURED = 20
_WARM_UP = 0.05  # share of the steps
_DROPOUT = 0.05


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained adapter on its base model (peft's), and how it went. `history` is trl's log: one entry per measurement,
    each with its step. Perplexities are per token of the held-out answers."""

    model: Any
    steps: int
    history: list[dict[str, float]]
    held_out_loss: float
    perplexity_before: float
    perplexity_after: float


def train(
    model: Any,
    tokenizer: Any,
    recipe: Recipe,
    rows: tuple[Sequence[Example], Sequence[Example]],
    checkpoints: Path,
    progress: Progress,
) -> Trained:
    """Train on the first of `rows` and measure on the second; goes on from the newest of the checkpoints.

    Interrupted, it saves a checkpoint and raises KeyboardInterrupt (or SystemExit, where it was told to terminate).
    """
    set_seed(recipe.seed)
    train_rows, held_out = rows
    watch = _Watch(progress)
    with quiet():
        trainer = _trainer(model, tokenizer, recipe, rows, checkpoints)
    trainer.remove_callback(PrinterCallback)  # it prints to standard output, which is for the result
    trainer.add_callback(EarlyStoppingCallback(recipe.patience))
    trainer.add_callback(watch)
    before = perplexity(trainer.model, held_out)
    progress.say(f"{len(train_rows)} rows to train on, {len(held_out)} held out: perplexity {before:.3f} before")
    progress.step("Training")
    last = _newest(checkpoints, _steps(recipe, len(train_rows)))
    if last is not None:
        progress.say(f"going on from {last.name}")
    with quiet(), _stopped_between_steps(watch):
        trainer.train(resume_from_checkpoint=str(last) if last else None)
    watch.raise_if_stopped()
    after = perplexity(trainer.model, held_out)
    progress.say(f"perplexity {after:.3f} after {trainer.state.global_step} steps")
    history = [_numbers(entry) for entry in trainer.state.log_history]
    return Trained(trainer.model, trainer.state.global_step, history, trainer.state.best_metric, before, after)


def perplexity(model: Any, examples: Sequence[Example]) -> float:
    """exp of the mean negative log-likelihood of the answers' tokens, each given its prompt and what comes before."""
    total, count = 0.0, 0
    was_training = model.training
    model.eval()
    with torch.no_grad():
        for example in examples:
            tokens = torch.tensor([[*example.prompt, *example.answer]], device=model.device)
            logits = model(input_ids=tokens).logits[0, len(example.prompt) - 1 : -1].float()
            wanted = tokens[0, len(example.prompt) :]
            total += torch.nn.functional.cross_entropy(logits, wanted, reduction="sum").item()
            count += len(example.answer)
    model.train(was_training)
    return math.exp(min(total / count, 700.0))


def _trainer(
    model: Any, tokenizer: Any, recipe: Recipe, rows: tuple[Sequence[Example], Sequence[Example]], checkpoints: Path
) -> Any:
    train_rows, held_out = rows
    arguments = _arguments(recipe, len(train_rows), checkpoints)
    lora = LoraConfig(
        task_type="CAUSAL_LM",
        r=recipe.rank,
        lora_alpha=2 * recipe.rank,
        lora_dropout=_DROPOUT,
        target_modules="all-linear",
    )
    shared = {"model": model, "processing_class": tokenizer, "peft_config": lora}
    if recipe.method == "dpo":
        pairs = [Dataset.from_list([_pair(example) for example in side]) for side in rows]
        dpo = DPOConfig(**arguments, beta=recipe.beta)
        return DPOTrainer(args=dpo, train_dataset=pairs[0], eval_dataset=pairs[1], **shared)
    tokens = [Dataset.from_list([_tokens(example) for example in side]) for side in (train_rows, held_out)]
    sft = SFTConfig(**arguments, completion_only_loss=True)
    return SFTTrainer(args=sft, train_dataset=tokens[0], eval_dataset=tokens[1], **shared)


def _arguments(recipe: Recipe, rows: int, checkpoints: Path) -> dict[str, Any]:
    at_once = min(recipe.batch, recipe.rows_at_once)
    gpu = torch.cuda.is_available()
    steps = _steps(recipe, rows)
    every = max(1, math.ceil(steps / _MEASURED))
    return {
        "output_dir": str(checkpoints),
        "num_train_epochs": recipe.epochs,
        "per_device_train_batch_size": at_once,
        "per_device_eval_batch_size": at_once,
        "gradient_accumulation_steps": recipe.batch // at_once,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": _WARM_UP,
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "max_length": None,  # longer rows were refused
        "eval_strategy": "steps",
        "eval_steps": every,
        "save_strategy": "steps",
        "save_steps": every,
        "save_total_limit": 2,
        "load_best_model_at_end": True,
        "metric_for_best_model": "eval_loss",
        "greater_is_better": False,
        "restore_callback_states_from_checkpoint": True,
        "logging_steps": 1 if steps < 1000 else 10,
        "report_to": "none",
        "disable_tqdm": True,
        "bf16": has_bfloat16(),
        "use_cpu": not gpu,
        "dataloader_pin_memory": gpu,
        "gradient_checkpointing": gpu,
    }


def _steps(recipe: Recipe, rows: int) -> int:
    return max(1, math.ceil(math.ceil(rows / recipe.batch) * recipe.epochs))


def _newest(checkpoints: Path, steps: int) -> Path | None:
    """The newest checkpoint that was written to its end, and that leaves a step to do: transformers always does one."""
    whole = {int(path.name.rpartition("-")[2]): path for path in checkpoints.glob("checkpoint-*") if _is_whole(path)}
    return max(((step, path) for step, path in whole.items() if step < steps), default=(0, None))[1]


def _is_whole(checkpoint: Path) -> bool:
    """Whether the file is there and sound that is written last."""
    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def _tokens(example: Example) -> dict[str, list[int]]:
    mask = [0] * len(example.prompt) + [1] * len(example.answer)
    return {"input_ids": [*example.prompt, *example.answer], "completion_mask": mask}


def _pair(example: Example) -> dict[str, Any]:
    prompt = [{"role": turn.role, "content": turn.content} for turn in example.turns]
    chosen, rejected = example.row.answer.strip(), (example.row.rejected or "").strip()
    return {
        "prompt": prompt,
        "chosen": [{"role": ASSISTANT, "content": chosen}],
        "rejected": [{"role": ASSISTANT, "content": rejected}],
    }


def _numbers(entry: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in entry.items() if isinstance(value, int | float)}


class _Watch(TrainerCallback):  # type: ignore[misc]
    """Tells how far it is, measures the last step too, and ends the training between two steps when asked to."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._loss: float | None = None
        self.stopped_by: int | None = None

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002 - transformers' own
        loss = "" if self._loss is None else f", loss {self._loss:.3f}"
        self._progress.at(state.global_step, state.max_steps, f"steps{loss}")
        if state.global_step >= state.max_steps:
            control.should_evaluate = True
        if self.stopped_by is not None:
            control.should_save = control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:  # noqa: ARG002
        self._loss = logs.get("loss", self._loss)
        if "eval_loss" in logs:
            self._progress.say(f"step {state.global_step}: loss {logs['eval_loss']:.4f} on what is held out")

    def raise_if_stopped(self) -> None:
        if self.stopped_by == signal.SIGTERM:
            raise SystemExit(128 + signal.SIGTERM)
        if self.stopped_by is not None:
            raise KeyboardInterrupt


@contextmanager
def _stopped_between_steps(watch: _Watch) -> Iterator[None]:
    """In the block, the first Ctrl-C or request to terminate waits for the step and a checkpoint; the next does not."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears signals
        return

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - Python's own
        if watch.stopped_by is not None:
            raise KeyboardInterrupt
        watch.stopped_by = number

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
