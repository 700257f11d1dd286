"""Which rows are held out."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from core.errors import InputError
from serving.finetune.dataset import NumberedRow, TrainingRow
from serving.finetune.split import near_duplicates, split
from tests.support.training_rows import row


def rows(*questions: str) -> list[NumberedRow]:
    return [NumberedRow(n, TrainingRow.model_validate_json(_json(q))) for n, q in enumerate(questions, start=1)]


def _json(question: str) -> str:
    import json

    return json.dumps(row(0, question=question))


def asked(found: Sequence[NumberedRow]) -> set[str]:
    return {numbered.row.question for numbered in found}


MANY = [row(number)["question"] for number in range(400)]


def test_about_the_share_is_held_out_and_every_row_is_on_one_side() -> None:
    train, held_out = split(rows(*MANY), 0.1)
    assert 20 <= len(held_out) <= 60
    assert len(train) + len(held_out) == len(MANY)
    assert not asked(train) & asked(held_out)


def test_the_order_of_the_rows_and_new_rows_move_no_row_to_the_other_side() -> None:
    _, held_out = split(rows(*MANY[:300]), 0.1)
    shuffled = random.Random(3).sample(MANY, len(MANY))
    train, again = split(rows(*shuffled), 0.1)
    assert asked(held_out) == asked(again) & set(MANY[:300])
    assert set(MANY[:300]) - asked(held_out) <= asked(train)


def test_questions_that_differ_in_words_of_no_weight_stay_together() -> None:
    questions = ["How is the amber cabinet opened?", "How is that amber cabinet opened please", *MANY[:100]]
    groups = near_duplicates(questions)
    assert groups[0] == groups[1]
    assert len(set(groups)) == 101


def test_rows_of_one_template_are_not_one_group() -> None:
    questions = [f"What does the handbook say about {word}?" for word in ("travel", "leave", "tea", "laptops", "keys")]
    assert len(set(near_duplicates(questions))) == len(questions)


def test_two_rows_are_one_to_train_on_and_one_to_measure_on() -> None:
    for share in (0.01, 0.5):
        train, held_out = split(rows("Who waters the ferns?", "Where is the kettle?"), share)
        assert (len(train), len(held_out)) == (1, 1)


def test_rows_that_all_ask_the_same_are_refused() -> None:
    with pytest.raises(InputError, match="none can be held out"):
        split(rows("Who waters the ferns?", "who waters the ferns", "WHO waters the ferns??"))


def test_thousands_of_questions_are_grouped_in_seconds() -> None:
    draw = random.Random(1)
    words = [f"w{number}" for number in range(3000)]
    questions = [f"What does the handbook say about {' '.join(draw.sample(words, 3))}?" for _ in range(5_000)]
    assert len(set(near_duplicates(questions))) > 4_900
