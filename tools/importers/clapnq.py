"""ClapNQ: real questions to a search engine, with long answers and the sentences of one passage they rest on."""

from __future__ import annotations

from pathlib import Path

from core.types import digest
from evals.cases.cases import Case
from evals.cases.foreign_files import make_case, uri_of
from tools.importers.foreign_json import ForeignObject, find_file, json_lines
from tools.importers.research_set import ResearchSet, SetDocument, file_name

ANSWERABLE = "clapnq_dev_answerable.jsonl"
UNANSWERABLE = "clapnq_dev_unanswerable.jsonl"


class _ClapnqPassage(ForeignObject):
    title: str
    text: str


class _ClapnqOutput(ForeignObject):
    answer: str
    selected_sentences: list[str]


class _ClapnqRow(ForeignObject):
    id: str
    input: str
    passages: list[_ClapnqPassage]
    output: list[_ClapnqOutput]


def read(path: Path, source: str) -> ResearchSet:
    """Both files of the folder. The unanswerable questions were asked about a passage near their subject, which is
    among the documents; people found no answer in it, and nobody looked through the others."""
    cases: list[Case] = []
    documents: dict[str, SetDocument] = {}
    for name in (ANSWERABLE, UNANSWERABLE):
        for place, row in json_lines(find_file(path, name), _ClapnqRow):
            passages = [_document(passage) for passage in row.passages]
            documents |= {passage.path: passage for passage in passages}
            cases.append(_case(row, [uri_of(source, passage.path) for passage in passages], place))
    return ResearchSet(tuple(cases), tuple(documents.values()))


def _document(passage: _ClapnqPassage) -> SetDocument:
    # Several passages come from one page, and some stand in the files twice.
    name = file_name(f"{passage.title} {digest(passage.text)[:8]}", ".md")
    return SetDocument(name, passage.title, passage.text, heading=passage.title)


def _case(row: _ClapnqRow, uris: list[str], place: str) -> Case:
    answers = [output.answer for output in row.output if output.answer.strip()]
    sentences = dict.fromkeys(sentence for output in row.output for sentence in output.selected_sentences)
    evidence = [{"uri": uri, "quote": sentence} for uri in uris for sentence in sentences] if answers else []
    return make_case(
        place,
        id=f"clapnq-{row.id}",
        question=row.input,
        answer=answers[0] if answers else "",
        evidence=evidence,
        unanswerable=not answers,
        origin="clapnq",
    )
