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


RELEASES = "## v5.1.2\n\nReads EMBEDDINGS_MODEL and config.yaml; `--dry-run` and chatModel are new. See also 5.10."


@pytest.mark.parametrize(
    ("question", "what"),
    [
        ("What changed in 5.1.3?", "5.1.3"),
        ("What changed in v5.1.3?", "5.1.3"),
        ("What changed in version 5.7?", "5.7"),
        ("Where do I set EMBEDDINGS_SIZE?", "EMBEDDINGS_SIZE"),
        ("What is in config.toml?", "config.toml"),
        ("What does --force-now do?", "--force-now"),
        ("What is embedModel for?", "embedModel"),
        ("Is EMBED\u200bDINGS_SIZE read?", "EMBEDDINGS_SIZE"),
    ],
)
def test_a_version_or_a_setting_that_stands_nowhere_is_missing(question: str, what: str) -> None:
    assert absent(question, RELEASES) == (what,)


@pytest.mark.parametrize(
    "question",
    [
        "What changed in 5.1.2?",
        "What changed in version 5.1?",
        "What is new in release 5.10?",
        "Where do I set `embeddings_model`?",
        "What is in config.yaml, and what is chat\u200bModel?",
        "What does --dry-run do?",
        "Who may spend 1.000.000 on 24.12.26 or 3.5 hours, e.g. by mail to ann.lee@example.org?",
        "Is https://example.org/config.toml read?",
    ],
)
def test_a_version_or_a_setting_is_found_as_pages_write_it_and_amounts_and_dates_are_none(question: str) -> None:
    assert absent(question, RELEASES) == ()


REPORT = "## Form 10-Q\n\nThe H100 sold well, the iPhone6 did not."


def test_several_of_a_kind_are_looked_for_as_one() -> None:
    assert absent("What do the 10-Qs say of H100s?", REPORT) == ()
    assert absent("What do the 10-Ks say of iPhone6s?", REPORT) == ("iPhone6s", "10-K")


def test_a_number_of_another_length_is_of_another_kind() -> None:
    (form,) = named_things("What does the 10-Q say?", lambda word: True)
    assert form.is_passed_over(plain("the 8-Q"))
    assert not form.is_passed_over(plain("Revenue of 2023 Q2"))


def test_what_is_not_seen_of_a_text_hides_nothing() -> None:
    assert absent("What does ZRX\u200b-9870 hold?", KITS) == ()
    assert absent("What does ZRX-9870 hold?", "The kit ZRX\u2060-98\u200b70 holds a gasket.") == ()


@pytest.mark.parametrize("question", ["ZRX-9078", "What is EMBEDDINGS_MODEL?", "What changed in v5.1.2?"])
def test_one_record_and_hardly_anything_else_goes_by_an_identifier(question: str) -> None:
    (thing,) = named_things(question, lambda word: False)
    assert thing.is_identifier


@pytest.mark.parametrize("question", ["COVID-19", "Is step 7 needed?", "in 2023", "What does --dry-run do?", "v2"])
def test_subjects_steps_years_and_options_are_no_identifier_of_one_record(question: str) -> None:
    assert not any(thing.is_identifier for thing in named_things(question, lambda word: False))


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
