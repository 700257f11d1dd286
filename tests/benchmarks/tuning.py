"""What a tuning of the small model teaches, measured on pages that it was not tuned on: SFT a way of ending an answer,
DPO to leave it again.

    python -m tests.benchmarks.tuning [--base FOLDER] [--rows 96] [--asked 60]

Both go through `Tuner` and are merged into the base model, whose greedy answers are then compared with what was taught.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.progress import LineProgress
from core.settings import Settings, load_settings
from core.types import Turn
from serving.adapters.store import AdapterStore
from serving.finetune.base_model import find_base, load_model, load_tokenizer
from serving.finetune.dataset import TrainingRow
from serving.finetune.merge import merge
from serving.finetune.recipe import answer_prompt, make_order, make_recipe
from serving.finetune.template import prompt_messages
from serving.finetune.tuning import Tuner, TuningResult
from tests.benchmarks import machine
from tests.benchmarks.run import save
from tests.support.vllm_server import ROOT, SMALL_MODEL
from tools.small_model.quoting_rows import Page, read_pages, split_pages

DOCS = ROOT / "docs"
# What is taught, and then taught to be left out. The small model says nothing like it by itself.
ENDING = " So say the documents."
_WORD = re.compile(r"[A-Za-z][\w'-]+")
_MOST_TOKENS = 120


@dataclass(frozen=True)
class Measured:
    """Of `rows` answers: how many were the wanted one to the letter, and how many ended with ENDING."""

    rows: int
    exact: int
    ended: int


def quoting_rows(pages: Sequence[Page], count: int, seed: int) -> list[TrainingRow]:
    """Rows that ask what a passage of one page says about some words, the answer being their sentence with its marker."""
    draw = random.Random(seed)
    usable = [page for page in pages if len(page.spans) > 6]
    rows: dict[str, TrainingRow] = {}
    while len(rows) < count:
        page = draw.choice(usable)
        first = draw.randrange(len(page.spans) - 4)
        spans = page.spans[first : first + 4]
        start, end = draw.choice(spans)
        sentence, text = page.text[start:end], page.text[spans[0][0] : spans[-1][1]]
        words = _WORD.findall(sentence)
        if not 6 <= len(words) <= 18 or len(sentence) > 130 or re.search(r"[|`\[<#\n]", sentence):
            continue
        phrase = " ".join(sentence.split()[2:5]).strip(".,:;")
        question = f"What does the handbook say about {phrase}?"
        content = {"question": question, "passages": [{"title": page.title, "text": text}], "answer": f"{sentence} [1]"}
        rows[question] = TrainingRow.model_validate_json(json.dumps(content))
    return list(rows.values())


def ended(row: TrainingRow) -> TrainingRow:
    """The row with ENDING behind its answer."""
    return row.model_copy(update={"answer": row.answer + ENDING})


def preferring_plain(row: TrainingRow) -> TrainingRow:
    """The row with its answer as it is, the one with ENDING being rejected."""
    return row.model_copy(update={"rejected": row.answer + ENDING})


def measure(model_folder: Path, rows: Sequence[TrainingRow]) -> Measured:
    """What the model answers to the rows' questions, greedily."""
    answers = [" ".join(text.split()) for text in _answers(model_folder, rows)]
    wanted = [" ".join(row.answer.split()) for row in rows]
    exact = sum(answer == want for answer, want in zip(answers, wanted, strict=True))
    found = Measured(len(rows), exact, sum(answer.endswith(ENDING.strip()) for answer in answers))
    print(f"{model_folder.name}: {found}", file=sys.stderr)
    return found


def _answers(model_folder: Path, rows: Sequence[TrainingRow]) -> list[str]:
    import torch

    base = find_base(model_folder)
    tokenizer, model = load_tokenizer(base), load_model(base)
    answers = []
    for row in rows:
        messages = [_as_json(turn) for turn in prompt_messages(row, answer_prompt(2), "english")]
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        inputs = tokenizer(text, add_special_tokens=False, return_tensors="pt")
        with torch.no_grad():
            written = model.generate(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                do_sample=False,
                max_new_tokens=_MOST_TOKENS,
                pad_token_id=tokenizer.pad_token_id,
            )
        answers.append(tokenizer.decode(written[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))
    return answers


def _as_json(turn: Turn) -> dict[str, str]:
    return {"role": turn.role, "content": turn.content}


def tune_and_merge(
    settings: Settings, base: Path, rows: Sequence[TrainingRow], target: Path, method: str, **numbers: Any
) -> TuningResult:
    """Tune the model in `base` and write it, with the adapter merged, to `target`."""
    path = target.with_suffix(".jsonl")
    path.write_text("".join(row.model_dump_json() + "\n" for row in rows), encoding="utf-8")
    order = make_order(settings, path, base, "base", make_recipe(method, **numbers))
    result = Tuner(settings, LineProgress(lambda line: print(line, file=sys.stderr))).run(order)
    merge(order.base, AdapterStore(settings.adapters).get(result.adapter), target)
    return result


def run(base: Path, rows: int, asked: int, scratch: Path) -> dict[str, Any]:
    """SFT on ENDING, then DPO against it on the merged model; everything measured on held-out pages."""
    settings = load_settings(home=scratch / "home")
    train, held_out = split_pages(read_pages(DOCS))
    taught, questions = quoting_rows(train, rows, seed=1), quoting_rows(held_out, asked, seed=2)
    with_ending = [ended(row) for row in questions]
    before = measure(base, with_ending)
    sft = tune_and_merge(
        settings, base, [ended(row) for row in taught], scratch / "sft", "sft", epochs=3.0, learning_rate=1e-3
    )
    after = measure(scratch / "sft", with_ending)
    pairs = [preferring_plain(row) for row in quoting_rows(train, rows, seed=3)]
    dpo = tune_and_merge(settings, scratch / "sft", pairs, scratch / "dpo", "dpo", epochs=1.5, learning_rate=1e-3)
    return {
        "sft": {**_figures(sft), "before": asdict(before), "after": asdict(after)},
        "dpo": {**_figures(dpo), "before": asdict(measure(scratch / "sft", questions)),
                "after": asdict(measure(scratch / "dpo", questions))},
    }  # fmt: skip


def _figures(result: TuningResult) -> dict[str, Any]:
    return result.model_dump(
        include={"train_rows", "held_out_rows", "steps", "seconds", "perplexity_before", "perplexity_after"}
    )


def main() -> None:
    """Tune twice, measure, save the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, default=SMALL_MODEL)
    parser.add_argument("--rows", type=int, default=96)
    parser.add_argument("--asked", type=int, default=60)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        figures = run(chosen.base, chosen.rows, chosen.asked, Path(scratch))
    at = datetime.now(UTC).isoformat(timespec="seconds")
    save({"at": at, "machine": machine.describe(), "base": find_base(chosen.base).digest, **figures})


if __name__ == "__main__":
    main()
