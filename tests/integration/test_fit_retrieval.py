"""`ragloop eval fit-retrieval` over a real index: a candidate where something is better, and nothing where not."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from core.storage.releases import ReleaseRepository
from serving.releases.champion import current_champion
from tests.support.command import run, run_json
from tests.support.reworded_pages import PAGES, installed


def write(path: Path, cases: list[dict[str, object]]) -> str:
    path.write_text("".join(f"{json.dumps(case)}\n" for case in cases))
    return str(path)


def case(name: str, question: str, says: str, **more: object) -> dict[str, object]:
    return {"id": name, "question": question, "evidence": [{"uri": f"house/{name[2:]}.md", "quote": says}], **more}


@pytest.fixture
def reworded(tmp_path: Path) -> str:
    """Each page asked about twice, in other words than it has."""
    asked = [case(f"a-{name}", question, says) for name, (says, question) in PAGES.items()]
    again = [case(f"b-{name}", f"Please tell me: {question}", says) for name, (says, question) in PAGES.items()]
    return write(tmp_path / "reworded.jsonl", [*asked, *again])


def releases(folder: Path, monkeypatch: pytest.MonkeyPatch, dense_weight: float) -> ReleaseRepository:
    """Those of an installation that the command works on, too."""
    services = installed(folder, dense_weight)
    current_champion(services)
    monkeypatch.setenv("RAGLOOP_HOME", str(services.settings.home))
    repository = ReleaseRepository(services.database)
    services.index.close()
    return repository


def test_questions_that_words_do_not_find_make_a_candidate_that_relies_on_the_embedder(
    tmp_path: Path, reworded: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = releases(tmp_path, monkeypatch, dense_weight=0.0)
    champion = repository.champion()
    code, told = run_json(capsys, "eval", "fit-retrieval", reworded, "--dry-run")
    assert (code, told["candidate"], len(repository.all())) == (0, None, 1)
    (share,) = told["shares"]
    assert (share["language"], share["live"], share["taken"]) == (None, 0.0, True)
    assert share["gain"]["interval"][0] > 0

    code, found = run_json(capsys, "eval", "fit-retrieval", reworded)
    assert (code, found["changes"]) == (0, {"retrieval.dense_weight": f"{share['best']:g}"})
    candidate = repository.get(found["candidate"])
    assert candidate is not None
    assert (candidate.status.value, candidate.manifest.retrieval.dense_weight) == ("candidate", share["best"])
    assert "reworded@1" in repository.events(candidate.id)[0].reason
    assert repository.champion() == champion


def test_where_nothing_is_better_that_is_said_and_no_candidate_is_made(
    tmp_path: Path, reworded: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = releases(tmp_path, monkeypatch, dense_weight=0.8)
    code, out, _ = run(capsys, "eval", "fit-retrieval", reworded)
    assert code == 0
    assert "retrieval.dense_weight: 0.8 now, best" in out
    assert "not taken" in out
    assert "Nothing is better" in out
    assert [each.status.value for each in repository.all()] == ["champion"]


def test_locked_cases_and_follow_ups_take_no_part_and_too_few_questions_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(installed(tmp_path, 0.8)) as services:
        monkeypatch.setenv("RAGLOOP_HOME", str(services.settings.home))
    says, question = PAGES["dogs"]
    turns = [{"role": "user", "content": "What about dogs?"}, {"role": "assistant", "content": "They may come."}]
    asked = [case("a-dogs", question, says, locked=True), case("b-dogs", "When?", says, history=turns)]
    path = write(tmp_path / "few.jsonl", [*asked, case("c-dogs", question, says)])
    code, refused = run_json(capsys, "eval", "fit-retrieval", path)
    assert code == 2
    assert "too few questions to choose by: 1, and 20" in refused["error"]["message"]
