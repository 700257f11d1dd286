"""Every answer is recorded with its release, its passages and its scores."""

from __future__ import annotations

from dataclasses import replace

from core.storage.database import Database
from core.storage.interactions import InteractionRepository
from core.types import ModelUse, Turn
from tests.support.recorded_answers import an_answer


def test_an_answer_is_recorded_with_what_it_came_from(database: Database) -> None:
    repository = InteractionRepository(database)
    repository.record(
        an_answer(),
        question="Who?",
        history=[Turn("user", "Hello")],
        origin="api",
        api_key_id="k1",
        prompt={"name": "answer", "version": 1, "sha256": "p"},
    )
    found = repository.get("i-1")
    assert found is not None
    assert (found.release_id, found.collection, found.revision) == ("r" * 64, "documents-1", 3)
    assert (found.question, found.query, found.answer) == ("Who?", "who approves?", "The lead approves it. [1]")
    assert found.history == [{"role": "user", "content": "Hello"}]
    assert found.confidence == 0.9
    passage, citation = found.passages[0], found.citations[0]
    assert passage["text"] == "The lead approves it."
    assert passage["scores"] == {"dense": 0.5, "bm25": 7.0, "fused": 0.8}
    assert (citation["uri"], citation["page"], citation["start"], citation["end"]) == ("docs/a.md", 4, 10, 30)
    assert citation["heading_path"] == ["Who"]
    assert found.usage == {"prompt_tokens": 20, "completion_tokens": 6}
    assert found.at.tzinfo is not None


def test_what_a_model_did_and_cost_is_on_record_and_that_its_prompt_was_used(database: Database) -> None:
    repository = InteractionRepository(database)
    reference = {"name": "answer", "version": 2, "sha256": "p"}
    use = ModelUse("base-0123", 0.01, 0.2, 1.5, 42.0, 3, attempts=2)
    written = replace(an_answer(), model=use, cost=0.00125)
    repository.record(written, question="Who?", history=[], origin="api", api_key_id=None, prompt=reference)
    found = repository.get("i-1")
    assert found is not None
    assert found.model == {
        "model": "base-0123",
        "queue_seconds": 0.01,
        "first_token_seconds": 0.2,
        "generate_seconds": 1.5,
        "tokens_per_second": 42.0,
        "passages": 3,
        "attempts": 2,
    }
    assert found.cost == 0.00125
    assert found.prompt == {**reference, "used": True}


def test_an_answer_that_no_model_wrote_does_not_claim_to_have_used_the_prompt(database: Database) -> None:
    repository = InteractionRepository(database)
    reference = {"name": "answer", "version": 2, "sha256": "p"}
    repository.record(an_answer(), question="Who?", history=[], origin="api", api_key_id=None, prompt=reference)
    found = repository.get("i-1")
    assert found is not None
    assert (found.model, found.cost, found.prompt) == (None, None, {**reference, "used": False})


def test_an_interaction_nobody_recorded_is_not_found(database: Database) -> None:
    assert InteractionRepository(database).get("unknown") is None
