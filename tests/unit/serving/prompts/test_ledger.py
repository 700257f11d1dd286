"""What a release used stays as it was, whatever becomes of its file, and what answers goes on."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import ConflictError, InputError, NotFoundError
from core.release import PromptRef, Release
from core.storage.prompt_ledger import PromptLedger
from core.storage.releases import Decision, ReleaseRepository
from serving.prompts.ledger import ReleasePrompts
from serving.prompts.library import PROMPTS, load_prompts
from serving.releases.champion import Champion
from serving.releases.service import ReleaseService
from tests.support.app_world import World
from tests.support.git_repository import git
from tests.support.release_world import BOSS, MAKER

THIRD = (PROMPTS / "answer" / "2.yaml").read_text().replace("version: 2", "version: 3")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "home").ingest()


@pytest.fixture
def file(world: World) -> Path:
    """Version 3 of the prompt that answers, in the installation's own folder."""
    path = world.settings.prompts / "answer" / "3.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(THIRD)
    return path


def candidate(world: World, **changes: str) -> Release:
    wanted = {"prompt.answer": "3", **{path.replace("__", "."): value for path, value in changes.items()}}
    return ReleaseService(world.services).create(MAKER, changes=wanted)


def promoted(world: World) -> Release:
    release = candidate(world)
    return ReleaseService(world.services).promote(release.id, BOSS, reason="a test", override=True)


def prompts(world: World) -> ReleasePrompts:
    return ReleasePrompts(world.settings, world.database)


def edit(path: Path) -> None:
    path.write_text(THIRD.replace("plain sentences", "short sentences"))


def lose(path: Path) -> None:
    shutil.rmtree(path.parent)


def spoil(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")


def double(path: Path) -> None:
    shutil.copy(path, path.with_name("v3.yaml"))


def reach_for_python(path: Path) -> None:
    path.write_text(THIRD.replace("{{ question }}", "{{ question.__class__ }}"))


def lose_the_folder_for_a_file(path: Path) -> None:
    shutil.rmtree(path.parents[1])
    path.parents[1].write_text("")


SPOILT = [edit, lose, spoil, double, reach_for_python, lose_the_folder_for_a_file]


def test_a_version_is_fixed_when_a_release_is_made_with_it(world: World, file: Path) -> None:
    ledger = PromptLedger(world.database)
    assert ledger.get("answer", 3) is None
    release = candidate(world)
    used = ledger.get("answer", 3)
    assert used is not None
    assert (used.sha256, used.text, used.file, used.origin) == (
        release.manifest.prompts["answer"].sha256, THIRD, str(file), None
    )  # fmt: skip


def test_a_draft_that_no_release_could_be_made_with_may_still_be_edited(world: World, file: Path) -> None:
    with pytest.raises(InputError):
        candidate(world, retrieval__top_k="nine")
    assert PromptLedger(world.database).get("answer", 3) is None


def test_a_version_that_changed_after_use_is_refused_with_its_file_and_the_mend(world: World, file: Path) -> None:
    candidate(world)
    edit(file)
    with pytest.raises(ConflictError) as refused:
        candidate(world, retrieval__top_k="2")
    assert refused.value.message == (
        f"The prompt file {file} has changed since version 3 of prompt answer was first used."
    )
    assert "`ragloop prompts new answer --from 3`" in refused.value.hint
    file.write_text(THIRD)
    assert candidate(world, retrieval__top_k="2").manifest.retrieval.top_k == 2


@pytest.mark.parametrize("spoilt", SPOILT, ids=lambda each: each.__name__)
def test_the_live_release_goes_on_whatever_becomes_of_its_prompts_file_and_the_log_says_what(
    world: World, file: Path, spoilt: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    release = promoted(world)
    spoilt(file)
    with caplog.at_level(logging.WARNING):
        answerer = Champion(world.services).answerer()
    assert answerer.release.id == release.id
    assert any(str(file.parents[1]) in record.getMessage() for record in caplog.records)
    templates = prompts(world).templates(release.manifest.prompts)
    assert templates["answer"].sha256 == release.manifest.prompts["answer"].sha256


@pytest.mark.parametrize("spoilt", SPOILT, ids=lambda each: each.__name__)
def test_a_rollback_to_a_release_whose_file_is_spoilt_works(
    world: World, file: Path, spoilt: Callable[[Path], None]
) -> None:
    release = promoted(world)
    service = ReleaseService(world.services)
    other = service.create(MAKER, changes={"prompt.answer": "1"})
    service.promote(other.id, BOSS, reason="a test", override=True)
    spoilt(file)
    assert service.rollback(BOSS, reason="a test").id == release.id
    assert Champion(world.services).answerer().release.id == release.id


def test_a_candidate_of_the_live_release_can_be_made_while_its_file_is_gone(world: World, file: Path) -> None:
    promoted(world)
    lose(file)
    made = ReleaseService(world.services).create(MAKER, changes={"retrieval.top_k": "2"})
    assert made.manifest.prompts["answer"].version == 3


def test_a_release_from_before_the_ledger_is_on_record_once_it_answers(world: World) -> None:
    assert PromptLedger(world.database).all() == []
    Champion(world.services).answerer()
    assert [(used.name, used.version) for used in PromptLedger(world.database).all()] == [
        ("answer", 2),
        ("condense", 1),
    ]


def test_a_text_that_is_nowhere_is_not_replaced_by_another(world: World) -> None:
    for reference in (PromptRef(version=2, sha256="0" * 64), PromptRef(version=99, sha256="0" * 64)):
        with pytest.raises(NotFoundError, match="answer version"):
            prompts(world).templates({"answer": reference})
    with pytest.raises(NotFoundError, match="farewell"):
        prompts(world).templates({"farewell": load_prompts()["answer"][1].ref})


def test_of_two_first_uses_of_a_version_one_stands(world: World, file: Path) -> None:
    first = load_prompts(own=world.settings.prompts)["answer"][3].ref
    prompts(world).keep({"answer": first})
    edit(file)
    second = load_prompts(own=world.settings.prompts)["answer"][3].ref
    with pytest.raises(ConflictError):
        prompts(world).keep({"answer": second})
    used = PromptLedger(world.database).get("answer", 3)
    assert used is not None
    assert used.sha256 == first.sha256


def test_the_answers_record_has_commit_and_path_once_the_file_is_committed(world: World, file: Path) -> None:
    git(world.settings.prompts, "init", "--quiet")
    git(world.settings.prompts, "commit", "--quiet", "--allow-empty", "--message", "nothing yet")
    reference = candidate(world).manifest.prompts["answer"]
    tried = prompts(world).origin("answer", reference)
    assert tried is not None
    assert tried.modified, "it was tried before it was committed"
    git(world.settings.prompts, "add", ".")
    git(world.settings.prompts, "commit", "--quiet", "--message", "version 3")
    commit = git(world.settings.prompts, "rev-parse", "HEAD")
    found = prompts(world).origin("answer", reference)
    assert found is not None
    assert (found.commit, found.path, found.modified) == (commit, "answer/3.yaml", False)
    lose(file)
    assert prompts(world).origin("answer", reference) == found, "what is known stays known"


def test_a_release_from_before_there_was_a_ledger_goes_on_without_the_folder_that_is_named(world: World) -> None:
    manifest = ReleaseRepository(world.database).champion().manifest  # type: ignore[union-attr]
    settings = world.settings.model_copy(update={"prompts_folder": world.settings.home / "nowhere"})
    own = ReleasePrompts(settings, world.database)
    own.keep(manifest.prompts)
    assert own.templates(manifest.prompts)["answer"].sha256 == manifest.prompts["answer"].sha256


def test_prompts_of_ragloop_itself_are_held_to_the_same_rule(world: World) -> None:
    manifest = ReleaseRepository(world.database).champion().manifest  # type: ignore[union-attr]
    prompts(world).keep(manifest.prompts)
    edited = manifest.prompts["answer"].model_copy(update={"sha256": "0" * 64})
    ReleaseRepository(world.database).add_candidate(
        manifest.model_copy(update={"prompts": {**manifest.prompts, "answer": edited}}), Decision("ann")
    )
    with pytest.raises(ConflictError, match=r"answer/2\.yaml has changed since version 2"):
        prompts(world).check({"answer": edited})
