"""What is erased is gone from everything that was made of it, figures stay, and nothing brings it back."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import NotFoundError
from core.loop.diagnosis import Cause, Diagnosis, DiagnosisSubject
from core.loop.enums import DecisionKind, FeedbackSide, FiringState
from core.loop.feedback import Feedback, Firing
from core.storage.evals.case_drafts import CaseDraftRepository
from core.storage.evals.evaluations import EvaluationRepository
from core.storage.interactions import InteractionRepository
from core.storage.loop.diagnoses import DiagnosisRepository
from core.storage.loop.erasures import ErasureRepository, Subject
from core.storage.loop.feedback import FeedbackRepository
from core.storage.loop.firings import FiringWords
from core.types import Actor, Role, Turn, document_id
from evals.cases.cases import Case, GoldEvidence
from evals.cases.dataset_store import FEEDBACK, DatasetStore
from evals.report.file import report_file
from evals.report.report import Report
from evals.run.evaluation import EvaluationOrder
from evals.run.session import write_report
from loop.erasure.document import ErasedDocument
from loop.erasure.eraser import Erased, Eraser
from loop.erasure.traces import DocumentTraces
from loop.feedback.acceptance import training_rows
from loop.remedies.catalogue.content import ContentProposal
from loop.remedies.registry import open_firings
from serving.adapters.store import AdapterStore
from serving.finetune.registry import forget, register
from serving.finetune.tuning import TuningResult
from tests.support.accepted_feedback import ASKED, HELD, accept, asked
from tests.support.accepted_feedback import edited as _edited
from tests.support.adapters import write_adapter
from tests.support.app_world import World
from tests.support.evaluated_world import cases, evaluator, order
from tests.support.given_feedback import ask, vote
from tests.support.loop_rows import a_place, evidence, some_evidence

ADMIN = Actor("root", frozenset({Role.ADMIN}))
URI = "handbook/holidays.md"
# Words of the document that stand together nowhere else.
WORDS = (HELD, "Up to five days are carried over to the next year")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "home").ingest()
    yield world
    world.database.close()


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def erase(world: World, uri: str = URI) -> Erased:
    return Eraser(world.settings, world.database, world.index).document(uri, ADMIN)


def erase_author(world: World, name: str = "ben", *, keyless: bool = False) -> Erased:
    return Eraser(world.settings, world.database, world.index).author(name, ADMIN, keyless=keyless)


def files_with(home: Path, *words: str) -> list[str]:
    """Files under the home folder that hold any of these words, as they are or as JSON has them."""
    wanted = [word.encode() for word in words]
    paths = sorted(path for path in home.rglob("*") if path.is_file())
    return [str(path.relative_to(home)) for path in paths if any(word in path.read_bytes() for word in wanted)]


def loop(world: World) -> tuple[Feedback, Feedback, Report]:
    """Everything that can come of a document: answers, votes, a case, a training row, a draft, a report, a diagnosis,
    a firing, an adapter, rows that wait to be taught."""
    database = world.database
    first = ask(world, ASKED)
    answer = InteractionRepository(database).get(first)
    assert answer is not None
    ask(world, "And who approves them?", history=(Turn("user", ASKED), Turn("assistant", answer.answer)))
    case = accept(world, vote(world, first, correction=HELD, comment=f"It says: {HELD}"), _edited(FeedbackSide.CASE))
    row = accept(world, vote(world, ask(world, ASKED)), _edited(FeedbackSide.TRAINING, correction="It is thirty days."))
    DatasetStore(database).save("holidays", cases(), actor="ann", reason="a test")
    CaseDraftRepository(database).add("more", [cases()[0].model_dump(mode="json")], "ann")
    report = evaluator(world).run(order("champion", None))
    write_report(world.services, report)
    now = datetime.now(UTC)
    DiagnosisRepository(database).add(
        Diagnosis(
            "d1",
            DiagnosisSubject.of_vote(case.id),
            now,
            case.release_id,
            "c",
            1,
            ASKED,
            Cause.RANKING_MISS,
            0.9,
            "",
            evidence(a_place(URI, HELD)),
            "1",
        )
    )
    open_firings(database).add(
        Firing("f1", "gaps", "content", now, f"Asked: {HELD}", some_evidence(f"feedback:{case.id}"),
               FiringState.REQUESTED, now, ContentProposal(source=None, questions=(ASKED, case.question)))
    )  # fmt: skip
    folder = write_adapter(world.home / "made")
    taught = {
        "messages": [{"role": "user", "content": asked(FeedbackSide.TRAINING)}, {"role": "assistant", "content": HELD}]
    }
    other = {"messages": [{"role": "user", "content": "And tea?"}, {"role": "assistant", "content": "At four."}]}
    (folder / "training.jsonl").write_text(f"{json.dumps(taught)}\n{json.dumps(other)}\n", encoding="utf-8")
    AdapterStore(world.settings.adapters).add(folder)
    (folder / "training.jsonl").unlink()
    waiting = world.home / "tuning" / "rows-1.jsonl"
    waiting.parent.mkdir()
    waiting.write_text(training_rows(database)[0].model_dump_json() + "\n", encoding="utf-8")
    return case, row, report


def tuning_result(adapter: str) -> TuningResult:
    """What a tuning says that made this adapter."""
    texts = dict.fromkeys(("order", "base_model", "base_digest", "dataset_sha256", "prompt", "prompt_sha256"), "x")
    figures = dict.fromkeys(("held_out_loss", "perplexity_before", "perplexity_after", "seconds"), 1.0)
    counts = dict.fromkeys(("train_rows", "held_out_rows", "steps"), 1)
    parts = {"language": "english", "libraries": {}, "parameters": {"method": "sft"}, "history": ()}
    return TuningResult.model_validate({"adapter": adapter, **texts, **figures, **counts, **parts})


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
    assert traces.answer({**said, "passages": [here, there]}, "text") == {"passages": [there]}
    cited = traces.answer({**said, "passages": [here, there], "citations": [here]}, "text")
    assert cited == {"passages": [there], "citations": [], "text": "[erased]"}
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


def test_a_correction_that_says_what_the_document_says_in_other_words_is_gone_though_nobody_decided(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "Thirty days of leave in a year"
    given = vote(world, ask(world, ASKED), correction=words)
    other = vote(world, ask(world, ASKED), author="ann", correction="Tea at four")
    for each, uri in ((given, URI), (other, "handbook/salaries.md")):
        held = evidence(a_place(uri, HELD))
        found = (each.release_id, "c", 1, "?", Cause.RANKING_MISS, 0.9, "", held, "1")
        DiagnosisRepository(world.database).add(
            Diagnosis(str(uuid.uuid4()), DiagnosisSubject.of_vote(each.id), datetime.now(UTC), *found)
        )
    with monkeypatch.context() as patched:
        patched.setattr(ErasedDocument, "vote", killed)
        with pytest.raises(KeyboardInterrupt):
            erase(world)
    erase(world)
    votes = {vote.author: vote.correction for vote in FeedbackRepository(world.database).since()}
    assert votes == {"ben": "", "ann": "Tea at four"}
    assert files_with(world.home, words) == []


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
    (entry,) = ledger.all()
    assert (entry.kind, entry.actor) == (Subject.DOCUMENT, "root")
    assert {**entry.receipt, "kept_out": 0} == receipt
    assert URI not in str(entry)
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


def test_an_erasure_that_was_killed_can_be_run_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    loop(world)
    with monkeypatch.context() as patched:
        patched.setattr(FiringWords, "erase", killed)
        with pytest.raises(KeyboardInterrupt):
            erase(world)
    erase(world)
    assert files_with(world.home, *WORDS) == []


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
