"""What is erased is gone from everything that was made of it, figures stay, and nothing brings it back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.pages.chat.answers import answer_view
from core.errors import NotFoundError
from core.loop.enums import DecisionKind, FeedbackSide, FiringState, Vote
from core.loop.feedback import Firing
from core.storage.evals.evaluations import EvaluationRepository
from core.storage.interactions import InteractionRepository
from core.storage.loop.declined import DeclinedRepository
from core.storage.loop.diagnoses import DiagnosisRepository
from core.storage.loop.erasures import ErasureRepository, Subject
from core.storage.loop.feedback import FeedbackRepository
from core.storage.releases import ReleaseRepository
from core.storage.visibility import Visibility, provenance_of
from core.types import AccessScope, Role, Turn, document_id
from evals.cases.cases import Case, GoldEvidence
from evals.cases.dataset_store import FEEDBACK, DatasetStore
from evals.report.file import report_file
from evals.report.report import Report
from evals.run.evaluation import EvaluationOrder
from evals.run.session import write_report
from loop.diagnosis.bad_answer import of_feedback
from loop.erasure.eraser import Eraser
from loop.erasure.traces import DocumentTraces
from loop.feedback.acceptance import training_rows
from loop.remedies.catalogue.reindex import ReindexProposal
from loop.remedies.execution import REMEDIES, settle
from loop.remedies.port import Built
from loop.remedies.registry import open_firings
from serving.adapters.store import AdapterStore
from serving.finetune.registry import forget, register
from tests.support.accepted_feedback import ASKED, HELD, accept, asked
from tests.support.accepted_feedback import edited as _edited
from tests.support.app_world import World
from tests.support.erasable_world import ADMIN, URI, WORDS, erase, erase_author, files_with, loop, tuning_result
from tests.support.evaluated_world import evaluator
from tests.support.given_feedback import ask, vote
from tests.support.loop_rows import some_evidence


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "home").ingest()
    yield world
    world.database.close()


def test_a_document_is_gone_from_everything_that_was_made_of_it(world: World) -> None:
    case, row, _ = loop(world)
    assert len(files_with(world.home, *WORDS)) >= 4  # the database, the report, the adapter's training, the rows
    erased = erase(world)
    assert files_with(world.home, *WORDS) == []
    assert world.documents.get(document_id(URI)) is None
    assert world.index.chunk_counts(world.spec.name).keys() == {document_id("handbook/salaries.md")}
    assert DatasetStore(world.database).get(FEEDBACK).cases == ()
    assert training_rows(world.database) == []
    assert [case.id for case in DatasetStore(world.database).get("holidays").cases] == ["parking"]
    assert erased.receipt["cases"] >= 31
    assert erased.receipt["training_rows"] == 2
    assert DiagnosisRepository(world.database).of_votes([case.id]) == {}
    decisions = FeedbackRepository(world.database).decisions()
    assert {decisions[each.id].kind for each in (case, row)} == {DecisionKind.DISMISSED}


def test_an_answer_of_a_few_words_is_found_again_in_the_conversations_that_repeat_it(world: World) -> None:
    world.add("handbook/visits.md", "# Visits\n\nVisits are on Mondays.\n\nTea is at four.\n", title="Visits")
    answer = InteractionRepository(world.database).get(ask(world, "When are visits on Mondays?"))
    assert answer is not None
    assert "Visits are on Mondays. [1]" in answer.answer
    later = ask(world, "And who decides?", history=(Turn("user", "When?"), Turn("assistant", answer.answer)))
    erase(world, "handbook/visits.md")
    assert files_with(world.home, "are on Mondays.") == []
    kept = InteractionRepository(world.database).get(later)
    assert kept is not None
    assert [turn["content"] for turn in kept.history] == ["When?", "[erased]"]


def test_an_answer_that_other_documents_give_too_stays_there() -> None:
    """What a conversation repeats came from the erased answer; what another answer says came from its own sources."""
    traces = DocumentTraces("handbook/a.md", ["Quite another text stands in this document now."])
    said = {"text": "Nobody works then. [1]", "abstained": False, "model": None, "query": "q", "citations": []}
    here, there = {"uri": "handbook/a.md", "text": "x"}, {"uri": "handbook/b.md", "text": "x"}
    traces.learn([str(said["text"])])
    assert traces.answer({**said, "passages": [there]}, "text") == {}
    turns = [{"role": "assistant", "content": said["text"]}, {"role": "user", "content": "Why?"}]
    later = traces.answer({**said, "passages": [there], "history": turns}, "text")
    assert later == {"history": [{"role": "assistant", "content": "[erased]"}, turns[1]]}
    found = traces.answer({**said, "passages": [here, there]}, "text")
    assert found.keys() == {"passages"}
    gone, left = found["passages"]
    assert left is there
    assert (gone["uri"], gone["text"], gone["title"]) == ("", "", "[erased]")
    assert traces.answer({**said, **found}, "text") == {}
    cited = traces.answer({**said, "passages": [here, there], "citations": [here]}, "text")
    assert cited == {"passages": [gone, there], "citations": [], "text": "[erased]"}
    twin = {**there, "collapsed": ["handbook/a.md", "handbook/c.md"]}
    alone = {**there, "collapsed": ["handbook/c.md"]}
    assert traces.answer({**said, "passages": [twin]}, "text") == {"passages": [alone]}
    assert traces.answer({**said, "passages": [here], "model": {}}, "text")["text"] == "[erased]"
    assert "text" not in traces.answer({**said, "passages": [here], "model": {}, "abstained": True}, "text")


def test_an_adapter_that_was_trained_on_it_is_named_and_keeps_the_rest_of_its_training(world: World) -> None:
    loop(world)
    (digest,) = AdapterStore(world.settings.adapters).digests()
    assert erase(world).adapters == (digest,)
    adapter = AdapterStore(world.settings.adapters).get(digest)
    assert (adapter.folder / "training.jsonl").read_text(encoding="utf-8").count("\n") == 1


def test_what_an_adapter_was_taught_is_gone_from_its_copy_in_mlflow_too(world: World) -> None:
    loop(world)
    store = AdapterStore(world.settings.adapters)
    (digest,) = store.digests()
    register(world.settings, tuning_result(digest))
    assert len(files_with(world.home / "mlflow", asked(FeedbackSide.TRAINING))) == 1
    store.remove(digest)
    assert erase(world).adapters == (digest,)
    assert files_with(world.home, *WORDS, asked(FeedbackSide.TRAINING)) == []
    (copy,) = (world.home / "mlflow").rglob("training.jsonl")
    assert copy.read_text(encoding="utf-8").count("\n") == 1
    assert forget(world.settings, "0" * 64) == 0
    assert forget(world.settings, digest) == 1
    assert list((world.home / "mlflow").rglob("*.safetensors")) == []
    assert forget(world.settings, digest) == 0


def test_an_adapter_that_was_taught_a_persons_correction_is_named_and_the_correction_gone(world: World) -> None:
    loop(world)
    assert erase_author(world, "ben").adapters == tuple(AdapterStore(world.settings.adapters).digests())
    assert [path for path in files_with(world.home, asked(FeedbackSide.TRAINING)) if "training" in path] == []


def test_votes_and_figures_stay_when_a_document_is_erased(world: World) -> None:
    case, _, report = loop(world)
    before = {row.case_id: row.scores for row in report.rows}
    erase(world)
    kept = FeedbackRepository(world.database).get(case.id)
    assert kept is not None
    assert (kept.vote, kept.reason, kept.correction, kept.comment) == (case.vote, case.reason, "", "")
    assert kept.question == ASKED
    record = EvaluationRepository(world.database).get(report.evaluation_id)
    assert record is not None
    after = Report.model_validate(record.report)
    assert {row.case_id: row.scores for row in after.rows} == before
    assert after.metrics == report.metrics
    assert {row.question for row in after.rows if row.case_id != "parking"} == {"[erased]"}


def test_a_report_can_be_shown_after_its_cases_were_erased(world: World) -> None:
    from evals.report.case_detail import CaseDetails

    _, _, report = loop(world)
    erase(world)
    record = EvaluationRepository(world.database).get(report.evaluation_id)
    assert record is not None
    details = CaseDetails(world.database, DatasetStore(world.database), record)
    page = report_file(Report.model_validate(record.report), details.each)
    assert "[erased]" in page
    assert HELD not in page


def test_what_rests_on_other_documents_stays(world: World) -> None:
    board = ask(world, "Who decides the board's salaries?", access=("board",))
    loop(world)
    erase(world)
    kept = InteractionRepository(world.database).get(board)
    assert kept is not None
    assert "shareholders" in kept.answer
    assert {passage["uri"] for passage in kept.passages} == {"handbook/salaries.md"}


def test_erasing_a_document_lets_nobody_see_more_of_what_came_from_it(world: World) -> None:
    salaries = "handbook/salaries.md"
    question = "Who decides the board's salaries, and who approves holidays?"
    both = vote(world, ask(world, question, access=("public", "board")), access=("public",), correction="It is Ann.")
    alone = ask(world, "Where is the board's yacht?", access=("board",), api_key_id=world.keys.create("ben")[0].id)
    assert {each.uri for each in both.interaction.passages} == {URI, salaries}

    def seen(*labels: str) -> list[bool]:
        given = FeedbackRepository(world.database).get(both.id)
        assert given is not None
        declined = DeclinedRepository(world.database).since(datetime.min.replace(tzinfo=UTC), 10)
        (origin,) = (each.origin for each in declined if each.interaction_id == alone)
        scope = AccessScope.of(*labels) if labels else AccessScope.everything()
        return Visibility(world.database, scope).of([provenance_of(given), origin])

    assert (seen("public"), seen("public", "board")) == ([False, False], [True, True])
    erase(world, salaries)
    assert (seen("public"), seen("public", "board"), seen()) == ([False, False], [False, False], [True, True])
    again = vote(world, both.interaction_id, author="ann", access=("public",))
    assert not Visibility(world.database, AccessScope.of("public")).allows(provenance_of(again))
    assert {each.chunk.uri for each in of_feedback(again).passages} == {URI}
    kept = InteractionRepository(world.database).get(both.interaction_id)
    assert kept is not None
    assert len(answer_view(kept).found) < len(kept.passages)
    assert "[erased]" not in str(answer_view(kept).found)


def test_what_was_taught_from_an_older_version_of_a_document_is_gone_too(world: World) -> None:
    taught = _edited(FeedbackSide.TRAINING, correction="It is thirty days.")
    row = accept(world, vote(world, ask(world, ASKED), vote=Vote.UP, reason=None), taught)
    world.add(URI, "# Holidays\n\nNobody has been away since the office moved to the sea.\n", title="Holidays")
    assert len(training_rows(world.database)) == 1
    erase(world)
    assert training_rows(world.database) == []
    assert FeedbackRepository(world.database).decisions()[row.id].kind is DecisionKind.DISMISSED
    assert files_with(world.home, HELD) == []


def test_a_document_that_is_gone_from_its_source_can_still_be_erased(world: World) -> None:
    loop(world)
    world.index.commit(world.spec.name, [], [document_id(URI)])
    world.documents.remove([document_id(URI)])
    world.documents.remove_entries(world.spec.name, [document_id(URI)])
    assert erase(world).receipt["answers"] == 3
    assert files_with(world.home, HELD) == []


def test_a_second_erasure_finds_nothing_and_the_ledger_knows_the_first_by_a_hash_alone(world: World) -> None:
    loop(world)
    receipt = erase(world).receipt
    with pytest.raises(NotFoundError):
        erase(world)
    ledger = ErasureRepository(world.database)
    entry, named = ledger.all()
    assert (entry.kind, entry.actor) == (Subject.DOCUMENT, "root")
    assert {**entry.receipt, "kept_out": 0} == receipt
    assert (named.kind, tuple(named.receipt)) == (
        Subject.ADAPTER,
        tuple(AdapterStore(world.settings.adapters).digests()),
    )
    assert URI not in str((entry, named))
    assert URI in ledger.subjects(Subject.DOCUMENT)
    assert "handbook/other.md" not in ledger.subjects(Subject.DOCUMENT)


def test_a_document_can_be_kept_out_when_it_is_erased_or_later(world: World) -> None:
    eraser, ledger = Eraser(world.settings, world.database, world.index), ErasureRepository(world.database)
    eraser.document(URI, ADMIN)
    assert URI not in ledger.subjects(Subject.KEPT_OUT)
    assert eraser.document(URI, ADMIN, keep_out=True).receipt["kept_out"] == 1
    eraser.document("handbook/salaries.md", ADMIN, keep_out=True)
    assert URI in ledger.subjects(Subject.KEPT_OUT)
    assert "handbook/salaries.md" in ledger.subjects(Subject.KEPT_OUT)
    with pytest.raises(NotFoundError):
        eraser.document("handbook/typo.md", ADMIN, keep_out=True)
    assert "handbook/typo.md" not in ledger.subjects(Subject.KEPT_OUT)


def test_a_candidate_says_which_firing_it_is_for_and_nothing_that_an_erasure_would_miss(world: World) -> None:
    now = datetime.now(UTC)
    seen, built = some_evidence(), Built({"retrieval.top_k": "5"}, ReindexProposal(chunk_tokens=64))
    firing = Firing("0123abcd-1", "not_indexed", "reindex", now, f"Asked: {HELD}", seen, FiringState.RUNNING, now)
    open_firings(world.database).add(firing)
    ended = settle(world.services, firing, built, REMEDIES)
    assert ended.release_id is not None
    (made,) = ReleaseRepository(world.database).events(ended.release_id)
    assert made.reason == "For the trigger not_indexed, firing 0123abcd."
    erase(world)
    assert files_with(world.home, HELD) == []


def test_a_person_is_gone_with_everything_that_was_made_of_their_votes(world: World) -> None:
    comment = "Ben's own words about it"
    key = world.keys.create("ben", ("public",), None, (Role.CHAT,))[0]
    asked_of = ask(world, ASKED, api_key_id=key.id)
    case = vote(world, asked_of, comment=comment)
    accept(world, case, _edited(FeedbackSide.CASE))
    row = vote(world, asked_of, comment=comment)
    accept(world, row, _edited(FeedbackSide.TRAINING, correction="It is thirty days."))
    ann = vote(world, ask(world, ASKED), author="ann", comment="Ann's words")
    report = evaluator(world).run(EvaluationOrder("champion", None, FEEDBACK, ADMIN))
    write_report(world.services, report)
    erased = erase_author(world)
    assert files_with(world.home, comment, asked(FeedbackSide.CASE), asked(FeedbackSide.TRAINING)) == []
    assert erased.receipt["feedback"] == 2
    assert erased.receipt["answers"] == 1
    assert InteractionRepository(world.database).get(asked_of) is None
    assert [each.id for each in FeedbackRepository(world.database).since()] == [ann.id]
    assert FeedbackRepository(world.database).decisions() == {}
    assert DatasetStore(world.database).get(FEEDBACK).cases == ()
    assert training_rows(world.database) == []
    record = EvaluationRepository(world.database).get(report.evaluation_id)
    assert record is not None
    assert Report.model_validate(record.report).metrics == report.metrics


def test_a_person_is_gone_from_reports_that_could_not_ask_their_case_any_more(world: World) -> None:
    accept(world, vote(world, ask(world, ASKED)), _edited(FeedbackSide.CASE))
    world.documents.remove([document_id(URI)])
    tea = Case(id="tea", question="Which tea is served?", answer="Green tea.")
    DatasetStore(world.database).save("tea", [tea], actor="ann", reason="a test")
    report = evaluator(world).run(EvaluationOrder("champion", None, "tea", ADMIN))
    assert report.locked_set is not None
    assert report.locked_set.gone[0].question == asked(FeedbackSide.CASE)
    erase_author(world)
    assert files_with(world.home, asked(FeedbackSide.CASE)) == []
    record = EvaluationRepository(world.database).get(report.evaluation_id)
    assert record is not None
    assert Report.model_validate(record.report).locked_set is not None


def test_answers_without_a_key_are_theirs_only_on_a_machine_of_one_person(world: World) -> None:
    vote(world, ask(world, ASKED))
    other = ask(world, "Who decides the board's salaries?")
    erase_author(world)
    assert InteractionRepository(world.database).get(other) is not None
    vote(world, other)
    erase_author(world, keyless=True)
    assert InteractionRepository(world.database).get(other) is None


def test_nothing_of_a_person_who_was_never_here_is_an_error(world: World) -> None:
    with pytest.raises(NotFoundError, match="nothing of eve"):
        erase_author(world, "eve")


def test_older_versions_of_a_dataset_are_read_without_what_was_erased(world: World) -> None:
    store = DatasetStore(world.database)
    mine = Case(id="mine", question="Which tea is served?", answer="Green tea.")
    theirs = Case(id="theirs", question="How long?", evidence=(GoldEvidence(uri=URI, quote=HELD),))
    store.save("tea", [mine, theirs], actor="ann", reason="a test")
    erase(world)
    assert store.get("tea", 1).cases == store.get("tea").cases == (mine,)
    assert store.get("tea").version == 2
