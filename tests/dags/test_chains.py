"""From DAG to DAG nobody starts anything: Airflow's own scheduler carries the assets.

Votes go from `monitor_feedback` over `rebuild_index` to `evaluate_release`, a rebuild that somebody orders to its report,
and what cannot be built back into its firing. One Airflow runs for all three; each looks for what it caused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.loop.diagnosis import Cause
from core.loop.enums import FiringState
from core.loop.feedback import Firing
from core.release import ReadingParameters
from core.settings import Settings, load_settings
from core.storage.database import Database
from core.storage.evals.evaluations import EvaluationRecord, EvaluationRepository
from core.storage.loop.diagnoses import DiagnosisRepository
from core.storage.releases import Decision, ReleaseRepository
from ingestion.factory import folder_source, open_pipeline
from loop.remedies.catalogue.reindex import ReindexProposal
from loop.remedies.registry import open_firings
from serving.factory import open_services
from serving.releases.champion import current_champion
from tests.support.airflow_server import LaidAirflow, standalone, trigger, unpause, wait
from tests.support.bad_answers import fired, voted_down
from tests.support.home import make_home

# The first test waits for the Airflow of all three too.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

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


@dataclass(frozen=True)
class House:
    """An installation, and the environment of the Airflow that runs over it."""

    settings: Settings
    environment: Mapping[str, str]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, lay_airflow: LaidAirflow) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    settings = _installation(folder)
    dataset = str(_dataset(folder / "held-out.jsonl"))
    laid = lay_airflow(settings)
    with standalone(laid, folder / "airflow.log", RAGLOOP_EVALUATION_DATASET=dataset) as environment:
        unpause(environment, "evaluate_release", "rebuild_index", "monitor_feedback")
        yield House(settings, environment)


@pytest.fixture
def database(house: House) -> Iterator[Database]:
    with closing(Database.open(house.settings)) as database:
        yield database


def test_votes_become_a_candidate_whose_report_waits_for_a_person(house: House, database: Database) -> None:
    trigger(house.environment, "monitor_feedback")
    wait(lambda: _of_its_candidate(database) is not None, 480, "the evaluation")
    (firing,) = [each for each in open_firings(database).all() if each.trigger == "not_indexed"]
    releases = ReleaseRepository(database)
    champion, candidate = releases.champion(), releases.get(firing.release_id or "")
    record = _of_its_candidate(database)
    causes = {each.cause for each in DiagnosisRepository(database).since(firing.at.replace(year=2000))}
    assert causes == {Cause.NOT_INDEXED}
    assert (firing.remedy, firing.state) == ("reindex", FiringState.CANDIDATE)
    assert champion is not None
    assert candidate is not None
    assert champion.manifest.collection.splitter == "structure-32"
    assert isinstance(firing.proposal, ReindexProposal)
    assert candidate.manifest.collection.splitter == f"structure-{firing.proposal.chunk_tokens}"
    # The report compares the candidate with what is live, on questions that nobody voted on; a person decides.
    assert record is not None
    assert (record.state, record.release_id, record.baseline_id) == ("finished", candidate.id, champion.id)
    assert record.report is not None
    whole = next(each for each in record.report["metrics"] if each["name"] == "answer_contained")
    assert (whole["rows"], whole["candidate"], whole["baseline"]) == (len(HELD_OUT), 1.0, 0.0)
    assert candidate.status.value == "candidate"


def test_a_rebuilt_index_becomes_a_candidate_with_a_report_that_waits_for_a_person(
    house: House, database: Database
) -> None:
    releases = ReleaseRepository(database)

    def ordered() -> set[str]:
        return {each.id for each in releases.all() if each.manifest.collection.splitter == "structure-120"}

    trigger(house.environment, "rebuild_index", {"chunk_tokens": 120})
    wait(lambda: _evaluated(database, ordered()) is not None, 480, "the evaluation")
    record = _evaluated(database, ordered())
    champion = releases.champion()
    assert champion is not None
    assert record is not None
    candidate = releases.get(record.release_id)
    assert candidate is not None
    assert (record.baseline_id, record.created_by, candidate.status.value) == (champion.id, "airflow", "candidate")
    assert record.report is not None
    assert [change["path"] for change in record.report["changes"] if "splitter" in change["path"]]


def test_what_airflow_cannot_build_stands_in_the_firing(house: House, database: Database) -> None:
    with closing(open_services(house.settings)) as services:
        live = current_champion(services).manifest.collection
        firing = fired(services, "reindex")
        # Just what is live, as it would be if somebody had promoted such an index meanwhile.
        same = ReindexProposal(chunk_tokens=house.settings.chunk_tokens)
        open_firings(services.database).change(firing, FiringState.OPEN, proposal=same)
    trigger(house.environment, "monitor_feedback")
    wait(lambda: _state(database, firing) not in (FiringState.OPEN, FiringState.RUNNING), 480, "the failure")
    ended = open_firings(database).get(firing.id)
    assert ended is not None
    assert ended.state is FiringState.FAILED
    assert f"The live index {live.name} is just that" in ended.detail


def _state(database: Database, firing: Firing) -> FiringState:
    stored = open_firings(database).get(firing.id)
    assert stored is not None
    return stored.state


def _of_its_candidate(database: Database) -> EvaluationRecord | None:
    """The evaluation of what the trigger had made; fails if something went wrong on the way, which the firing tells."""
    firings = [each for each in open_firings(database).all() if each.trigger == "not_indexed"]
    failed = [each for each in firings if each.state is FiringState.FAILED]
    assert not failed, failed[0].detail
    return _evaluated(database, {each.release_id or "" for each in firings})


def _evaluated(database: Database, releases: set[str]) -> EvaluationRecord | None:
    """The evaluation of one of these releases that has ended."""
    evaluations = EvaluationRepository(database)
    ended = [one for one in evaluations.latest() if one.release_id in releases and one.state != "running"]
    return evaluations.get(ended[0].id) if ended else None


def _installation(folder: Path) -> Settings:
    """Pages in chunks that are too small for them, a release that quotes single sentences, and six readers who were
    told half of what they asked for."""
    settings = load_settings(home=make_home(folder), chunk_tokens=32)
    pages = folder / "house"
    pages.mkdir()
    for thing in THINGS:
        (pages / f"{thing}.md").write_text(f"# {thing.capitalize()}\n\n{rule(thing)}\n\nIt is kept in the cellar.\n")
    with open_pipeline(settings) as pipeline:
        pipeline.run(folder_source(pipeline, pages))
    with closing(open_services(settings)) as services:
        first, releases, chosen = current_champion(services), ReleaseRepository(services.database), Decision("a test")
        single = first.manifest.model_copy(update={"reading": ReadingParameters()})
        releases.promote(releases.add_candidate(single, chosen), first, chosen)
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
