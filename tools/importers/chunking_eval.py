"""The chunking evaluation of Chroma: five long texts, and questions with the exact spans that answer them."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from core.errors import InputError
from evals.cases.cases import Case, explain
from evals.cases.foreign_files import make_case, read_text, table, uri_of
from tools.importers.foreign_json import ForeignObject, find_file, require_columns
from tools.importers.research_set import ResearchSet, SetDocument

QUESTIONS = "questions_df.csv"


class _ExactSpan(ForeignObject):
    content: str
    start_index: int


_SPANS = TypeAdapter(list[_ExactSpan])


def read(path: Path, source: str) -> ResearchSet:
    """The questions of questions_df.csv, and the texts of the folder `corpora` beside it. There are no gold answers."""
    file = find_file(path, QUESTIONS)
    texts = sorted((file.parent / "corpora").glob("*.md"))
    documents = tuple(SetDocument(text.name, text.stem, _canonical(read_text(text))) for text in texts)
    known = {document.title for document in documents}
    cases = []
    for number, (place, row) in enumerate(table(read_text(file), file.name, ","), start=1):
        require_columns(row, ("question", "references", "corpus_id"), place)
        if row["corpus_id"] not in known:
            raise InputError(
                f"{place}: there is no text {row['corpus_id'][:80]}.md.", hint="The folder corpora must be beside it."
            )
        cases.append(_case(number, row["question"], row["corpus_id"], row["references"], source, place))
    return ResearchSet(tuple(cases), documents)


def _case(number: int, question: str, corpus: str, references: str, source: str, place: str) -> Case:
    try:
        spans = _SPANS.validate_json(references)
    except ValidationError as error:
        raise InputError(
            f"{place}: references.{explain(error)}", hint="It holds JSON: the spans that answer."
        ) from error
    uri = uri_of(source, f"{corpus}.md")
    return make_case(
        place,
        id=f"chunking-{number:03}",
        question=question,
        evidence=[{"uri": uri, "quote": span.content, "start": span.start_index} for span in spans],
        tags=(corpus,),
        origin="chunking-eval",
    )


def _canonical(text: str) -> str:
    # The spans count in the text as Python reads it: line ends are one character.
    return text.replace("\r\n", "\n").replace("\r", "\n")
