"""Votes become a candidate with a report that waits for a person, and nobody starts anything: Airflow's own scheduler
carries them from `monitor_feedback` over `rebuild_index` to `evaluate_release`."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from core.diagnosis import Cause
from core.feedback import Firing, FiringState, Remedy
from core.settings import Settings, load_settings
from core.storage.database import Database
from core.storage.evals.evaluations import EvaluationRepository
from core.storage.loop.diagnoses import DiagnosisRepository
from core.storage.loop.firings import FiringRepository
from core.storage.releases import ReleaseRepository
from ingestion.factory import folder_source, open_pipeline
from serving.factory import open_services
from serving.releases.champion import current_champion
from tests.support.airflow_server import standalone, trigger, unpause, wait
from tests.support.bad_answers import fired, voted_down
from tests.support.home import make_home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

THINGS = ("kettle", "lamp", "ladder", "printer", "projector", "bicycle", "piano", "drill", "tent", "freezer")
# The evaluation asks about these; nobody has voted on them.
HELD_OUT = THINGS[6:]


def rule(thing: str) -> str:
    """Longer than a chunk of 32 tokens, so that every chunk holds a part of it only."""
    return (
        f"Whoever borrows the {thing} of the house writes the day into the list that hangs beside the door of the "
        f"caretaker, and brings the {thing} back before Friday noon, cleaned and without any damage to it."
    )


def question(thing: str) -> str:
    return f"When does somebody who borrows the {thing} bring it back?"


def test_votes_become_a_candidate_whose_report_waits_for_a_person(tmp_path: Path) -> None:
    settings = _installation(tmp_path)
    dataset = _dataset(tmp_path / "held-out.jsonl")
    with standalone(settings, tmp_path / "airflow.log", RAGLOOP_EVALUATION_DATASET=str(dataset)) as environment:
        unpause(environment, "evaluate_release", "rebuild_index", "monitor_feedback")
        trigger(environment, "monitor_feedback")
        with closing(Database.open(settings)) as database:
            wait(lambda: _is_over(database), 480, "the evaluation")
    with closing(Database.open(settings)) as database:
        (firing,) = FiringRepository(database).all()
        releases = ReleaseRepository(database)
        champion, candidate = releases.champion(), releases.get(firing.release_id or "")
        (newest,) = EvaluationRepository(database).latest()
        record = EvaluationRepository(database).get(newest.id)
        causes = {each.cause for each in DiagnosisRepository(database).since(firing.at.replace(year=2000))}
    assert causes == {Cause.NOT_INDEXED}
    assert (firing.trigger, firing.remedy, firing.state) == ("not_indexed", Remedy.REINDEX, FiringState.CANDIDATE)
    assert champion is not None
    assert candidate is not None
    assert champion.manifest.collection.splitter == "structure-32"
    assert candidate.manifest.collection.splitter == f"structure-{firing.proposal['chunk_tokens']}"
    # The report compares the candidate with what is live, on questions that nobody voted on; a person decides.
    assert record is not None
    assert (record.state, record.release_id, record.baseline_id) == ("finished", candidate.id, champion.id)
    assert record.report is not None
    whole = next(each for each in record.report["metrics"] if each["name"] == "answer_contained")
    assert (whole["rows"], whole["candidate"], whole["baseline"]) == (len(HELD_OUT), 1.0, 0.0)
    assert candidate.status.value == "candidate"


def test_what_airflow_cannot_build_stands_in_the_firing(tmp_path: Path) -> None:
    settings = load_settings(home=make_home(tmp_path))
    pages = tmp_path / "house"
    pages.mkdir()
    (pages / "kettle.md").write_text("# Kettle\n\nIt is kept in the cellar.\n")
    with open_pipeline(settings) as pipeline:
        pipeline.run(folder_source(pipeline, pages))
    with closing(open_services(settings)) as services:
        live = current_champion(services).manifest.collection
        firing = fired(services, Remedy.REINDEX)
        # Just what is live, as it would be if somebody had promoted such an index meanwhile.
        same = {"chunk_tokens": settings.chunk_tokens}
        FiringRepository(services.database).change(firing.id, FiringState.OPEN, proposal=same)
    with (
        standalone(settings, tmp_path / "airflow.log") as environment,
        closing(Database.open(settings)) as database,
    ):
        unpause(environment, "rebuild_index", "monitor_feedback")
        trigger(environment, "monitor_feedback")
        wait(lambda: _state(database, firing) not in (FiringState.OPEN, FiringState.RUNNING), 480, "the failure")
        ended = FiringRepository(database).get(firing.id)
    assert ended is not None
    assert ended.state is FiringState.FAILED
    assert f"The live index {live.name} is just that" in ended.detail


def _state(database: Database, firing: Firing) -> FiringState:
    stored = FiringRepository(database).get(firing.id)
    assert stored is not None
    return stored.state


def _installation(folder: Path) -> Settings:
    """Pages in chunks that are too small for them, and six readers who were told half of what they asked for."""
    settings = load_settings(home=make_home(folder), chunk_tokens=32)
    pages = folder / "house"
    pages.mkdir()
    for thing in THINGS:
        (pages / f"{thing}.md").write_text(f"# {thing.capitalize()}\n\n{rule(thing)}\n\nIt is kept in the cellar.\n")
    with open_pipeline(settings) as pipeline:
        pipeline.run(folder_source(pipeline, pages))
    with closing(open_services(settings)) as services:
        current_champion(services)
        for number, thing in enumerate(THINGS[:6]):
            voted_down(services, question(thing), rule(thing), f"reader {number}")
    return settings


def _dataset(path: Path) -> Path:
    cases = [
        {
            "id": thing, "question": question(thing), "answer": rule(thing),
            "evidence": [{"uri": f"house/{thing}.md", "quote": rule(thing)}],
        }
        for thing in HELD_OUT
    ]  # fmt: skip
    path.write_text("".join(json.dumps(case) + "\n" for case in cases))
    return path


def _is_over(database: Database) -> bool:
    """Whether there is a finished evaluation, or something went wrong on the way, which the firing tells."""
    failed: list[Firing] = [each for each in FiringRepository(database).all() if each.state is FiringState.FAILED]
    assert not failed, failed[0].detail
    return any(record.state != "running" for record in EvaluationRepository(database).latest())
