"""What a search finds of a dataset's evidence: figures by slice with intervals, and a page of what was missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import NotFoundError
from evals.cases.cases import Case, GoldEvidence
from evals.run.retrieval import RetrievalExam, RetrievalReport
from evals.run.retrieval_page import misses_page
from serving.factory import build_answerer
from tests.support.app_world import World


def case(name: str, question: str, quote: str, uri: str = "handbook/holidays.md", tag: str = "leave") -> Case:
    return Case(id=name, question=question, evidence=(GoldEvidence(uri=uri, quote=quote),), tags=(tag,), origin="test")


FOUND = case("found", "How many days of holiday has every employee?", "thirty days of holiday")
BOARD = case("board", "Who decides the salaries?", "decided by the shareholders", "handbook/salaries.md", "pay")
GONE = case("gone", "What was there?", "nothing of the kind")
OPEN = Case(id="open", question="Who won?", unanswerable=True, origin="test")


@pytest.fixture
def exam(tmp_path: Path) -> RetrievalExam:
    world = World(tmp_path).ingest()
    assert world.release is not None
    answerer = build_answerer(world.services, world.release, recorded=False)
    return RetrievalExam(answerer.retriever, world.documents.get)


def examined(exam: RetrievalExam) -> RetrievalReport:
    return exam.examine([FOUND, BOARD, GONE, OPEN])


def test_figures_come_for_all_cases_with_evidence_by_tag_source_and_language(exam: RetrievalExam) -> None:
    report = examined(exam)
    assert next(iter(report.slices)) == "all"
    assert {"tag leave", "tag pay", "source handbook", "language english"} <= report.slices.keys()
    figure = report.slices["all"]["recall_at_10"]
    assert (figure.cases, figure.mean, figure.low, figure.high) == (2, 1.0, 1.0, 1.0)
    assert report.slices["tag pay"]["mrr"].cases == 1


def test_a_case_whose_evidence_is_gone_is_named_and_not_counted(exam: RetrievalExam) -> None:
    ((name, reason),) = examined(exam).unusable
    assert name == "gone"
    assert "does not hold the quoted evidence" in reason


def test_a_dataset_without_evidence_is_refused(exam: RetrievalExam) -> None:
    with pytest.raises(NotFoundError, match="No case's evidence"):
        exam.examine([OPEN])


def test_what_was_missed_is_a_page_that_loads_nothing(exam: RetrievalExam, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evals.run.retrieval.first_ranks", lambda *_: [])
    report = examined(exam)
    assert [each.case.id for each in report.misses] == ["found", "board"]
    page = misses_page("<set>", "a" * 64, report)
    assert "&lt;set&gt;" in page
    assert FOUND.question in page
    assert "src=" not in page
    assert "default-src 'none'" in page
