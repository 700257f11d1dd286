"""Drafts ask what the documents answer, quote them to the letter, and repeat nothing that is known."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError, JudgeError
from core.storage.database import Database
from core.types import Document, TextFormat
from evals.cases.cases import Case
from evals.cases.dataset_store import DatasetStore
from evals.cases.drafts import MOST_WAITING, CaseDrafts
from evals.drafting.from_documents import draft, propose
from evals.drafting.judged import PROMPT, ProposedCases, draft_with
from evals.drafting.questions import from_heading
from evals.judges.prompts import JudgePrompts

HANDBOOK = Path(__file__).parents[3] / "docs"

TRAVEL = """# Travel

A *per diem* is the amount that a day of travel is paid with.

## How to book a train

Use the portal and
choose the company's card:

1. Log in.
2. Choose **a train**.

## Who approves a trip?

The team lead approves it, or the director.
"""


def document(text: str, uri: str = "handbook/travel.md", text_format: TextFormat = TextFormat.MARKDOWN) -> Document:
    return Document(uri, "A title", text, text_format, "text/markdown", "0" * 64)


@pytest.mark.parametrize(
    ("heading", "question"),
    [
        ("Who approves a trip?", "Who approves a trip?"),
        ("How to book a train", "How do I book a train?"),
        ("Ingest a folder of documents", "How do I ingest a folder of documents?"),
        ("Fit it on your own data", "How do I fit it on my own data?"),
        ("How ingestion works", "How does ingestion work?"),
        ("How a question is answered", "How is a question answered?"),
        ("What a citation is", "What is a citation?"),
        ("When the service is not ready", "What happens when the service is not ready?"),
        ("2. Use *PostgreSQL*", "How do I use PostgreSQL?"),
        ("Travel", ""),
        ("Settings", ""),
        ("When to say no", ""),
        ("Why two legs", ""),
        ("", ""),
    ],
)
def test_a_heading_that_asks_or_instructs_becomes_its_question(heading: str, question: str) -> None:
    assert from_heading(heading) == question


def test_each_kind_of_passage_gives_its_draft_with_a_plain_answer() -> None:
    found = {item.question: item for item in propose(document(TRAVEL))}
    assert set(found) == {"How do I book a train?", "Who approves a trip?"}
    steps = found["How do I book a train?"]
    assert steps.kind == "steps"
    assert steps.answer == "Use the portal and choose the company's card:\n1. Log in.\n2. Choose a train."
    assert found["Who approves a trip?"].kind == "heading"


def test_an_answer_out_of_a_laid_out_text_is_what_its_page_shows() -> None:
    text = "## How to moor a boat\n\nTie the *bow* first and\n\\# 3 ropes behind it.\n"
    (found,) = propose(document(text, text_format=TextFormat.LAID_OUT))
    assert found.answer == "Tie the *bow* first and\n# 3 ropes behind it."
    assert found.quote in text


def test_every_quote_stands_in_its_document_to_the_letter() -> None:
    documents = [document(path.read_text(), f"docs/{path.name}") for path in sorted(HANDBOOK.rglob("*.md"))]
    texts = {each.uri: each.text for each in documents}
    cases = draft(documents, count=60, seed=3)
    assert len(cases) > 40
    for case in cases:
        assert case.origin == "drafted"
        for evidence in case.evidence:
            assert evidence.start is not None
            assert texts[evidence.uri].startswith(evidence.quote, evidence.start)


def test_drafts_are_spread_over_the_documents_and_the_same_for_the_same_seed() -> None:
    documents = [document(path.read_text(), f"docs/{path.name}") for path in sorted(HANDBOOK.rglob("*.md"))]
    cases = draft(documents, count=12, seed=1)
    assert max(Counter(case.evidence[0].uri for case in cases if case.evidence).values()) == 1
    assert draft(documents, count=12, seed=1) == cases
    assert draft(documents, count=12, seed=2) != cases


def test_what_is_known_is_not_drafted_again() -> None:
    known = ["how do i BOOK a train"]
    questions = [
        case.question for case in draft([document(TRAVEL), document(TRAVEL, "copy.md")], count=9, seed=1, known=known)
    ]
    assert questions == ["Who approves a trip?"]


@given(st.text(max_size=400), st.sampled_from(TextFormat))
def test_any_text_gives_true_quotes_or_nothing(text: str, text_format: TextFormat) -> None:
    for case in draft([document(text, text_format=text_format)], count=5, seed=1):
        for evidence in case.evidence:
            assert evidence.span(text)


# ---------------------------------------------------------------- with a model


class Drafter:
    """A judge that drafts what it is told to, whatever it is asked."""

    name = "drafter"
    fingerprint = "1"

    def __init__(self, *replies: Any) -> None:
        self.replies = list(replies)
        self.prompts: list[str] = []

    async def ask(self, prompt: str, form: Any) -> Any:
        self.prompts.append(prompt)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return form.model_validate({"cases": reply})


LONG = TRAVEL + "\n## Notes\n\n" + "Nothing else is known about travel in this company. " * 4


def written(question: str, quote: str) -> dict[str, str]:
    return {"question": question, "answer": "An answer.", "quote": quote}


async def test_what_a_model_quotes_must_stand_in_the_document() -> None:
    judge = Drafter(
        [
            written("How is a train booked?", "Use the portal and choose the company's card"),
            written("Who pays for lunch?", "The company pays for every lunch."),
            written("How is a train booked ?", "Use the portal and choose the company's card"),
            written("Is \x07 allowed here?", "Use the portal and choose the company's card"),
        ]
    )
    found = await draft_with(judge, [document(LONG)], count=5, seed=1)
    (case,) = found.cases
    assert case.evidence[0].quote == "Use the portal and\nchoose the company's card", "as the document has it"
    assert found.dropped == {
        "the quote does not stand in the document": 1,
        "the question is known": 1,
        "it cannot be stored": 1,
    }
    assert "Who approves a trip?" in judge.prompts[0]
    assert "{{" not in judge.prompts[0]


async def test_a_model_that_fails_now_and_then_is_counted_and_one_that_always_fails_is_an_error() -> None:
    documents = [document(LONG), document(LONG.replace("train", "flight"), "b.md")]
    good = [written("How is it booked by me?", "Use the portal and choose the company's card")]
    found = await draft_with(Drafter(JudgeError("the judge is busy"), good), documents, count=6, seed=1)
    assert len(found.cases) == 1
    assert found.dropped == {"the model gave no usable answer": 1}
    with pytest.raises(JudgeError):
        await draft_with(Drafter(JudgeError("the judge is down"), JudgeError("down")), documents, count=6, seed=1)


def test_the_prompt_shows_the_form_that_is_read() -> None:
    text = JudgePrompts()[PROMPT].template
    for name in ("cases", *ProposedCases.model_fields["cases"].annotation.__args__[0].model_fields):  # type: ignore[union-attr]
        assert f'"{name}"' in text


# ---------------------------------------------------------------- waiting drafts


def case(name: str) -> Case:
    return Case(id=name, question=f"What is {name}?", answer="Something.", origin="drafted")


def test_drafts_are_no_part_of_a_dataset_until_they_are_accepted(database: Database) -> None:
    drafts = CaseDrafts(database)
    drafts.add("mine", [case("a"), case("b")], actor="a program")
    assert DatasetStore(database).all() == []
    assert drafts.counts() == {"mine": 2}
    first, second = drafts.waiting("mine")
    decided = drafts.decide("mine", {first.id: first.case}, [second.id], actor="ann")
    assert (decided.accepted, decided.discarded, decided.missed) == ((first.id,), (second.id,), ())
    assert DatasetStore(database).get("mine").cases == (first.case,)
    assert drafts.counts() == {}


def test_a_draft_is_decided_once(database: Database) -> None:
    drafts = CaseDrafts(database)
    drafts.add("mine", [case("a")], actor="a program")
    (only,) = drafts.waiting("mine")
    drafts.decide("mine", {}, [only.id], actor="ann")
    late = drafts.decide("mine", {only.id: only.case}, [], actor="bob")
    assert (late.accepted, late.missed, late.version) == ((), (only.id,), None)
    assert DatasetStore(database).all() == []


def test_what_was_discarded_is_still_known(database: Database) -> None:
    drafts = CaseDrafts(database)
    drafts.add("handbook", [case("a")], actor="a program")
    (only,) = drafts.waiting("handbook")
    drafts.decide("handbook", {}, [only.id], actor="ann")
    known = drafts.known_questions("handbook")
    assert "What is a?" in known
    assert "How do I create an API key?" in known, "a question of the shipped dataset"


def test_drafts_do_not_pile_up_without_end(database: Database) -> None:
    drafts = CaseDrafts(database)
    drafts.add("mine", [case(str(number)) for number in range(MOST_WAITING)], actor="a program")
    with pytest.raises(InputError, match="wait already"):
        drafts.add("mine", [case("more")], actor="a program")
