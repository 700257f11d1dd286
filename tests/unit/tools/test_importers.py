"""Each format becomes cases whose evidence stands in its documents; whatever is wrong with a file is said by place."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from evals.calibration.rated_answers import RatedAnswer, read_rated_answers
from evals.cases.cases import load_cases
from evals.cases.formats import RESEARCH_SETS
from tests.support.foreign_files import OF_ANOTHER_KIND
from tests.support.needs import DATA, Need, requires, shared
from tools.fits.labelled_questions import load
from tools.importers import mtrag, mtrag_ratings
from tools.importers.__main__ import main
from tools.importers.formats import FORMATS, read_set
from tools.importers.mtrag_ratings import read_mtrag
from tools.importers.research_set import ResearchSet, SetDocument, file_name, write_documents

REAL = {
    "xquad": ("xquad/xquad.en.json", 1190, 0),
    "chunking-eval": ("chunking-eval", 472, 0),
    "clapnq": ("clapnq-dev", 600, 300),
    "mtrag-clapnq": ("mtrag", 208, 0),
    "mtrag-fiqa": ("mtrag", 179, 0),
    "feedbackqa": ("feedbackqa", 531, 0),
    "kite": ("handbook/kite", 10, 0),
    "sec-10q": ("sec-10q", 195, 0),
}
HUMAN_SCORES = DATA / "mtrag" / mtrag.HUMAN_EVALUATIONS


def imported(name: str, path: Path, **options: Any) -> ResearchSet:
    return read_set(FORMATS[name], path, **options)


def write(path: Path, *values: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(value) for value in values), encoding="utf-8")
    return path


def assert_evidence_stands(result: ResearchSet, source: str) -> None:
    contents = {f"{source}/{document.path}": document.content for document in result.documents}
    for case in result.cases:
        for evidence in case.evidence:
            assert evidence.span(contents[evidence.uri]), (case.id, evidence.quote)


@pytest.mark.parametrize("name", REAL)
def test_the_real_data_set_is_read_whole_and_its_evidence_stands_in_its_documents(name: str) -> None:
    path, cases, unanswerable = REAL[name]
    result = imported(name, shared(path))
    assert len(result.cases) == cases
    assert sum(case.unanswerable for case in result.cases) == unanswerable
    if FORMATS[name].documents:
        assert_evidence_stands(result, FORMATS[name].source)


def test_the_evidence_of_the_reports_names_files_that_are_there() -> None:
    folder = shared("sec-10q", "sec-10-q", "data", "v1")
    result = imported("sec-10q", folder, source="reports")
    for case in result.cases:
        for evidence in case.evidence:
            assert (folder / "docs" / evidence.uri.removeprefix("reports/")).is_file()


# ---------------------------------------------------------------- formats, by hand


SQUAD = {
    "data": [
        {
            "title": "The_Tower",
            "paragraphs": [
                {"context": "It was built in 1900.", "qas": []},
                {
                    "context": "Built of stone, it was rebuilt in 1900 and 1950.",
                    "qas": [
                        {
                            "id": "q1",
                            "question": "When was it rebuilt?",
                            "answers": [{"text": "1900", "answer_start": 34}],
                        },
                        {"id": "q2", "question": "Who built it?", "answers": []},
                    ],
                },
            ],
        }
    ]
}


def test_squad_answers_are_located_in_the_article_where_they_occur_more_than_once(tmp_path: Path) -> None:
    result = imported("xquad", write(tmp_path / "squad.json", SQUAD), source="wiki")
    (case,), (document,) = result.cases, result.documents
    assert case.evidence[0].uri == "wiki/The Tower.txt"
    span = case.evidence[0].span(document.content)
    assert span is not None
    assert document.content[: span[0]].endswith("it was rebuilt in ")
    assert "1 questions have no answer" in result.notes[0]


def test_chunking_references_become_evidence_at_their_place(tmp_path: Path) -> None:
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "speech.md").write_text("Hear me.\n\nWe cut fees. Hear me.")
    references = json.dumps([{"content": "Hear me.", "start_index": 23, "end_index": 31}]).replace('"', '""')
    (tmp_path / "questions_df.csv").write_text(f'question,references,corpus_id\nWhat now?,"{references}",speech\n')
    result = imported("chunking-eval", tmp_path)
    (case,) = result.cases
    assert case.tags == ("speech",)
    assert case.evidence[0].span(result.documents[0].content) == (23, 31)


def test_clapnq_has_answerable_and_unanswerable_questions(tmp_path: Path) -> None:
    passage = {"title": "Forecasting", "text": "Forecasting is hard . It uses averages ."}
    good = {"answer": "Averages.", "selected_sentences": ["It uses averages ."]}
    none = {"answer": "", "selected_sentences": []}
    row = {"id": "1", "input": "what does it use", "passages": [passage], "output": [good]}
    write(tmp_path / "clapnq_dev_answerable.jsonl", row)
    write(tmp_path / "clapnq_dev_unanswerable.jsonl", {**row, "id": "2", "input": "who invented it", "output": [none]})
    result = imported("clapnq", tmp_path)
    assert [case.unanswerable for case in result.cases] == [False, True]
    assert len(result.documents) == 1, "one passage of both questions"
    assert result.documents[0].content == "# Forecasting\n\nForecasting is hard . It uses averages ."
    assert_evidence_stands(result, "clapnq")


def mtrag_folder(folder: Path, *, score_task: bool) -> Path:
    tasks = folder / "retrieval_tasks" / "fiqa"
    write(
        tasks / "fiqa_questions.jsonl",
        {"_id": "c<::>1", "text": "|user|: What is a bond?"},
        {"_id": "c<::>2", "text": "|user|: What is a bond?\n|user|: Who issues them?"},
        {"_id": "c<::>3", "text": "|user|: Why?"},
    )
    (tasks / "qrels").mkdir()
    (tasks / "qrels" / "dev.tsv").write_text(
        "query-id\tcorpus-id\tscore\nc<::>1\tp1\t1\nc<::>2\tp1\t1\nc<::>2\tgone\t1\nc<::>3\tgone\t1\n"
    )
    (folder / "pooled_corpus").mkdir()
    with gzip.open(folder / "pooled_corpus" / "fiqa.jsonl.gz", "wt") as file:
        file.write(json.dumps({"_id": "p1", "title": "Bonds", "text": "Bonds\nStates issue bonds."}))
    said = [("user", "What is a bond?"), ("agent", "A loan."), ("user", "Who issues them?")]
    task = {
        "task_id": "c<::>2",
        "input": [{"speaker": who, "text": text} for who, text in said],
        "targets": [{"speaker": "agent", "text": "States."}],
    }
    write(
        folder / "evaluations" / "reference_subset_with_human_evaluations.json", {"tasks": [task] if score_task else []}
    )
    return folder


@pytest.mark.parametrize("score_task", [True, False])
def test_mtrag_questions_carry_the_conversation_before_them(tmp_path: Path, score_task: bool) -> None:
    result = imported("mtrag-fiqa", mtrag_folder(tmp_path, score_task=score_task))
    first, second = result.cases
    assert first.history == ()
    assert second.question == "Who issues them?"
    assert second.tags == ("follow-up",)
    assert [turn.role for turn in second.history] == (["user", "assistant"] if score_task else ["user"])
    assert second.answer == ("States." if score_task else "")
    assert result.documents[0].content == "# Bonds\n\nStates issue bonds."
    assert_evidence_stands(result, "mtrag-fiqa")


def test_evidence_that_is_not_among_the_passages_is_left_out_and_said(tmp_path: Path) -> None:
    result = imported("mtrag-fiqa", mtrag_folder(tmp_path, score_task=False))
    assert "c-3" not in {case.id[-3:] for case in result.cases}
    assert result.notes[0].startswith("2 questions")


def test_kite_questions_have_answers_and_no_evidence(tmp_path: Path) -> None:
    path = write(
        tmp_path / "q.json", [{"query": "What is the mission?", "gt_answer": "That everyone codes.", "rubric": ""}]
    )
    (case,) = imported("kite", path).cases
    assert (case.question, case.answer, case.evidence) == ("What is the mission?", "That everyone codes.", ())


def test_a_pattern_of_reports_becomes_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for name in ("2022 Q3 AAPL.pdf", "2023 Q1 AAPL.pdf", "2023 Q1 MSFT.pdf"):
        (tmp_path / "docs" / name).touch()
    rows = ["Question,Source Docs,Question Type,Source Chunk Type,Answer"]
    rows += [
        "How did sales change?,*AAPL*,Multi-Doc RAG,Table,They fell.",
        "Why?,*2023 Q1 MSFT*,Single-Doc Single-Chunk RAG,Text,Because.",
    ]
    (tmp_path / "qna_data.csv").write_text("\ufeff" + "\n".join(rows), encoding="utf-8")
    many, one = imported("sec-10q", tmp_path, source="reports").cases
    assert [evidence.uri for evidence in many.evidence] == ["reports/2022 Q3 AAPL.pdf", "reports/2023 Q1 AAPL.pdf"]
    assert many.tags == ("multi-doc", "table")
    assert one.tags == ("single-doc-single-chunk", "text")


def test_only_sections_that_both_people_found_good_are_evidence(tmp_path: Path) -> None:
    reference = {"page_title": "Masks", "section_headers": ["When"], "section_content": "Wear one."}
    rows = [
        {"question": "When?", "passage": {"passage_id": 1, "reference": reference}, "rating": ["Excellent", rating]}
        for rating in ("Acceptable", "Bad")
    ]
    write(tmp_path / "WHO" / "feedback_valid.json", rows)
    result = imported("feedbackqa", tmp_path)
    (case,) = result.cases
    assert case.evidence[0].uri == "feedbackqa/WHO/1.md"
    assert result.documents[0].content == "# Masks - When\n\nWear one."


# ---------------------------------------------------------------- every format


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("content", OF_ANOTHER_KIND)
def test_a_file_of_another_kind_is_refused_with_a_hint(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        imported(name, path)
    assert refused.value.hint


@pytest.mark.parametrize("name", FORMATS)
def test_a_path_that_leads_nowhere_is_refused_with_a_hint(tmp_path: Path, name: str) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(InputError) as refused:
            imported(name, path)
        assert refused.value.hint


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    folder = mtrag_folder(tmp_path, score_task=False)
    archive = folder / "pooled_corpus" / "fiqa.jsonl.gz"
    archive.write_bytes(archive.read_bytes()[:-12])
    with pytest.raises(InputError, match="cannot be read"):
        imported("mtrag-fiqa", folder)


# ---------------------------------------------------------------- documents


def test_documents_are_written_as_they_will_be_ingested(tmp_path: Path) -> None:
    write_documents(
        tmp_path / "new", [SetDocument("a/b.md", "", "text\n", heading="Title"), SetDocument("c.txt", "", "plain")]
    )
    assert (tmp_path / "new" / "a" / "b.md").read_text() == "# Title\n\ntext\n"
    assert (tmp_path / "new" / "c.txt").read_text() == "plain"
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        write_documents(tmp_path, [SetDocument("a.txt", "", "text")])
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_documents_are_written_all_or_none(tmp_path: Path) -> None:
    twice = [SetDocument("a.txt", "", "one"), SetDocument("a.txt", "", "two")]
    with pytest.raises(InputError, match="cannot be written"):
        write_documents(tmp_path / "new", twice)
    assert not list(tmp_path.iterdir())


@given(st.text(max_size=300))
def test_no_title_leads_out_of_the_folder(title: str) -> None:
    name = file_name(title, ".txt")
    assert Path(name).name == name
    assert not name.startswith(".")
    assert name.isprintable()


def test_the_fits_read_the_same_questions_with_the_spans_that_answer_them() -> None:
    corpora = {corpus.name: corpus for corpus in load(shared())}
    sizes = {name: (len(corpus.questions), len(corpus.documents)) for name, corpus in corpora.items()}
    assert sizes == {
        "xquad": (1190, 48),
        "chunking-eval": (472, 5),
        "mtrag-clapnq": (208, 2488),
        "mtrag-fiqa": (179, 2463),
        "feedbackqa": (531, 1019),
    }
    span = corpora["xquad"].questions[0].gold[0]
    text = next(document.text for document in corpora["xquad"].documents if document.uri == span.uri)
    assert text[span.start : span.end] == "308"


# ---------------------------------------------------------------- ratings


def rated_file(folder: Path, **changes: Any) -> Path:
    content = {
        "documents": [{"document_id": "d", "text": "Tea is free."}],
        "tasks": [
            {"task_id": "t", "input": [{"speaker": "user", "text": "Is it?"}], "contexts": [{"document_id": "d"}]},
            {
                "task_id": "u",
                "input": [
                    {"speaker": "user", "text": "Tea?"},
                    {"speaker": "agent", "text": "Free."},
                    {"speaker": "user", "text": "Sure?"},
                ],
                "contexts": [],
            },
        ],
        "evaluations": [
            _evaluation("t", {"faithfulness": {"ann": {"value": "4"}, "bob": {"value": "3"}}}),
            _evaluation("t", {"naturalness": {"ann": {"value": "4"}}}),
            _evaluation("u", {"faithfulness": {"ann": {"value": "4"}}}),
        ],
    }
    path = folder / "mtrag.json"
    path.write_text(json.dumps({**content, **changes}))
    return path


def _evaluation(task: str, annotations: dict[str, Any]) -> dict[str, Any]:
    return {"task_id": task, "model_id": "m", "model_response": " Yes. ", "annotations": annotations}


def test_mtrags_evaluations_become_answers_with_peoples_mean_score(tmp_path: Path) -> None:
    assert read_mtrag(rated_file(tmp_path), "faithfulness") == [
        RatedAnswer(id="t/m", question="Is it?", contexts=("Tea is free.",), answer="Yes.", score=3.5)
    ]


def test_a_rating_that_nobody_gave_and_a_file_in_another_form_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="politeness"):
        read_mtrag(rated_file(tmp_path), "politeness")
    with pytest.raises(InputError, match="no evaluation file"):
        read_mtrag(rated_file(tmp_path, tasks=[]), "faithfulness")
    with pytest.raises(InputError, match="cannot be read"):
        read_mtrag(tmp_path / "missing.json", "faithfulness")


@requires(Need.SHARED, "mtrag")
def test_the_published_evaluations_can_be_read() -> None:
    answers = read_mtrag(HUMAN_SCORES, "faithfulness")
    assert len(answers) > 400
    assert all(1 <= answer.score <= 4 for answer in answers)
    assert any(answer.question.startswith("user: ") for answer in answers)


def test_the_ratings_are_written_as_calibrating_reads_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = tmp_path / "rated.jsonl"
    assert mtrag_ratings.main([str(rated_file(tmp_path)), "--answers", str(written)]) == 0
    assert read_rated_answers(written) == read_mtrag(rated_file(tmp_path), "faithfulness")
    assert f"ragloop eval calibrate {written}" in capsys.readouterr().out


# ---------------------------------------------------------------- the command


def test_cases_and_documents_are_written_as_the_commands_read_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases, wiki = tmp_path / "cases.jsonl", tmp_path / "wiki"
    path = write(tmp_path / "squad.json", SQUAD)
    assert main(["xquad", str(path), "--cases", str(cases), "--documents", str(wiki)]) == 0
    (case,) = load_cases(cases)
    assert (tmp_path / case.evidence[0].uri).read_text(encoding="utf-8").startswith("It was built in 1900.")
    out, err = capsys.readouterr()
    assert f"ragloop eval import jsonl {cases}" in out
    assert f"ragloop ingest {wiki} --source wiki" in out
    assert "1 questions have no answer" in err


@pytest.mark.parametrize(
    "words",
    [
        ["kite", "{q}", "--documents", "{tmp}/docs"],
        ["kite", "{q}", "--source", "docs"],
        ["xquad", "{q}"],
        ["kite", "{tmp}/missing"],
    ],
)
def test_a_set_that_cannot_be_converted_leaves_nothing_behind(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "q.json", [{"query": "What is 1?", "gt_answer": "A number."}])
    known = [word.replace("{q}", str(path)).replace("{tmp}", str(tmp_path)) for word in words]
    assert main([*known, "--cases", str(tmp_path / "cases.jsonl")]) == 2
    assert capsys.readouterr().err.startswith("Error: ")
    assert [each.name for each in tmp_path.iterdir()] == ["q.json"]


def test_the_package_knows_the_name_of_every_set_that_is_converted_here() -> None:
    assert set(RESEARCH_SETS) == set(FORMATS)
