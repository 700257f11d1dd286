"""Which way of tuning is taken, and what of it becomes a candidate."""

from __future__ import annotations

from core.loop.feedback import NothingBetter
from loop.remedies.catalogue.retune import LEAST_PAIRS, RetuneProposal, judged, method_for
from loop.remedies.port import Built
from serving.finetune.dataset import RowPassage, TrainingRow
from serving.finetune.tuning import TuningResult

GOOD = TrainingRow(question="Who?", passages=(RowPassage(text="Ada does."),), answer="Ada [1].")
PAIR = GOOD.model_copy(update={"rejected": "Ben [1]."})

PROPOSAL = RetuneProposal(
    rows="rows.jsonl", count=8, method="sft", base="model", base_name="base", epochs=3, rank=16, learning_rate=None
)


def tuned(before: float, after: float) -> TuningResult:
    return TuningResult(
        order="o" * 64, adapter="a" * 64, base_model="base", base_digest="b", dataset_sha256="d", prompt="answer 4",
        prompt_sha256="p", language="english", libraries={}, parameters={}, train_rows=7, held_out_rows=1, steps=3,
        held_out_loss=1.0, perplexity_before=before, perplexity_after=after, seconds=2.0, history=(),
    )  # fmt: skip


def test_pairs_are_preferred_once_there_are_enough_of_them() -> None:
    assert method_for([PAIR] * (LEAST_PAIRS - 1) + [GOOD] * LEAST_PAIRS) == "sft"
    assert method_for([PAIR] * LEAST_PAIRS + [GOOD]) == "dpo"


def test_an_adapter_that_does_no_better_on_held_out_answers_is_no_candidate() -> None:
    better, same = judged(PROPOSAL, tuned(before=3.0, after=2.9)), judged(PROPOSAL, tuned(before=3.0, after=3.0))
    assert isinstance(better, Built)
    assert better.changes["generator.adapter_digest"] == "a" * 64
    assert isinstance(same, NothingBetter)
    assert "no better: perplexity 3.000" in same.why
    assert same.figures.result.perplexity_after == 3.0
