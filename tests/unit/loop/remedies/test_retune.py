"""Which way of tuning is taken, and what of it becomes a candidate."""

from __future__ import annotations

from loop.remedies.retune import LEAST_PAIRS, method_for, outcome
from serving.finetune.dataset import RowPassage, TrainingRow

GOOD = TrainingRow(question="Who?", passages=(RowPassage(text="Ada does."),), answer="Ada [1].")
PAIR = GOOD.model_copy(update={"rejected": "Ben [1]."})


def test_pairs_are_preferred_once_there_are_enough_of_them() -> None:
    assert method_for([PAIR] * (LEAST_PAIRS - 1) + [GOOD] * LEAST_PAIRS) == "sft"
    assert method_for([PAIR] * LEAST_PAIRS + [GOOD]) == "dpo"


def test_an_adapter_that_does_no_better_on_held_out_answers_is_no_candidate() -> None:
    assert outcome(perplexity_before=3.0, perplexity_after=2.9) is None
    assert "no better" in (outcome(perplexity_before=3.0, perplexity_after=3.0) or "")
