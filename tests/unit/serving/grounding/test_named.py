"""What a question names must stand in the passages, and nothing is taken for a name that is none."""

from __future__ import annotations

import pytest

from retrieval.sparse import SparseEncoder
from serving.grounding.named import missing, named_things, plain

ENCODER = SparseEncoder("english")
KITS = "## Kit 5\n\nThe kit ZRX-9870 holds a grey gasket.\n\n## Kit 6\n\nThe kit ZRX-7089 is on shelf A7."


def absent(question: str, *texts: str) -> tuple[str, ...]:
    return missing(named_things(question, lambda word: not ENCODER.terms(word)), texts)


@pytest.mark.parametrize(
    ("question", "what"),
    [
        ("What does the kit ZRX-9999 hold?", "ZRX-9999"),
        ("zrx9999", "zrx9999"),
        ("Which shelf is kit 7 on?", "kit 7"),
        ("What was ordered in 2023?", "2023"),
        ('What does "blue gasket" mean?', "blue gasket"),
    ],
)
def test_what_stands_in_no_passage_is_missing(question: str, what: str) -> None:
    assert absent(question, KITS) == (what,)


@pytest.mark.parametrize(
    "question",
    [
        "What does zrx 9870 hold?",
        "What does ZRX9870 hold?",
        "Which shelf is KIT 6 on?",
        'Where is the "Grey  gasket"?',
        "Which shelf is kit six on?",
    ],
)
def test_case_hyphens_and_spaces_make_no_difference(question: str) -> None:
    assert absent(question, KITS) == ()


@pytest.mark.parametrize(
    "question",
    [
        "Can I spend 500 euros on a hotel within 30 days?",  # amounts are compared, not looked up
        "Which of the 3 kits is on the 2nd shelf since the early 1990s?",
        "Which Kit Holds A Grey Gasket?",
        "WHICH KIT HOLDS A GREY GASKET?",
        "I am new here and I'm lost. If I've no key, what can I do?",
        "What does Acme say of gaskets?",  # no document need say whose it is
        "It's the kit's gasket, isn't it?",
        "",
        "🙂🙂🙂",
    ],
)
def test_common_words_amounts_and_titles_name_nothing(question: str) -> None:
    assert absent(question, KITS) == ()


def test_a_number_is_missing_only_where_its_label_has_other_numbers() -> None:
    assert absent("Is step 7 needed?", "Step 6: wait. Step 8: go.") == ("step 7",)
    assert absent("Is step 7 needed?", "The last of the steps is needed.") == ()


def test_accents_do_not_count() -> None:
    assert absent('Where is "José"?', "Jose is the lead.") == ()


def test_the_plain_form_is_words_and_numbers_with_one_space_around_each() -> None:
    assert plain("ZRX-9078, 1,000 kits") == " zrx 9078 1000 kits "
