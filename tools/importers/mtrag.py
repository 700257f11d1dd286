"""MTRAG: conversations of people with an assistant over two corpora of passages, with the passages they judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evals.cases.cases import Case
from evals.cases.foreign_files import make_case, read_text, table, uri_of
from tools.importers.foreign_json import ForeignObject, existing_folder, json_file, json_lines, require_columns
from tools.importers.research_set import ResearchSet, SetDocument, file_name

HUMAN_EVALUATIONS = Path("evaluations") / "reference_subset_with_human_evaluations.json"

_USER = "|user|:"


class _MtragMessage(ForeignObject):
    speaker: str
    text: str


class _MtragTask(ForeignObject):
    task_id: str
    input: list[_MtragMessage]
    targets: list[_MtragMessage]


class _MtragEvaluations(ForeignObject):
    tasks: list[_MtragTask]


def read(path: Path, source: str, *, domain: str, rewritten: bool = False) -> ResearchSet:
    """The last questions of conversations with what was said before; with `rewritten`, the same questions put so that
    they can be understood alone.

    Where people wrote the conversation's other half down, which is so for the tasks with human scores, it is in the
    history, and their answer is the gold answer; elsewhere the history has the user's messages only.
    """
    folder = existing_folder(path)
    documents = dict(_passages(folder / "pooled_corpus" / f"{domain}.jsonl.gz"))
    gold = _judged(folder / "retrieval_tasks" / domain / "qrels" / "dev.tsv")
    tasks = {} if rewritten else _tasks(folder / HUMAN_EVALUATIONS)
    file = folder / "retrieval_tasks" / domain / f"{domain}_{'rewrite' if rewritten else 'questions'}.jsonl"
    cases, incomplete = [], 0
    for place, row in json_lines(file, dict[str, str]):
        require_columns(row, ("_id", "text"), place)
        wanted = gold.get(row["_id"], [])
        there = [documents[name] for name in wanted if name in documents]
        incomplete += len(there) < len(wanted)
        if there:
            evidence = [{"uri": uri_of(source, document.path)} for document in there]
            said = _messages(row["text"], tasks.get(row["_id"]))
            cases.append(_case(row["_id"], said, evidence, tasks.get(row["_id"]), domain, place))
    note = f"{incomplete} questions have evidence outside the passages that are here; those with no other are left out."
    return ResearchSet(tuple(cases), tuple(documents.values()), (note,) if incomplete else ())


def _passages(path: Path) -> list[tuple[str, SetDocument]]:
    found = []
    for place, row in json_lines(path, dict[str, str]):
        require_columns(row, ("_id", "title", "text"), place)
        if row["text"].strip():
            document = SetDocument(file_name(row["_id"], ".md"), row["title"], row["text"], heading=row["title"])
            found.append((row["_id"], document))
    return found


def _judged(path: Path) -> dict[str, list[str]]:
    gold: dict[str, list[str]] = {}
    for place, row in table(read_text(path), path.name, "\t"):
        require_columns(row, ("query-id", "corpus-id"), place)
        gold.setdefault(row["query-id"], []).append(row["corpus-id"])
    return gold


def _tasks(path: Path) -> Mapping[str, _MtragTask]:
    return {task.task_id: task for task in json_file(path, _MtragEvaluations).tasks}


def _messages(text: str, task: _MtragTask | None) -> list[tuple[str, str]]:
    """(role, text) of every message, the question last."""
    if task is not None:
        return [("user" if message.speaker == "user" else "assistant", message.text) for message in task.input]
    return [("user", line.strip()) for line in text.split(_USER) if line.strip()]


def _case(
    query: str,
    said: Sequence[tuple[str, str]],
    evidence: Sequence[Mapping[str, Any]],
    task: _MtragTask | None,
    domain: str,
    place: str,
) -> Case:
    return make_case(
        place,
        id=f"mtrag-{domain}-{query.replace('<::>', '-')}",
        question=said[-1][1] if said else "",
        history=[{"role": role, "content": content} for role, content in said[:-1]],
        answer=task.targets[0].text if task and task.targets else "",
        evidence=evidence,
        tags=("follow-up",) if len(said) > 1 else (),
        origin="mtrag",
    )
