"""Rows of firings as they were written before evidence and proposals had a version, read as the types of now; and what
cannot be read."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert

from core.errors import StoredValueError
from core.loop.feedback import Firing, NothingBetter, NotInstalled, SeenAnswers, SeenComplaints, SeenSources
from core.storage.database import Database
from core.storage.tables import trigger_firings
from loop.remedies.catalogue.content import ContentProposal
from loop.remedies.catalogue.refit import RefitProposal
from loop.remedies.catalogue.reindex import ReindexProposal
from loop.remedies.catalogue.retune import RetuneProposal
from loop.remedies.registry import in_words, open_firings
from tests.support.loop_rows import NOON

SINCE = "2026-10-24T12:00:00+00:00"
COMPLAINTS = {
    "value": 2, "threshold": 2.0, "since": SINCE, "complaints": 3, "accepted": 1, "authors": 2,
    "subjects": ["feedback:0a", "feedback:0b"],
}  # fmt: skip
ANSWERS = {
    "answers": 60, "answers_before": 58, "reference_days": 28.0, "p_value": 0.0005, "value": 0.31, "threshold": 0.15,
    "since": SINCE,
}  # fmt: skip
FEW = {
    "answers": 3, "answers_before": 0, "reference_days": 28.0, "value": None, "threshold": 0.15, "since": SINCE,
    "by": "rita",
}  # fmt: skip
STALE = {
    "sources": ["handbook"],
    "ages_days": {"handbook": 15.003, "wiki": 1.5},
    "value": 15.003,
    "threshold": 14.0,
    "since": SINCE,
}
BY_HAND = {"value": None, "threshold": 14.0, "since": SINCE, "by": "rita"}
HELD_OUT = {
    "questions": 4, "live": 0.5, "candidate": 0.75, "difference": 0.25, "interval": [0.1, 0.4], "better": 2, "worse": 0,
}  # fmt: skip
SEARCHED = {
    "sizes": [{"chunk_tokens": 32, "gain": 0.25}, {"chunk_tokens": 64, "gain": 1.0}], "held_out": HELD_OUT, "from": 32,
    "chose_on": ["feedback:0a"], "held_out_on": ["feedback:0b"], "documents": 10, "documents_beside": 0,
}  # fmt: skip
FITTED = {
    "search": {
        "best": {"dense_weight": 0.7, "depth": 100, "top_k": 8}, "tried": 99, "choosing": HELD_OUT,
        "held_out": {"questions": 0},
    },
    "abstention": {
        "live": 0.0, "threshold": 0.55, "answerable": 7, "unanswerable": 9,
        "balance": {"chosen": 0.55, "choosing": [0.5, 1.0], "held_out": None},
    },
    "chose_on": ["feedback:0a"], "held_out_on": [],
}  # fmt: skip
TUNING = {
    "rows": "/home/ragloop/tuning/rows-0123abcd.jsonl", "count": 12, "method": "sft", "base": "/models/base",
    "base_name": "base", "epochs": 3.0, "rank": 16, "learning_rate": None,
}  # fmt: skip
RESULT = {
    "adapter": "a" * 64, "train_rows": 11, "held_out_rows": 1, "steps": 6, "perplexity_before": 3.0,
    "perplexity_after": 2.5, "seconds": 41.2,
}  # fmt: skip


def stored(database: Database, remedy: str, proposal: Any, evidence: Any = COMPLAINTS) -> Firing:
    """A row as it lies in the database, read."""
    row = {
        "id": "0123abcd-1", "trigger": "not_indexed", "remedy": remedy, "at": NOON, "reason": "Said.",
        "evidence": evidence, "state": "open", "changed_at": NOON, "proposal": proposal, "release_id": None, "detail": "",
    }  # fmt: skip
    with database.transaction() as connection:
        connection.execute(insert(trigger_firings), row)
    (firing,) = open_firings(database).all()
    return firing


# ---------------------------------------------------------------- evidence


def test_complaints_that_fired_a_trigger_are_read(database: Database) -> None:
    evidence = stored(database, "reindex", {}).evidence
    assert (evidence.value, evidence.threshold, evidence.by) == (2, 2, None)
    assert evidence.seen == SeenComplaints(complaints=3, accepted=1, authors=2, subjects=("feedback:0a", "feedback:0b"))
    assert evidence.since.isoformat() == SINCE


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        (ANSWERS, SeenAnswers(answers=60, answers_before=58, reference_days=28, p_value=0.0005)),
        (FEW, SeenAnswers(answers=3, answers_before=0, reference_days=28)),
        (STALE, SeenSources(sources=("handbook",), ages_days={"handbook": 15.003, "wiki": 1.5})),
        (BY_HAND, None),
    ],
)
def test_what_was_measured_is_read_for_every_kind_of_trigger(database: Database, written: Any, seen: Any) -> None:
    evidence = stored(database, "refit", {}, written).evidence
    assert evidence.seen == seen
    assert (evidence.value, evidence.by) == (written["value"], written.get("by"))


# ---------------------------------------------------------------- proposals


def test_a_firing_for_which_nothing_was_proposed_has_no_proposal(database: Database) -> None:
    assert stored(database, "reindex", {}).proposal is None


def test_a_chunk_size_that_was_proposed_is_read_with_its_search(database: Database) -> None:
    proposal = stored(database, "reindex", {"chunk_tokens": 64, **SEARCHED}).proposal
    assert isinstance(proposal, ReindexProposal)
    assert (proposal.chunk_tokens, proposal.refresh) == (64, ())
    found = proposal.figures.search
    assert found is not None
    assert (found.live_tokens, found.sizes[1].gain, found.held_out.interval) == (32, 1.0, (0.1, 0.4))


def test_sources_that_were_to_be_read_again_are_read(database: Database) -> None:
    written = {"refresh": ["house"], "changes": {"house": 2, "wiki": 0}, "questions": ["feedback:0a"]}
    proposal = stored(database, "reindex", written).proposal
    assert isinstance(proposal, ReindexProposal)
    assert (proposal.refresh, proposal.questions) == (("house",), ("feedback:0a",))
    assert proposal.figures.changed == {"house": 2, "wiki": 0}


def test_parameters_that_were_fitted_are_read(database: Database) -> None:
    proposal = stored(database, "refit", {"changes": {"retrieval.dense_weight": "0.7"}, **FITTED}).proposal
    assert isinstance(proposal, RefitProposal)
    assert proposal.changes == {"retrieval.dense_weight": "0.7"}
    assert proposal.figures.search.choosing.better == 2
    assert proposal.figures.abstention is not None
    assert proposal.figures.abstention.balance.choosing == (0.5, 1.0)


@pytest.mark.parametrize("result", [None, RESULT])
def test_a_tuning_is_read_before_and_after_it_ran(database: Database, result: Any) -> None:
    proposal = stored(database, "retune", TUNING if result is None else {**TUNING, "result": result}).proposal
    assert isinstance(proposal, RetuneProposal)
    assert (proposal.count, proposal.tuning()["dataset"]) == (12, TUNING["rows"])
    assert (proposal.result is None) is (result is None)


def test_a_request_for_content_is_read(database: Database) -> None:
    proposal = stored(database, "content", {"source": None, "questions": ["Where is the lamp?"]}).proposal
    assert proposal == ContentProposal(source=None, questions=("Where is the lamp?",))


@pytest.mark.parametrize(
    ("remedy", "written"),
    [("reindex", SEARCHED), ("reindex", {"changes": {"house": 0}}), ("refit", FITTED), ("retune", {**TUNING, "result": RESULT})],
)  # fmt: skip
def test_that_nothing_better_was_found_is_read_with_the_figures(
    database: Database, remedy: str, written: dict[str, Any]
) -> None:
    firing = stored(database, remedy, {**written, "nothing_better": "Nothing serves better."})
    assert isinstance(firing.proposal, NothingBetter)
    assert in_words(firing) == "Nothing serves better."
    assert firing.proposal.figures is not None


@pytest.mark.parametrize(
    "written", [{"schema_version": 7, "kind": "prayer", "words": 3}, {"nothing_better": "No."}, ["?"]]
)
def test_what_a_remedy_proposed_that_is_gone_is_read_as_it_was_stored(database: Database, written: Any) -> None:
    firing = stored(database, "prayer", written)
    assert firing.proposal == NotInstalled(stored=written)
    assert in_words(firing) == "The remedy prayer is no longer installed."


# ---------------------------------------------------------------- what cannot be read


@pytest.mark.parametrize(
    ("remedy", "proposal", "evidence", "said"),
    [
        ("refit", {"schema_version": 2, "kind": "refit"}, COMPLAINTS, "broken proposal: a newer RAGLoop wrote it (version 2"),
        ("refit", {}, {"schema_version": 9}, "broken evidence: a newer RAGLoop wrote it (version 9"),
        ("refit", {"changes": {}}, COMPLAINTS, "broken proposal: KeyError: 'search'"),
        ("refit", {"changes": {}, **FITTED}, COMPLAINTS, "broken proposal: refit.changes"),
        ("reindex", {"schema_version": 1, "kind": "reindex"}, COMPLAINTS, "either chunk_tokens or sources"),
        ("retune", {"schema_version": 1, "kind": "refit"}, COMPLAINTS, "broken proposal"),
        ("content", ["a list"], COMPLAINTS, "broken proposal"),
        ("content", {}, {"value": 1}, "broken evidence: threshold"),
        ("content", {}, "words", "broken evidence"),
    ],
)  # fmt: skip
def test_a_broken_or_newer_row_is_one_error_that_names_it(
    database: Database, remedy: str, proposal: Any, evidence: Any, said: str
) -> None:
    with pytest.raises(StoredValueError, match="The row 0123abcd-1 of the table trigger_firings") as caught:
        stored(database, remedy, proposal, evidence)
    assert said in caught.value.message
    assert caught.value.hint
