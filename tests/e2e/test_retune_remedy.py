"""The remedy `retune`: accepted corrections become an adapter and a candidate. Trains a random model for real."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.errors import ConflictError, InputError
from core.loop.diagnosis import Cause
from core.loop.enums import FeedbackSide, FiringState
from core.settings import load_settings
from core.storage.releases import ReleaseRepository
from core.types import Actor, Role
from evals.cases.cases import GoldEvidence
from ingestion.factory import folder_source, open_pipeline
from loop.feedback.acceptance import Acceptance, Edited
from loop.remedies.catalogue.retune import RetuneProposal
from loop.remedies.execution import carry_out, propose
from loop.remedies.registry import open_firings
from loop.steps import monitor_feedback, tune_generator
from loop.steps.firings import note_failure
from serving.adapters.checks import TRAINING
from serving.adapters.store import AdapterStore
from serving.factory import Services, open_services
from serving.releases.service import ReleaseService
from tests.support.bad_answers import diagnosed, fired, voted_down
from tests.support.home import make_home
from tests.support.mock_model import MockModel
from tests.support.tiny_model import tiny_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ADMIN = Actor("a test", frozenset(Role))
THINGS = (
    "kettle", "lamp", "ladder", "printer", "projector", "bicycle", "piano", "drill", "tent", "freezer", "canoe", "oven",
    "easel", "violin", "camera", "carpet", "mirror", "telescope", "wheelbarrow", "hammock", "anvil", "loom", "kiln",
    "saddle",
)  # fmt: skip


PEOPLE = ("Anna", "Boris", "Clara", "David", "Elena", "Farid", "Greta", "Hiro")
PLACES = ("cellar", "attic", "workshop")


def says(thing: str) -> str:
    number = THINGS.index(thing)
    return f"{PEOPLE[number % 8]} lends the {thing}, which stands in the {PLACES[number % 3]}, for {number + 2} days."


def question(thing: str) -> str:
    return f"For how long is the {thing} lent out?"


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """An installation whose champion's answers are written by a model; steps read its settings from the environment."""
    folder = tmp_path / "house"
    folder.mkdir()
    for thing in THINGS:
        (folder / f"{thing}.md").write_text(f"# {thing.capitalize()}\n\n{says(thing)}\n")
    base = tiny_model(tmp_path / "model")
    with MockModel() as model:
        chosen = {"HOME": make_home(tmp_path), "MODEL_URL": model.url, "TUNING_BASE": base}
        for name, value in {**chosen, "TUNING_LEARNING_RATE": 0.01, "TUNING_RANK": 4}.items():
            monkeypatch.setenv(f"RAGLOOP_{name}", str(value))
        settings = load_settings()
        with open_pipeline(settings) as pipeline:
            pipeline.run(folder_source(pipeline, folder))
        with closing(open_services(settings)) as services:
            releases = ReleaseService(services)
            changes = {"generator.kind": "llm", "generator.base_model": "base"}
            release = releases.create(ADMIN, changes=changes, reason="a test")
            releases.promote(release.id, ADMIN, reason="a test", override=True)
            yield services


def complaints(services: Services, things: tuple[str, ...] = THINGS) -> dict[str, str]:
    """Voted down and diagnosed; the subjects by thing."""
    found = {}
    for thing in things:
        vote = voted_down(services, question(thing), says(thing))
        found[thing] = diagnosed(services, vote, Cause.GENERATION_FAULT, f"house/{thing}.md", says(thing))
    return found


def accepted(services: Services, subjects: dict[str, str]) -> dict[str, FeedbackSide | None]:
    acceptance = Acceptance(services.database)
    sides = {}
    for thing, subject in subjects.items():
        evidence = (GoldEvidence(uri=f"house/{thing}.md", quote=says(thing)),)
        edited = Edited(question(thing), says(thing), evidence)
        sides[thing] = acceptance.accept(subject.removeprefix("feedback:"), edited, ADMIN).side
    return sides


@pytest.mark.nightly  # test_the_dags_steps_do_the_same tunes once for both
def test_accepted_corrections_become_an_adapter_and_those_kept_for_evaluation_are_not_taught(
    services: Services,
) -> None:
    subjects = complaints(services)
    sides = accepted(services, subjects)
    champion = ReleaseRepository(services.database).champion()
    said: list[str] = []
    ended = carry_out(services, fired(services, "retune", list(subjects.values())), said.append)
    assert ended.state is FiringState.CANDIDATE, ended.detail
    assert isinstance(ended.proposal, RetuneProposal)
    assert ended.proposal.method == "sft"
    result = ended.proposal.result
    assert result is not None
    taught = [thing for thing, side in sides.items() if side is FeedbackSide.TRAINING]
    assert result.train_rows + result.held_out_rows == ended.proposal.count == len(taught)
    assert result.perplexity_after < result.perplexity_before
    candidate = ReleaseRepository(services.database).get(ended.release_id or "")
    assert candidate is not None
    assert candidate.manifest.generator.adapter_digest == result.adapter
    assert "a-test" in ReleaseRepository(services.database).events(candidate.id)[0].reason
    learned = (AdapterStore(services.settings.adapters).get(result.adapter).folder / TRAINING).read_text()
    assert all((question(thing) in learned) == (thing in taught) for thing in THINGS)
    # What people said lies in the database only.
    assert not Path(ended.proposal.rows).exists()
    assert ReleaseRepository(services.database).champion() == champion
    assert any("evaluation cases among them" in line for line in said)


def test_the_dags_steps_do_the_same_for_a_firing_that_an_asset_names(services: Services) -> None:
    subjects = complaints(services)
    accepted(services, subjects)
    firing = fired(services, "retune", list(subjects.values()))
    run = "Airflow run 1 of a test"
    assert monitor_feedback.propose(firing.id)
    order = tune_generator.order({"dataset": None, "base": None, "create_candidate": True}, [firing.id], run)
    assert order is not None
    rows = Path(order["dataset"])
    tuned = tune_generator.tune(order, tune_generator.check(order))
    assert rows.exists()
    release = tune_generator.candidate(order, tuned, run)
    ended = open_firings(services.database).get(firing.id)
    assert ended is not None
    assert (ended.state, ended.release_id) == (FiringState.CANDIDATE, release)
    assert isinstance(ended.proposal, RetuneProposal)
    result = ended.proposal.result
    assert result is not None
    assert result.perplexity_after < result.perplexity_before
    assert not rows.exists()


def test_a_tuning_that_fails_in_a_dag_leaves_no_rows_behind(services: Services) -> None:
    accepted(services, complaints(services))
    firing = fired(services, "retune")
    run = "Airflow run 1 of a test"
    assert monitor_feedback.propose(firing.id)
    order = tune_generator.order({"dataset": None, "base": None, "create_candidate": True}, [firing.id], run)
    assert order is not None
    note_failure(run, ConflictError("The memory is full."))
    ended = open_firings(services.database).get(firing.id)
    assert ended is not None
    assert (ended.state, ended.detail) == (FiringState.FAILED, "The memory is full.")
    assert not Path(order["dataset"]).exists()


def test_without_enough_accepted_rows_the_firing_says_how_to_get_them(services: Services) -> None:
    firing = fired(services, "retune", list(complaints(services, THINGS[:2]).values()))
    with pytest.raises(ConflictError, match="0 accepted training rows"):
        carry_out(services, firing)
    ended = open_firings(services.database).get(firing.id)
    assert ended is not None
    assert (ended.state, "Accept more feedback" in ended.detail) == (FiringState.FAILED, True)


def test_without_a_base_model_the_setting_is_named(services: Services) -> None:
    services.settings = services.settings.model_copy(update={"tuning_base": None})
    with pytest.raises(InputError) as caught:
        propose(services, fired(services, "retune"))
    assert "RAGLOOP_TUNING_BASE" in caught.value.hint
