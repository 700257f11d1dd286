"""XQuAD and SQuAD: articles of paragraphs, each with questions whose answer is a stretch of the paragraph."""

from __future__ import annotations

from pathlib import Path

from evals.cases.cases import Case
from evals.cases.foreign_files import make_case, uri_of
from tools.importers.foreign_json import ForeignObject, json_file
from tools.importers.research_set import ResearchSet, SetDocument, file_name


class _SquadAnswer(ForeignObject):
    text: str
    answer_start: int


class _SquadQuestion(ForeignObject):
    id: str
    question: str
    answers: list[_SquadAnswer]


class _SquadParagraph(ForeignObject):
    context: str
    qas: list[_SquadQuestion]


class _SquadArticle(ForeignObject):
    title: str
    paragraphs: list[_SquadParagraph]


class _SquadFile(ForeignObject):
    data: list[_SquadArticle]


def read(path: Path, source: str) -> ResearchSet:
    """One document an article, its paragraphs one below the other. A question without answer, as SQuAD 2 has them, is
    left out: it is unanswerable from its paragraph, which is not to say from the others."""
    cases: list[Case] = []
    documents = []
    left_out = 0
    for article in json_file(path, _SquadFile).data:
        title = article.title.replace("_", " ")
        name = file_name(title, ".txt")
        text = ""
        for paragraph in article.paragraphs:
            for item in paragraph.qas:
                if item.answers:
                    cases.append(_case(item, uri_of(source, name), len(text), path.name))
                left_out += not item.answers
            text += paragraph.context + "\n\n"
        documents.append(SetDocument(name, title, text))
    notes = (f"{left_out} questions have no answer in their paragraph and are left out.",) if left_out else ()
    return ResearchSet(tuple(cases), tuple(documents), notes)


def _case(item: _SquadQuestion, uri: str, offset: int, place: str) -> Case:
    answer = item.answers[0]
    return make_case(
        f"{place}, question {item.id}",
        id=f"xquad-{item.id}",
        question=item.question,
        answer=answer.text,
        evidence=[{"uri": uri, "quote": answer.text, "start": offset + answer.answer_start}],
        origin="xquad",
    )
