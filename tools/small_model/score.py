"""How well the small model quotes, on pages that it was never trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from core.types import Turn
from serving.finetune.recipe import answer_prompt
from tools.small_model.quoting_rows import (
    PROMPT_VERSION,
    RowMaker,
    RowShape,
    read_pages,
    split_pages,
)

_SEED = 11
_BATCH = 20
_MOST_TOKENS = 160


@dataclass(frozen=True, slots=True)
class Score:
    """Of `rows` questions: how many answers were the sentence word for word, how many ended with its marker, and how
    many did not end: they went on in a circle until they were cut off."""

    passages: int
    rows: int
    sentences: int
    markers: int
    endless: int

    def line(self) -> str:
        return (
            f"{self.passages} in the context, {self.rows} questions: the sentence word for word in"
            f" {self.sentences / self.rows:.0%}, its marker in {self.markers / self.rows:.0%}, no end in"
            f" {self.endless / self.rows:.0%}"
        )


def score(folder: Path, pages: Path, passages: int, rows: int = 120) -> Score:
    """Ask for sentences of held-out pages, in contexts of so many passages; greedy decoding."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
    ).eval()
    _, held_out = split_pages(read_pages(pages))
    maker = RowMaker(held_out, answer_prompt(PROMPT_VERSION), _SEED)
    shape = RowShape((passages, passages), (3, 8), (1, 1), made_up=0.0, openings=0.0)
    asked = [maker.row(shape) for _ in range(rows)]
    answers = [
        each for start in range(0, rows, _BATCH) for each in _answers(model, tokenizer, asked[start : start + _BATCH])
    ]
    pairs = [(_cut(text), _cut(row[-1].content)) for (text, _), row in zip(answers, asked, strict=True)]
    return Score(
        passages,
        rows,
        sum(given[0] == wanted[0] for given, wanted in pairs),
        sum(given[1] == wanted[1] for given, wanted in pairs),
        sum(not ended for _, ended in answers),
    )


def _answers(model: Any, tokenizer: Any, rows: Sequence[Sequence[Turn]]) -> list[tuple[str, bool]]:
    """Each answer, and whether it came to its end."""
    messages = [[{"role": turn.role, "content": turn.content} for turn in row[:-1]] for row in rows]
    inputs = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_dict=True, return_tensors="pt", padding=True
    )
    with torch.no_grad():
        written = model.generate(**inputs, do_sample=False, max_new_tokens=_MOST_TOKENS)
    written = written[:, inputs["input_ids"].shape[1] :]
    ended = (written == tokenizer.eos_token_id).any(dim=1).tolist()
    return list(zip(tokenizer.batch_decode(written, skip_special_tokens=True), ended, strict=True))


def _cut(answer: str) -> tuple[str, str]:
    """(what is said, its marker)."""
    said, _, marker = " ".join(answer.split()).rpartition(" ")
    return said, marker
