"""FeedbackQA: questions about public-health pages, each with a section that a system found and two people rated."""

from __future__ import annotations

from pathlib import Path

from evals.cases.foreign_files import make_case, uri_of
from tools.importers.foreign_json import ForeignObject, existing_folder, json_file
from tools.importers.research_set import ResearchSet, SetDocument, file_name

FILE = "feedback_valid.json"
_GOOD = frozenset({"Excellent", "Acceptable"})


class _WebSection(ForeignObject):
    page_title: str
    section_headers: list[str]
    section_content: str


class _FoundSection(ForeignObject):
    passage_id: int
    reference: _WebSection


class _RatedQuestion(ForeignObject):
    question: str
    passage: _FoundSection
    rating: list[str]


def read(path: Path, source: str) -> ResearchSet:
    """The questions whose section both people found good, which is their evidence as a whole, and all sections.

    A section that people found bad says nothing about the others, so those questions are left out."""
    cases = []
    documents: dict[str, SetDocument] = {}
    left_out = 0
    for file in sorted(existing_folder(path).glob(f"*/{FILE}")):
        for number, row in enumerate(json_file(file, list[_RatedQuestion]), start=1):
            document = _document(file.parent.name, row.passage)
            documents.setdefault(document.path, document)
            if not row.rating or not _GOOD.issuperset(row.rating):
                left_out += 1
                continue
            cases.append(
                make_case(
                    f"{file.parent.name}/{file.name}, question {number}",
                    id=f"feedbackqa-{file.parent.name.lower()}-{number:03}",
                    question=row.question,
                    evidence=[{"uri": uri_of(source, document.path)}],
                    tags=(file.parent.name.lower(),),
                    origin="feedbackqa",
                )
            )
    return ResearchSet(tuple(cases), tuple(documents.values()), (f"{left_out} questions were not rated good by both.",))


def _document(region: str, passage: _FoundSection) -> SetDocument:
    reference = passage.reference
    title = " - ".join(filter(None, [reference.page_title, *reference.section_headers]))
    path = f"{file_name(region, '')}/{passage.passage_id}.md"
    return SetDocument(path, title, reference.section_content or title, heading=title)
