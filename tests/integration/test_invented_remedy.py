"""A new remedy is one module and its test: one that nobody knows is put beside the others, and taken from its firing to
its end by everything that deals with remedies."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.errors import ConflictError, NotFoundError, UnavailableError
from core.loop.diagnosis import Cause
from core.loop.enums import FiringState
from core.loop.feedback import Firing
from core.settings import load_settings
from core.storage.releases import ReleaseRepository
from loop.remedies import catalogue
from loop.remedies.catalogue import remedy_names
from loop.remedies.execution import REMEDIES, carry_out
from loop.remedies.port import Say
from loop.remedies.registry import find_remedy, in_words, open_firings
from loop.steps import monitor_feedback
from loop.triggers.firings import FiringService
from loop.triggers.monitor import Monitor
from loop.triggers.rules import TRIGGERS, load_rules
from serving.factory import Services, open_services
from tests.support.bad_answers import diagnosed, voted_down
from tests.support.command import run, run_json
from tests.support.installed import lay_installation

WIDEN = '''
from typing import Literal

from core.loop.diagnosis import Cause
from core.loop.feedback import RemedyProposal
from loop.remedies.port import Built, Remedy


class WidenProposal(RemedyProposal):
    kind: Literal["widen"] = "widen"
    passages: int
    asked: int


class Widen(Remedy[WidenProposal]):
    """Reads more passages, whatever that brings."""

    name = "widen"
    causes = frozenset({Cause.RANKING_MISS})

    def propose(self, services, firing, say):
        say("Counting complaints")
        return WidenProposal(passages=17, asked=len(firing.evidence.subjects))

    def in_words(self, proposal):
        return f"{proposal.passages} passages, for {proposal.asked} complaints."

    def carry_out(self, services, firing, proposal, say):
        return Built({"retrieval.top_k": str(proposal.passages)}, proposal)

    def read(self, form):
        return WidenProposal.model_validate(form)


REMEDY = Widen()
'''


@pytest.fixture
def widen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The file of the remedy, beside those there are."""
    folder = tmp_path / "catalogue"
    folder.mkdir()
    (folder / "widen.py").write_text(WIDEN)
    monkeypatch.setattr(catalogue, "__path__", [*catalogue.__path__, str(folder)])
    yield
    sys.modules.pop(f"{catalogue.__name__}.widen", None)


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, widen: None) -> Iterator[Services]:
    """An installation whose rules name the remedy, and five people who complain."""
    rules = yaml.safe_load(TRIGGERS.read_text())
    rules["causes"]["ranking_miss"]["remedy"] = "widen"
    file = tmp_path / "triggers.yaml"
    file.write_text(yaml.safe_dump(rules))
    laid = lay_installation(tmp_path, "notes", {"kettle.md": "# Kettle\n\nThe kettle is in the kitchen.\n"})
    monkeypatch.setenv("RAGLOOP_HOME", str(laid.home))
    monkeypatch.setenv("RAGLOOP_TRIGGERS_FILE", str(file))
    with closing(open_services(load_settings())) as services:
        for person in ("Anna", "Ben", "Cem", "Dora", "Eve"):
            given = voted_down(services, f"Where has {person} seen the kettle?", "In the kitchen.", person)
            diagnosed(services, given, Cause.RANKING_MISS, "notes/kettle.md")
        yield services


def test_the_dags_steps_take_an_invented_remedy_from_its_firing_to_a_candidate(services: Services) -> None:
    (firing_id,) = monitor_feedback.check()["widen"]
    release_id = monitor_feedback.carry_out(firing_id)
    candidate = ReleaseRepository(services.database).get(release_id or "")
    assert candidate is not None
    assert candidate.manifest.retrieval.top_k == 17
    (ended,) = open_firings(services.database).all()
    assert (ended.state, ended.release_id) == (FiringState.CANDIDATE, release_id)
    assert in_words(ended) == "17 passages, for 5 complaints."


def test_the_command_line_shows_and_carries_out_an_invented_remedy(
    capsys: pytest.CaptureFixture[str], services: Services
) -> None:
    (fired,) = run_json(capsys, "triggers", "check")[1]["fired"]
    assert fired["remedy"] == "widen"
    code, done = run_json(capsys, "triggers", "run", fired["id"])
    assert (code, done["state"], done["proposal"]["passages"]) == (0, "candidate", 17)
    _, out, _ = run(capsys, "triggers", "show", fired["id"])
    assert "Proposed: 17 passages, for 5 complaints." in out


def test_a_firing_whose_remedy_was_taken_away_is_shown_and_closed_and_stops_nothing(
    capsys: pytest.CaptureFixture[str], services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    firings = open_firings(services.database)
    (firing,) = Monitor(services).check(datetime.now(UTC))
    firings.change(firing, FiringState.OPEN, proposal=find_remedy("widen").propose(services, firing, print))
    monkeypatch.setattr(catalogue, "__path__", catalogue.__path__[:-1])
    monkeypatch.delenv("RAGLOOP_TRIGGERS_FILE")  # the rules that name the remedy go with it
    monitor_feedback.check()
    _, listed, _ = run(capsys, "triggers", "list")
    assert "widen" in listed
    _, shown, _ = run(capsys, "triggers", "show", firing.id)
    assert "Proposed: The remedy widen is no longer installed." in shown
    assert '"passages": 17' in shown
    code, refused = run_json(capsys, "triggers", "run", firing.id)
    assert (code, refused["error"]["message"]) == (2, "The remedy widen is no longer installed.")
    with pytest.raises(NotFoundError, match="The remedy widen is no longer installed"):
        monitor_feedback.propose(firing.id)
    assert [each.state for each in firings.all()] == [FiringState.OPEN]
    code, closed = run_json(capsys, "triggers", "close", firing.id, "--reason", "Nobody widens any more.")
    assert (code, closed["state"]) == (0, "closed")


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("state", [FiringState.CANDIDATE, FiringState.CLOSED])
def test_what_a_person_did_about_a_firing_while_its_proposal_was_made_stands(
    services: Services, monkeypatch: pytest.MonkeyPatch, state: FiringState, fails: bool
) -> None:
    (firing_id,) = monitor_feedback.check()["widen"]
    remedy = find_remedy("widen")
    propose = remedy.propose

    def meanwhile(services: Services, firing: Firing, say: Say) -> Any:
        monkeypatch.setattr(remedy, "propose", propose)
        if state is FiringState.CANDIDATE:
            carry_out(services, firing)
        else:
            FiringService(services).close(firing.id, REMEDIES, "Nothing is wrong.")
        if fails:
            raise UnavailableError("The index is down.")
        return propose(services, firing, say)

    monkeypatch.setattr(remedy, "propose", meanwhile)
    with pytest.raises(UnavailableError if fails else ConflictError):
        monitor_feedback.propose(firing_id)
    assert [each.state for each in open_firings(services.database).all()] == [state]


def test_every_remedy_that_comes_with_ragloop_is_named_as_its_file_and_the_rules_know_them_all() -> None:
    assert remedy_names() == ["content", "refit", "reindex", "retune"]
    assert [find_remedy(name).name for name in remedy_names()] == remedy_names()
    assert {trigger.remedy for trigger in load_rules().triggers.values()} == set(remedy_names())
