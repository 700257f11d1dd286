"""`make loop` as a person runs it, over real parts, and with a remedy that mends nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.loop.feedback import form_json
from core.settings import child_environment, load_settings
from loop.remedies.catalogue.reindex import ReindexProposal
from tests.support.home import make_home
from tools.walk_through import retrieval_story
from tools.walk_through.installation import Installation
from tools.walk_through.narration import StoryError, no_pause

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]


def test_the_loop_heals_an_index_that_cuts_sentences_in_two_and_goes_back(tmp_path: Path) -> None:
    home = make_home(tmp_path, database=False)
    finished = subprocess.run(
        [sys.executable, "-m", "tools.walk_through"],
        cwd=ROOT, env=child_environment(RAGLOOP_HOME=str(home)), capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = finished.stdout
    assert finished.returncode == 0, told[-3000:] + finished.stderr[-3000:]
    for claim in (
        "all 12 questions are answered badly",
        "most of the answers are bad because no passage of the index holds the whole sentence",
        "a trigger fires that asks for a new index",
        "the gate calls the candidate better, and nothing blocks it",
        "the answer is right, with a citation that holds it",
        "a trigger fires that asks for the search to be fitted",
        "it has learned from the votes",
        "the search surely finds more of the right places first",
        "it is answered with what the page says",
        "it is answered as before",
        "the old answer is back",
    ):
        assert f"✓ {claim}." in " ".join(told.split()), claim
    found = re.search(
        r"right passage found first, for 24 questions that nobody voted on:.*?live +(\d\.\d+) .*?candidate +(\d\.\d+) ",
        told, re.DOTALL,
    )  # fmt: skip
    assert found is not None
    assert float(found[2]) > float(found[1])
    assert re.search(r"The report: http://127\.0\.0\.1:\d+/reviews/[0-9a-f]+", told)
    assert "With KEEP=1 it stays, to look at the report" in told
    assert re.search(r"^ +all +\d+\.\d$", told, re.MULTILINE)


class MendsNothing(Installation):
    """Where the trigger's remedy makes a candidate over the same index."""

    def ragloop(self, *arguments: str, who: str = "", told: bool = True) -> dict[str, Any]:
        if arguments[:2] != ("triggers", "run"):
            return super().ragloop(*arguments, who=who, told=told)
        made = super().ragloop("release", "create", "--set", "retrieval.top_k=9", "--reason", "nothing", who=who)
        proposal = form_json(ReindexProposal(chunk_tokens=32))
        return {"state": "candidate", "release_id": made["id"], "proposal": proposal}


def test_a_remedy_that_mends_nothing_fails_the_walk_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval_story, "Installation", MendsNothing)
    with pytest.raises(StoryError, match="what was complained of, and accepted, was wrong and is right now"):
        retrieval_story.tell(load_settings(home=make_home(tmp_path, database=False)), no_pause, lambda _address: None)
