"""The path of a question: what is found is cited, what is not there is said so, and everything is recorded."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from core.errors import IndexUnavailableError, UnavailableError
from core.ports import Generated, GenerationRequest, TextDelta
from core.release import (
    AbstentionModel,
    CollectionRef,
    GeneratorSpec,
    Guards,
    PromptRef,
    ReadingParameters,
    Release,
    ReleaseManifest,
    RetrievalParameters,
)
from core.search_filter import DocumentFacts
from core.storage.database import Database
from core.storage.interactions import InteractionRepository
from core.storage.loop.answer_samples import AnswerSampleRepository
from core.storage.loop.declined import DeclinedRepository
from core.storage.releases import ReleaseRepository
from core.storage.tables import interactions
from core.storage.usage import UsageRepository
from core.types import AccessScope, Answer, Chunk, CollectionSpec, EmbeddedDocument, Turn, Usage, document_id
from retrieval.retriever import Retriever
from retrieval.sparse import SparseEncoder
from serving.answerer import Answerer, Question
from serving.extractive import ExtractiveGenerator
from serving.grounding.evidence import EvidenceScorer
from serving.refusal import NOT_FOUND
from serving.wording.catalogue import wording
from tests.fakes import FakeEmbedder, InMemoryIndex

CONVERSATIONS = Path(__file__).parents[2] / "data" / "conversations"
EMBEDDER = FakeEmbedder()
SPEC = CollectionSpec(EMBEDDER.name, EMBEDDER.fingerprint, EMBEDDER.dimensions, "structure", "s" * 64)
# Answers when the passages share most of the question's terms.
MODEL = AbstentionModel(weights={"coverage": 10.0}, bias=-6.0, threshold=0.5, fitted_on="this test")
TEXTS = {
    "docs/travel.md": "The team lead approves travel requests.",
    "docs/backup.md": "Backups of the database run every night.",
    "hr/salaries.md": "Salaries of directors are reviewed every spring.",
}


def embedded(uri: str, text: str) -> EmbeddedDocument:
    chunk = Chunk(document_id(uri), 0, uri, uri, (), None, 0, len(text), text)
    access = ("hr",) if uri.startswith("hr/") else ("public",)
    return EmbeddedDocument(chunk.document_id, "docs", "0" * 64, access, (chunk,), EMBEDDER.embed([chunk.indexed_text]))


def a_release(database: Database) -> Release:
    manifest = ReleaseManifest(
        prompts={"answer": PromptRef(version=1, sha256="p" * 64)},
        collection=CollectionRef.of(SPEC),
        retrieval=RetrievalParameters(top_k=2),
        generator=GeneratorSpec(),
        guards=Guards(abstention=MODEL),
    )
    return ReleaseRepository(database).install_first(manifest, "me", "test")


@pytest.fixture
def index() -> InMemoryIndex:
    index = InMemoryIndex()
    index.ensure(SPEC)
    index.commit(SPEC.name, [embedded(uri, text) for uri, text in TEXTS.items()], [])
    return index


@pytest.fixture
def answerer(database: Database, index: InMemoryIndex) -> Answerer:
    return build(database, index, ExtractiveGenerator(EMBEDDER))


def build(  # type: ignore[no-untyped-def]
    database: Database, index: InMemoryIndex, generator, reading: ReadingParameters = ReadingParameters()
) -> Answerer:
    retriever = Retriever(index, EMBEDDER, SPEC.name, RetrievalParameters(top_k=2))
    scorer = EvidenceScorer(EMBEDDER, SparseEncoder("english"), MODEL, "english", reading)
    return Answerer(a_release(database), retriever, scorer, generator, InteractionRepository(database))


def ask(text: str, *labels: str, history: Sequence[Turn] = ()) -> Question:
    return Question(text, AccessScope.of(*labels or ("public",)), origin="api", history=history, api_key_id="k1")


async def test_an_answer_quotes_and_cites_the_document_that_holds_it(answerer: Answerer) -> None:
    answer = await answerer.ask(ask("Who approves travel requests?"))
    assert answer.text == "The team lead approves travel requests. [1]"
    (citation,) = answer.citations
    assert TEXTS["docs/travel.md"][citation.start : citation.end] == citation.quote
    assert not answer.abstained
    assert not answer.degraded


async def test_what_the_documents_do_not_hold_is_said_so_without_citations(answerer: Answerer) -> None:
    answer = await answerer.ask(ask("Which wine goes with roasted duck?"))
    assert answer.text == NOT_FOUND
    assert answer.abstained
    assert answer.citations == ()


@pytest.mark.parametrize(
    ("code", "question"),
    [
        ("en", "Which wine goes with roasted duck?"),
        ("zh-Hans", "烤鸭配什么葡萄酒？"),
        ("zh-Hant", "烤鴨應該搭配什麼葡萄酒？"),
        ("es", "¿Qué vino va con el pato asado?"),
        ("ar", "أي شراب يناسب البط المشوي؟"),
        ("hi", "भुनी हुई बत्तख के साथ कौन सी वाइन अच्छी है?"),
        ("pt", "Que vinho combina com pato assado?"),
        ("fr", "Quel vin va avec le canard rôti ?"),
        ("de", "Welcher Wein passt zu gebratener Ente?"),
        ("ja", "ローストダックに合うワインはどれですか？"),
        ("ru", "Какое вино подходит к жареной утке?"),
        ("it", "Quale vino si abbina con l'anatra arrosto?"),
    ],
)
async def test_an_answer_is_declined_in_the_language_of_the_question_streamed_or_not(
    answerer: Answerer, database: Database, code: str, question: str
) -> None:
    *pieces, answer = [event async for event in answerer.stream(ask(question))]
    assert isinstance(answer, Answer)
    assert "".join(piece.text for piece in pieces if isinstance(piece, TextDelta)) == answer.text
    assert (answer.text, answer.language, answer.abstained) == (wording(code).not_found, code, True)
    recorded = InteractionRepository(database).get(answer.interaction_id)
    assert recorded is not None
    assert (recorded.answer, recorded.language) == (answer.text, code)
    follow_up = await answerer.ask(ask("2023?", history=[Turn("user", question), Turn("assistant", answer.text)]))
    assert follow_up.language == code


async def test_a_name_that_stands_nowhere_is_told_in_the_language_of_the_question(
    database: Database, index: InMemoryIndex
) -> None:
    answerer = build(database, index, ExtractiveGenerator(EMBEDDER), ReadingParameters(named=True))
    answer = await answerer.ask(ask("Wer genehmigt travel requests von TRV-9999?"))
    assert answer.text == f"{wording('de').not_found} Keine der gefundenen Stellen nennt TRV-9999."


async def test_an_answer_is_declined_where_what_the_question_names_is_in_no_passage(
    database: Database, index: InMemoryIndex
) -> None:
    answerer = build(database, index, ExtractiveGenerator(EMBEDDER), ReadingParameters(named=True))
    answer = await answerer.ask(ask("Who approves travel requests of <b>TRV-9999</b>?"))
    assert answer.abstained
    assert answer.text == f"{NOT_FOUND} Nothing that was found there names TRV-9999."
    assert answer.retrieval.passages
    assert not (await answerer.ask(ask("Who approves travel requests?"))).abstained


async def test_a_numbered_thing_that_others_of_its_kind_outrank_is_found_and_answered(
    database: Database, index: InMemoryIndex
) -> None:
    rules = [embedded(f"docs/{number}.md", f"Rule {number} says what rule a lead has.") for number in range(1, 6)]
    last = "Rule 12 was made by the board of directors long ago and says that visitors wear badges in the hall."
    index.commit(SPEC.name, [*rules, embedded("docs/12.md", last)], [])
    answerer = build(database, index, ExtractiveGenerator(EMBEDDER), ReadingParameters(named=True))
    question = "What rule says rule 12?"
    assert "12" not in str(answerer.retriever.retrieve(question, AccessScope.of("public")).passages)
    answer = await answerer.ask(ask(question))
    assert not answer.abstained
    assert {citation.chunk.uri for citation in answer.citations} == {"docs/12.md"}
    assert (await answerer.ask(ask("What rule says rule 17?"))).abstained


async def test_a_question_is_answered_only_from_documents_the_caller_may_see(answerer: Answerer) -> None:
    question = "When are salaries of directors reviewed?"
    assert (await answerer.ask(ask(question, "public"))).abstained
    allowed = await answerer.ask(ask(question, "hr"))
    assert [citation.chunk.uri for citation in allowed.citations] == ["hr/salaries.md"]
    hidden = await answerer.ask(ask(question, "public"))
    assert all(passage.chunk.uri != "hr/salaries.md" for passage in hidden.retrieval.passages)


async def test_a_follow_up_is_searched_with_the_question_before_it(answerer: Answerer) -> None:
    history = [Turn("user", "When do backups of the database run?"), Turn("assistant", "Every night.")]
    answer = await answerer.ask(ask("And why?", history=history))
    assert answer.retrieval.query == "When do backups of the database run?\nAnd why?"
    assert answer.retrieval.passages[0].chunk.uri == "docs/backup.md"


@pytest.mark.parametrize(
    "question",
    [
        "When are backups of the database run?",  # a question of its own in so many words
        "And backups of the database?",  # and one that opens like a follow-up
        "backups database",
    ],
)
async def test_a_question_that_finds_its_own_evidence_is_asked_alone(answerer: Answerer, question: str) -> None:
    history = [Turn("user", "Who approves travel requests?"), Turn("assistant", "The team lead.")]
    answer = await answerer.ask(ask(question, history=history))
    assert answer.retrieval.query == question
    assert [citation.chunk.uri for citation in answer.citations] == ["docs/backup.md"]


async def test_a_new_subject_that_no_document_has_is_declined_and_not_answered_with_the_old_one(
    answerer: Answerer,
) -> None:
    history = [Turn("user", "Who approves travel requests?"), Turn("assistant", "The team lead. [1]")]
    answer = await answerer.ask(ask("Who won the chess tournament?", history=history))
    assert answer.abstained
    assert "team lead" not in answer.text


async def test_a_question_that_finds_no_more_with_the_one_before_it_is_asked_alone(answerer: Answerer) -> None:
    history = [Turn("user", "Which wine goes with roasted duck?"), Turn("assistant", NOT_FOUND)]
    answer = await answerer.ask(ask("Which cheese goes with pickled plums?", history=history))
    assert answer.retrieval.query == "Which cheese goes with pickled plums?"
    assert answer.abstained


MINUTES = {
    "docs/2025-03-14.md": ("The board raised the parking fee to 9 euros.", date(2025, 3, 14)),
    "docs/2025-04-11.md": ("The board raised the parking fee to 12 euros.", date(2025, 4, 11)),
}


@pytest.fixture
def dated(database: Database, index: InMemoryIndex) -> Answerer:
    documents = [replace(embedded(uri, text), facts=DocumentFacts(day)) for uri, (text, day) in MINUTES.items()]
    index.commit(SPEC.name, documents, [])
    return build(database, index, ExtractiveGenerator(EMBEDDER))


async def test_a_month_in_the_question_means_the_documents_of_that_month(dated: Answerer) -> None:
    for month, fee in (("March", "9 euros"), ("April", "12 euros")):
        answer = await dated.ask(ask(f"The board raised the parking fee in {month} 2025?"))
        assert fee in answer.text
        assert len(answer.citations) == 1


async def test_documents_of_the_month_that_just_answer_are_not_said_to_be_silent(
    dated: Answerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.follow_up.OWN_EVIDENCE", 1.0)
    answer = await dated.ask(ask("The board raised the parking fee in April 2025?"))
    assert answer.text.startswith("The board raised the parking fee to 12 euros.")


async def test_a_question_stays_answerable_if_the_documents_of_its_month_do_not_answer(dated: Answerer) -> None:
    answer = await dated.ask(ask("Does the team lead approve travel requests in March 2025?"))
    assert answer.text.endswith("The team lead approves travel requests. [1]")
    assert answer.text.startswith("*The documents of that date do not say")


async def test_a_month_without_documents_changes_nothing(dated: Answerer, answerer: Answerer) -> None:
    for one in (dated, answerer):
        answer = await one.ask(ask("Does the team lead approve travel requests in March 2019?"))
        assert answer.text == "The team lead approves travel requests. [1]"


@pytest.mark.parametrize(
    "said", ["Hi", "thanks!", "Who are you?", "ok, thank you very much 🙏", "Vielen Dank!", "🎉🎉", "?"]
)
async def test_small_talk_is_answered_without_a_search_and_counts_as_no_question(
    answerer: Answerer, index: InMemoryIndex, database: Database, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setattr(index, "search", None)
    history = [Turn("user", "Who approves travel requests?"), Turn("assistant", "The team lead.")]
    answer = await answerer.ask(ask(said, history=history))
    assert answer.text
    assert "team lead" not in answer.text
    assert (answer.abstained, answer.citations, answer.retrieval.passages) == (False, (), ())
    assert _left_as_questions(database) == ([], [], [])


@pytest.mark.parametrize("prompt", json.loads((CONVERSATIONS / "openwebui_tasks.json").read_text(encoding="utf-8")))
async def test_a_chat_clients_own_prompt_is_answered_in_its_form_and_counts_as_no_question(
    answerer: Answerer, database: Database, prompt: str
) -> None:
    answer = await answerer.ask(ask(prompt))
    assert json.loads(answer.text).keys() <= {"title", "tags", "follow_ups"}
    assert not answer.abstained
    assert _left_as_questions(database) == ([], [], [])


def _left_as_questions(database: Database) -> tuple[list[object], list[object], list[object]]:
    """What gaps, usage and triggers read of the record."""
    since, until = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    declined = DeclinedRepository(database).since(since, 10)
    usage = UsageRepository(database).rows("all", since)
    return (
        list(declined),
        list(usage),
        list(AnswerSampleRepository(database).between(since, until, most=10, per_asker=10)),
    )


async def test_every_answer_is_recorded_before_it_is_handed_out(answerer: Answerer, database: Database) -> None:
    for text, abstained in (("Who approves travel requests?", False), ("Which wine goes with roasted duck?", True)):
        answer = await answerer.ask(ask(text))
        record = InteractionRepository(database).get(answer.interaction_id)
        assert record is not None
        assert (record.question, record.answer, record.abstained) == (text, answer.text, abstained)
        assert record.release_id == answerer.release.id
        assert record.api_key_id == "k1"
        assert record.passages[0]["scores"].keys() >= {"dense", "fused"}
        assert record.timings.keys() >= {"retrieve", "evidence", "generate", "total"}
        assert record.prompt == {"name": "answer", "version": 1, "sha256": "p" * 64, "used": False}


async def test_text_comes_in_pieces_and_the_answer_last(answerer: Answerer) -> None:
    events = [event async for event in answerer.stream(ask("Who approves travel requests?"))]
    assert all(isinstance(event, TextDelta) for event in events[:-1])
    assert isinstance(events[-1], Answer)
    assert "".join(event.text for event in events[:-1]) == events[-1].text


async def test_an_index_that_is_down_is_an_outage_and_never_an_empty_answer(
    answerer: Answerer, index: InMemoryIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_args: object) -> None:
        raise IndexUnavailableError("The index is down.")

    monkeypatch.setattr(index, "search", down)
    with pytest.raises(IndexUnavailableError):
        await answerer.ask(ask("Who approves travel requests?"))


class _FailsHalfWay:
    name = "fails"

    async def stream(self, request: GenerationRequest) -> AsyncIterator[TextDelta | Generated]:
        yield TextDelta("The team")
        raise UnavailableError("The model went away.")


async def test_a_generator_that_fails_half_way_is_not_recorded_as_an_answer(
    database: Database, index: InMemoryIndex
) -> None:
    answerer = build(database, index, _FailsHalfWay())
    events = answerer.stream(ask("Who approves travel requests?"))
    assert await anext(events) == TextDelta("The ")
    with pytest.raises(UnavailableError):
        await anext(events)
    with database.transaction() as connection:
        assert connection.execute(select(interactions)).all() == []


class _CutsShort:
    name = "short"

    async def stream(self, request: GenerationRequest) -> AsyncIterator[TextDelta | Generated]:
        yield TextDelta("The")
        yield Generated((), Usage(5, 1), "length")


async def test_the_reason_a_generator_stopped_reaches_the_answer(database: Database, index: InMemoryIndex) -> None:
    answer = await build(database, index, _CutsShort()).ask(ask("Who approves travel requests?"))
    assert (answer.finish_reason, answer.usage) == ("length", Usage(5, 1))
