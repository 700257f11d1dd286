"""What the loop keeps as JSON: every row that was written before there were versions is read, and none by guessing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import insert, select

from core.errors import StoredValueError
from core.frozen import Frozen
from core.loop.diagnosis import Cause, Diagnosis, DiagnosisSubject
from core.loop.enums import DecisionKind
from core.loop.feedback import FeedbackDecision
from core.storage.database import Database
from core.storage.loop.diagnoses import DiagnosisRepository
from core.storage.loop.feedback import FeedbackRepository
from core.storage.loop.stored_values import StoredValue
from core.storage.tables import diagnoses, feedback, feedback_decisions
from tests.support.loop_rows import NOON, a_diagnosis, a_vote, an_accepted_case

# Written by the last version that kept no version: answers of every kind, decisions, the evidence of every cause.
ROWS = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "data" / "loop_rows_without_version.jsonl").read_text("utf-8").splitlines()
]


def rows(table: str) -> Any:
    found = [row for row in ROWS if row["table"] == table]
    return pytest.mark.parametrize("row", found, ids=[row["about"] for row in found])


def put_vote(database: Database, content: Any) -> None:
    """Store a vote whose snapshot is this, as it is."""
    FeedbackRepository(database).add(a_vote(id="v"))
    with database.transaction() as connection:
        connection.execute(feedback.update().values(interaction=content))


def put_decision(database: Database, side: str | None, content: Any) -> None:
    FeedbackRepository(database).add(a_vote(id="v"))
    kind = DecisionKind.ACCEPTED if side else DecisionKind.DISMISSED
    row = {
        "feedback_id": "v",
        "kind": kind,
        "side": side,
        "content": content,
        "actor": "Rita",
        "reason": "",
        "at": NOON,
    }
    with database.transaction() as connection:
        connection.execute(insert(feedback_decisions), row)


def put_case(database: Database, content: Any) -> None:
    put_decision(database, "case", content)


def put_diagnosis(database: Database, content: Any) -> None:
    DiagnosisRepository(database).add(a_diagnosis("v", Cause.RANKING_MISS))
    with database.transaction() as connection:
        connection.execute(diagnoses.update().values(id="d", evidence=content))


def the_diagnosis(database: Database) -> Diagnosis:
    return DiagnosisRepository(database).of_votes(["v"])["v"]


def the_decision(database: Database) -> FeedbackDecision:
    found = FeedbackRepository(database).decision("v")
    assert found is not None
    return found


def as_json(value: BaseModel | None) -> Any:
    return value.model_dump(mode="json") if value else {}


@rows("feedback")
def test_a_vote_from_before_there_were_versions_has_its_whole_answer(database: Database, row: dict[str, Any]) -> None:
    put_vote(database, row["content"])
    (found,) = FeedbackRepository(database).get_all(["v"])
    # Then nothing said where a passage ends that goes on over a page.
    since = {key: [{**each, "last_page": None} for each in row["content"][key]] for key in ("citations", "passages")}
    assert as_json(found.interaction) == row["content"] | since


@rows("feedback_decisions")
def test_a_decision_from_before_there_were_versions_is_what_it_was(database: Database, row: dict[str, Any]) -> None:
    put_decision(database, row["side"], row["content"])
    found = the_decision(database)
    assert (found.side, as_json(found.content)) == (row["side"], row["content"])


@rows("diagnoses")
def test_a_diagnosis_from_before_there_were_versions_has_its_evidence(database: Database, row: dict[str, Any]) -> None:
    put_diagnosis(database, row["content"])
    assert as_json(the_diagnosis(database).evidence) == row["content"]


def test_rows_from_before_of_every_cause_are_tried() -> None:
    assert {row["about"].split(",")[0] for row in ROWS if row["table"] == "diagnoses"} == set(Cause)


def test_an_answer_from_before_citations_were_checked_and_a_diagnosis_from_before_there_was_a_judge_are_read(
    database: Database,
) -> None:
    plain = next(row["content"] for row in ROWS if row["about"] == "plain")
    unchecked = [{key: value for key, value in each.items() if key != "supported"} for each in plain["citations"]]
    put_vote(database, {**plain, "citations": unchecked})
    (found,) = FeedbackRepository(database).get_all(["v"])
    assert [citation.supported for citation in found.interaction.citations] == [True]
    evidence = next(row["content"] for row in ROWS if row["table"] == "diagnoses")
    put_diagnosis(database, {key: value for key, value in evidence.items() if key != "judged"})
    assert the_diagnosis(database).evidence.judged is None


def test_what_is_written_has_a_version_and_is_read_as_it_was(database: Database) -> None:
    given, made = a_vote(id="v"), a_diagnosis("v", Cause.RANKING_MISS)
    decision = FeedbackDecision("v", DecisionKind.ACCEPTED, an_accepted_case(), "Rita", "", NOON)
    FeedbackRepository(database).add(given)
    FeedbackRepository(database).decide(decision)
    DiagnosisRepository(database).add(made)
    with database.transaction() as connection:
        columns = (feedback.c.interaction, feedback_decisions.c.content, diagnoses.c.evidence)
        written = [connection.execute(select(column)).scalar_one() for column in columns]
    assert [content["schema_version"] for content in written] == [1, 1, 1]
    assert FeedbackRepository(database).get("v") == given
    assert the_decision(database) == decision
    assert the_diagnosis(database) == made


@pytest.mark.parametrize(
    "content", [[], "text", {}, {"question": "Who?"}, {"schema_version": "one"}, {"schema_version": -1}]
)
def test_a_broken_row_is_named_with_its_table_and_never_guessed(database: Database, content: Any) -> None:
    put_vote(database, content)
    with pytest.raises(StoredValueError, match="row v of the table feedback has a broken interaction"):
        FeedbackRepository(database).get("v")


@pytest.mark.parametrize(
    ("put", "read", "named"),
    [
        (put_diagnosis, the_diagnosis, "row d of the table diagnoses has a broken evidence"),
        (put_case, the_decision, "row v of the table feedback_decisions has a broken content"),
    ],
)
def test_a_row_that_a_newer_version_wrote_says_so(
    database: Database, put: Callable[[Database, Any], None], read: Callable[[Database], Any], named: str
) -> None:
    put(database, {"schema_version": 2})
    with pytest.raises(StoredValueError, match=named) as refused:
        read(database)
    assert "a newer RAGLoop wrote it (version 2; this one reads up to 1)" in refused.value.message
    assert "newer" in refused.value.hint


def test_each_version_is_brought_to_the_next_one() -> None:
    class Point(Frozen):
        x: int
        y: int

    stored = StoredValue(
        "points", "point", Point.model_validate, upcasts=(lambda old: {"x": old["at"]}, lambda old: {**old, "y": 0})
    )
    assert stored.write(Point(x=1, y=2)) == {"schema_version": 2, "x": 1, "y": 2}
    for content in ({"at": 1}, {"schema_version": 1, "x": 1}, {"schema_version": 2, "x": 1, "y": 0}):
        assert stored.read("p", content) == Point(x=1, y=0)


def test_the_subject_of_a_diagnosis_is_stored_as_text(database: Database) -> None:
    DiagnosisRepository(database).add(a_diagnosis("v", Cause.RANKING_MISS))
    with database.transaction() as connection:
        assert connection.execute(select(diagnoses.c.subject)).scalar_one() == "feedback:v"
    assert the_diagnosis(database).subject == DiagnosisSubject.of_vote("v")


def test_a_diagnosis_of_nothing_that_is_known_is_named_with_its_table(database: Database) -> None:
    DiagnosisRepository(database).add(a_diagnosis("v", Cause.RANKING_MISS))
    with database.transaction() as connection:
        connection.execute(diagnoses.update().values(id="d", subject="interaction:v"))
    with pytest.raises(StoredValueError, match="row d of the table diagnoses has a broken subject"):
        DiagnosisRepository(database).since(NOON)
