"""Each format becomes cases whose evidence stands in its documents; whatever is wrong with a file is said by place."""

from __future__ import annotations

import contextlib
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from evals.cases.importing.formats import FORMATS, import_cases
from evals.cases.importing.imported import Imported, SourceText, file_name, write_documents
from tests.support.needs import shared
from tools.fits.labelled_questions import load

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


def imported(name: str, path: Path, **options: Any) -> Imported:
    return import_cases(FORMATS[name], path, **options)


def write(path: Path, *values: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(value) for value in values), encoding="utf-8")
    return path


def assert_evidence_stands(result: Imported, source: str) -> None:
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


# ---------------------------------------------------------------- CSV


def csv_cases(folder: Path, text: str, encoding: str = "utf-8", **options: Any) -> Imported:
    path = folder / "cases.csv"
    path.write_bytes(text.encode(encoding))
    return imported("csv", path, **options)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_is_read_as_spreadsheets_save_it(tmp_path: Path, encoding: str, delimiter: str) -> None:
    rows = [["Answer", "QUESTION ", "document", "quote", "tags"], ["Ann’s", "Who?", "a.md", "It is Ann’s", '"x; y"']]
    text = "\r\n".join(delimiter.join(row) for row in rows) + "\r\n" + delimiter * 4 + "\r\n"
    (case,) = csv_cases(tmp_path, text, encoding).cases
    assert (case.question, case.answer, case.tags) == ("Who?", "Ann’s", ("x", "y"))
    assert case.evidence[0].uri == "a.md"
    assert case.origin == "csv"


def test_a_row_without_question_adds_evidence_to_the_case_above(tmp_path: Path) -> None:
    text = 'question,document,quote\nWho?,a.md,"one,\ntwo"\n,b.md,three\nWhy?,c.md,\n'
    first, second = csv_cases(tmp_path, text, source="docs").cases
    assert [(evidence.uri, evidence.quote) for evidence in first.evidence] == [
        ("docs/a.md", "one,\ntwo"),
        ("docs/b.md", "three"),
    ]
    assert second.evidence[0].uri == "docs/c.md"


def test_the_same_question_has_the_same_id_wherever_it_stands(tmp_path: Path) -> None:
    one = csv_cases(tmp_path, "question,answer\nWho?,Ann\nWhy?,So\n").cases
    other = csv_cases(tmp_path, "answer,question\nSo,Why?\n").cases
    assert one[1].id == other[0].id != one[0].id


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1: there is no column question"),
        ("answer\nx\n", "line 1: there is no column question"),
        ("question,anwser\na,b\n", "there is no column 'anwser'"),
        ("question,question\na,b\n", "two columns are named question"),
        ("question,answer\na\n", "line 2: the row does not have 2 fields"),
        ("question,answer\na,b,c\n", "line 2: the row does not have 2 fields"),
        ("question,answer\nok,b\n,c\n", "line 3: question: it is empty"),
        ("question,document\n,a.md\n", "line 2: question: it is empty"),
        ("question,answer,unanswerable\na,b,perhaps\n", "line 2: unanswerable"),
        ("question,answer,unanswerable\na,b,yes\n", "line 2: the case: an unanswerable case has neither"),
        ("question,answer\na,\n", "line 2: the case: an answerable case needs"),
        ("question,quote\na,b\n", "line 2: evidence.0.uri: it is empty"),
        ("question,answer\nok,b\na\x07,b\n", "line 3: question: it holds the control character"),
        ("question,answer\n" + "a" * 8001 + ",b\n", "line 2: question: string should have at most 8000"),
        ("question,answer\na," + "b" * 200_000 + "\n", "after line 1: field larger than field limit"),
        ("question,answer\nWho?,a\nWho?,b\n", "two cases have the id"),
        ("question\n", "holds no cases"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_by_line_and_field(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(InputError) as refused:
        csv_cases(tmp_path, text)
    assert complaint in refused.value.message
    assert refused.value.hint


def test_a_table_in_an_old_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 2: it is not UTF-8"):
        csv_cases(tmp_path, "question,answer\nWer prüft?,Ann\n", "latin-1")


@given(st.text(max_size=200))
def test_no_table_ends_in_anything_but_cases_or_a_complaint(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(("question,answer\n" + text).encode("utf-8", "surrogatepass"))
    with contextlib.suppress(InputError):
        assert imported("csv", path).cases


# ---------------------------------------------------------------- every format


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b"[[[[", b'{"data": 7}', b"\xff\xfe\x00", b"\x00" * 100, b"[" * 100_000]
)
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


def test_a_sample_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    path = write(tmp_path / "q.json", [{"query": f"What is {n}?", "gt_answer": "A number."} for n in range(50)])
    sample = imported("kite", path, limit=10, seed=1).cases
    assert len(sample) == 10
    assert imported("kite", path, limit=10, seed=1).cases == sample
    assert imported("kite", path, limit=10, seed=2).cases != sample
    assert len(imported("kite", path, limit=99).cases) == 50


# ---------------------------------------------------------------- documents


def test_documents_are_written_as_they_will_be_ingested(tmp_path: Path) -> None:
    write_documents(
        tmp_path / "new", [SourceText("a/b.md", "", "text\n", heading="Title"), SourceText("c.txt", "", "plain")]
    )
    assert (tmp_path / "new" / "a" / "b.md").read_text() == "# Title\n\ntext\n"
    assert (tmp_path / "new" / "c.txt").read_text() == "plain"
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        write_documents(tmp_path, [SourceText("a.txt", "", "text")])
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_documents_are_written_all_or_none(tmp_path: Path) -> None:
    twice = [SourceText("a.txt", "", "one"), SourceText("a.txt", "", "two")]
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
