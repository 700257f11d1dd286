"""XQuAD and SQuAD: articles of paragraphs, each with questions whose answer is a stretch of the paragraph."""

from __future__ import annotations

from pathlib import Path

from evals.cases.cases import Case
from evals.cases.importing.imported import Imported, SourceText, file_name, uri_of
from evals.cases.importing.reading import Shape, json_file, make_case


class _Answer(Shape):
    text: str
    answer_start: int


class _Question(Shape):
    id: str
    question: str
    answers: list[_Answer]


class _Paragraph(Shape):
    context: str
    qas: list[_Question]


class _Article(Shape):
    title: str
    paragraphs: list[_Paragraph]


class _File(Shape):
    data: list[_Article]


def read(path: Path, source: str) -> Imported:
    """One document an article, its paragraphs one below the other. A question without answer, as SQuAD 2 has them, is
    left out: it is unanswerable from its paragraph, which is not to say from the others."""
    cases: list[Case] = []
    documents = []
    left_out = 0
    for article in json_file(path, _File).data:
        title = article.title.replace("_", " ")
        name = file_name(title, ".txt")
        text = ""
        for paragraph in article.paragraphs:
            for item in paragraph.qas:
                if item.answers:
                    cases.append(_case(item, uri_of(source, name), len(text), path.name))
                left_out += not item.answers
            text += paragraph.context + "\n\n"
        documents.append(SourceText(name, title, text))
    notes = (f"{left_out} questions have no answer in their paragraph and are left out.",) if left_out else ()
    return Imported(tuple(cases), tuple(documents), notes)


def _case(item: _Question, uri: str, offset: int, place: str) -> Case:
    answer = item.answers[0]
    return make_case(
        f"{place}, question {item.id}",
        id=f"xquad-{item.id}",
        question=item.question,
        answer=answer.text,
        evidence=[{"uri": uri, "quote": answer.text, "start": offset + answer.answer_start}],
        origin="xquad",
    )
