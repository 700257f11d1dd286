"""A small language model that quotes; made anew, on a CPU, by `python -m tools.small_model.recipe FOLDER`.

It makes tests and walk-throughs real where no large model is at hand: asked by prompt `answer`, it copies the sentence
that a question names out of its passages, with the sentence's marker. It knows nothing and can do nothing else. The
folder is one that vLLM serves and `ragloop tune` trains adapters on. With `--score` a model is measured on pages that
it was never trained on.

The one that everything here uses is shipped, in SHIPPED: the same recipe comes out better or worse on another
processor (docs/decisions/006-the-small-model-is-shipped.md).
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as functional

from core.errors import InputError, RagloopError
from core.progress import Progress, open_progress
from core.types import Turn, digest
from serving.finetune.base_model import quiet
from serving.finetune.recipe import answer_prompt
from tools.small_model.quoting_heads import HEAD, HIDDEN, THETA, lay_heads
from tools.small_model.quoting_rows import (
    PROMPT_VERSION,
    Page,
    RowMaker,
    RowShape,
    read_pages,
    split_pages,
)
from tools.small_model.tokenizer import CONTEXT_TOKENS, make_tokenizer

SHIPPED = Path(__file__).parent / "small-llm"
HANDBOOK = Path(__file__).parents[2] / "docs"
RECIPE_FILE = "recipe.json"
_COMMAND = "python -m tools.small_model.recipe"

# Raise it with any change that makes another model: a folder made by an older version is made anew.
_VERSION = 2
_SEED = 7
_BATCH_TOKENS = 3072
_RATE, _MATRIX_RATE = 0.003, 0.01
_IGNORED = -100


@dataclass(frozen=True, slots=True)
class Stage:
    """So many steps on rows of one shape."""

    steps: int
    shape: RowShape


# From one passage of short sentences to what serving sends. The system text comes last: it is a third of a short row.
STAGES = (
    Stage(150, RowShape((1, 1), (2, 3), (6, 6), made_up=0.8, words=(4, 8), system=False)),
    Stage(200, RowShape((1, 2), (2, 5), (6, 6), made_up=0.7, system=False)),
    Stage(300, RowShape((1, 4), (2, 5), (6, 6), made_up=0.6, system=False)),
    Stage(350, RowShape((1, 5), (2, 7), (1, 6), made_up=0.5)),
)


def make_small_model(
    folder: Path, pages: Path = HANDBOOK, stages: Sequence[Stage] = STAGES, progress: Progress | None = None
) -> bool:
    """Make the model in the folder; False if it is there already. Raises InputError if the folder holds something else.

    The same pages and stages make the same model on the same machine.
    """
    prompt = answer_prompt(PROMPT_VERSION)
    recipe = recipe_of(stages)
    if recipe_in(folder) == recipe:
        return False
    texts, _ = split_pages(read_pages(pages))
    tokenizer = make_tokenizer([page.text for page in texts], prompt)
    model = _fresh(tokenizer)
    _train(model, tokenizer, RowMaker(texts, prompt, _SEED), stages, progress)
    _save(folder, model, tokenizer, _record(recipe, stages, texts))
    return True


def recipe_of(stages: Sequence[Stage] = STAGES) -> str:
    """The hash of everything that a model is made by, but for the pages."""
    prompt = answer_prompt(PROMPT_VERSION).sha256
    return digest({"version": _VERSION, "prompt": prompt, "stages": [asdict(stage) for stage in stages]})


def recipe_in(folder: Path) -> str | None:
    """The recipe that the model in the folder was made by; None if the folder is empty or not there.

    Raises InputError if it holds something else.
    """
    try:
        if not folder.exists() or not any(folder.iterdir()):
            return None
        recipe = json.loads((folder / RECIPE_FILE).read_text(encoding="utf-8"))
        if recipe["made_by"] == _COMMAND:
            return str(recipe["recipe"])
    except (OSError, ValueError, TypeError, KeyError):
        pass
    raise InputError(f"{folder} holds something that this command did not make.", hint="Name another folder.")


def encoded(tokenizer: Any, turns: Sequence[Turn]) -> tuple[list[int], list[int]]:
    """A conversation in tokens, and the labels: the answers' tokens, everything else ignored."""
    messages = [{"role": turn.role, "content": turn.content} for turn in turns]
    made = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
    tokens, mask = made["input_ids"], made["assistant_masks"]
    return tokens, [token if own else _IGNORED for token, own in zip(tokens, mask, strict=True)]


def _record(recipe: str, stages: Sequence[Stage], pages: Sequence[Page]) -> dict[str, Any]:
    """What the folder says of how its model was made."""
    return {
        "recipe": recipe,
        "made_by": _COMMAND,
        "steps": [stage.steps for stage in stages],
        "pages": len(pages),
        "pages_sha256": digest([[page.name, page.text] for page in pages]),
        "libraries": {name: importlib.metadata.version(name) for name in ("torch", "transformers", "tokenizers")},
    }


def _fresh(tokenizer: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(_SEED)
    heads = HIDDEN // HEAD
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=HIDDEN,
        intermediate_size=256,
        num_hidden_layers=4,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        head_dim=HEAD,
        attention_bias=True,
        tie_word_embeddings=True,
        max_position_embeddings=CONTEXT_TOKENS,
        rope_parameters={"rope_type": "default", "rope_theta": THETA},
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    model = LlamaForCausalLM(config)
    lay_heads(model, tokenizer.convert_tokens_to_ids(["]", ">"]), _SEED)
    return model


def _train(model: Any, tokenizer: Any, rows: RowMaker, stages: Sequence[Stage], progress: Progress | None) -> None:
    matrices = [weights for weights in model.model.layers.parameters() if weights.ndim == 2]
    others = [weights for name, weights in model.named_parameters() if weights.ndim < 2 or "embed" in name]
    optimizers = [
        torch.optim.Muon(matrices, lr=_MATRIX_RATE, weight_decay=0.01),
        torch.optim.AdamW(others, lr=_RATE, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    total = sum(stage.steps for stage in stages)
    schedules = [torch.optim.lr_scheduler.LambdaLR(each, lambda step: _rate(step, total)) for each in optimizers]
    for step, batch in enumerate(_batches(tokenizer, rows, stages), start=1):
        loss = _loss(model, *batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
        if progress is not None:
            progress.at(step, total, f"steps, loss {loss.item():.3f}")


def _rate(step: int, steps: int) -> float:
    """The share of the learning rate at a step: up in the first fifty steps, down in the second half."""
    return min(1.0, (step + 1) / 50, 0.05 + 1.9 * (steps - step) / steps)


def _loss(model: Any, tokens: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross entropy of the answers' tokens; only for those is the vocabulary scored."""
    with torch.autocast("cpu", torch.bfloat16):
        hidden = model.model(input_ids=tokens, use_cache=False).last_hidden_state[:, :-1]
        wanted = labels[:, 1:] != _IGNORED
        scores = model.lm_head(hidden[wanted])
    return functional.cross_entropy(scores.float(), labels[:, 1:][wanted])


def _batches(tokenizer: Any, rows: RowMaker, stages: Sequence[Stage]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Rows of like length together, in any order, as (tokens, labels) of at most _BATCH_TOKENS."""
    order = random.Random(_SEED)  # noqa: S311 - nothing secret
    for stage in stages:
        waiting: list[list[tuple[list[int], list[int]]]] = []
        for _ in range(stage.steps):
            if not waiting:
                drawn = [encoded(tokenizer, rows.row(stage.shape)) for _ in range(64)]
                waiting = _grouped(sorted(drawn, key=lambda row: len(row[0])))
                order.shuffle(waiting)
            yield _padded(waiting.pop(), tokenizer.pad_token_id)


def _grouped(rows: Sequence[tuple[list[int], list[int]]]) -> list[list[tuple[list[int], list[int]]]]:
    groups: list[list[tuple[list[int], list[int]]]] = []
    for row in rows:
        if len(row[0]) > _BATCH_TOKENS:
            continue
        if not groups or len(row[0]) * (len(groups[-1]) + 1) > _BATCH_TOKENS:
            groups.append([])
        groups[-1].append(row)
    return groups


def _padded(rows: Sequence[tuple[list[int], list[int]]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(len(tokens) for tokens, _ in rows)
    tokens = torch.tensor([tokens + [pad] * (width - len(tokens)) for tokens, _ in rows])
    labels = torch.tensor([labels + [_IGNORED] * (width - len(labels)) for _, labels in rows])
    return tokens, labels


def _save(folder: Path, model: Any, tokenizer: Any, record: Mapping[str, Any]) -> None:
    """Whole or not at all; the weights in half precision, which answers the same and takes half the room."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as made, quiet():
        model.half().save_pretrained(made)
        tokenizer.save_pretrained(made)
        (Path(made) / RECIPE_FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        Path(made).rename(folder)
        Path(made).mkdir()  # for TemporaryDirectory to remove


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog=_COMMAND, description=__doc__)
    parser.add_argument("folder", type=Path, help="where the model is, or is to be")
    parser.add_argument("--pages", type=Path, default=HANDBOOK, help="folder of markdown pages to train on")
    parser.add_argument("--score", action="store_true", help="measure the model on the pages held out")
    options = parser.parse_args(arguments)
    try:
        with open_progress() as progress:
            made = make_small_model(options.folder, options.pages, progress=progress)
        print(f"{'Made' if made else 'Already there:'} {options.folder}")
        if options.score:
            from tools.small_model.score import score

            for passages in (1, 4):
                print(score(options.folder, options.pages, passages).line())
    except RagloopError as error:
        print(f"{error.message} {error.hint}".strip(), file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
