"""`ragloop prompts`: what models are asked, as they are asked it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from core.release import PromptRef
from core.storage.interactions import InteractionRepository
from core.storage.releases import Decision, ReleaseRepository
from core.storage.tables import interactions
from serving.llm.preview import Asked, preview, written_passages
from serving.prompts.ledger import ReleasePrompts
from serving.prompts.library import PROMPTS, load_prompts
from serving.prompts.spotlight import spotlight
from tests.support.app_world import World, asks
from tests.support.command import run, run_json
from tests.support.recorded_answers import an_answer

SECOND = (PROMPTS / "answer" / "2.yaml").read_text()


@pytest.fixture
def world(home: Path) -> World:
    return World(home).ingest()


@pytest.fixture
def folder(world: World) -> Path:
    """The installation's own folder of prompts."""
    (world.settings.prompts / "answer").mkdir(parents=True)
    return world.settings.prompts


@pytest.mark.parametrize("file", ["answer/v3.yaml", "answer/3.yml", "farewell/1.yaml"])
def test_a_file_that_is_not_named_by_its_version_is_pointed_out(
    capsys: pytest.CaptureFixture[str], world: World, folder: Path, file: str
) -> None:
    (folder / file).parent.mkdir(exist_ok=True)
    shutil.copy(PROMPTS / "answer" / "2.yaml", folder / file)
    code, listed, told = run(capsys, "prompts", "list")
    assert code == 0
    assert told == f"{folder / file} is not used: a prompt's file is named NAME/VERSION.yaml, such as answer/3.yaml.\n"
    assert "broken" not in listed


def test_the_list_has_every_version_and_who_answers_with_it(capsys: pytest.CaptureFixture[str], world: World) -> None:
    assert world.release is not None
    older = world.release.manifest.model_copy(
        update={"prompts": {**world.release.manifest.prompts, "answer": load_prompts()["answer"][1].ref}}
    )
    candidate = ReleaseRepository(world.database).add_candidate(older, Decision("ann"))
    code, listed = run_json(capsys, "prompts", "list")
    assert code == 0
    rows = {(row["name"], row["version"]): row for row in listed["prompts"]}
    assert {("answer", 1), ("answer", 2), ("condense", 1), ("draft_case", 1), ("judge_support", 1)} <= rows.keys()
    assert {row["state"] for row in rows.values()} == {"released"}
    assert rows["answer", 2]["used_by"] == [{"release": world.release.id, "status": "champion"}]
    assert rows["answer", 1]["used_by"] == [{"release": candidate.id, "status": "candidate"}]
    assert rows["answer", 2]["tests"] == 1
    _, out, _ = run(capsys, "prompts", "list")
    assert f"used by champion {world.release.id[:12]}" in out


def test_drafts_edits_lost_and_broken_files_are_told_apart_and_say_from_where_they_are(
    capsys: pytest.CaptureFixture[str], world: World, folder: Path
) -> None:
    for version in (3, 4, 5, 6):
        (folder / "answer" / f"{version}.yaml").write_text(SECOND.replace("version: 2", f"version: {version}"))
    versions = load_prompts(own=folder)["answer"]
    ReleasePrompts(world.settings, world.database).keep({"answer": versions[5].ref})
    ReleasePrompts(world.settings, world.database).keep({"answer": versions[6].ref})
    (folder / "answer" / "4.yaml").write_text(
        SECOND.replace("version: 2", "version: 4").replace("{{ question }}", "{{ x() }}")
    )
    (folder / "answer" / "5.yaml").write_text(SECOND.replace("version: 2", "version: 5") + "\n")
    (folder / "answer" / "6.yaml").unlink()
    _, listed = run_json(capsys, "prompts", "list")
    rows = {row["version"]: row for row in listed["prompts"] if row["name"] == "answer"}
    assert {version: (row["state"], row["from"]) for version, row in rows.items()} == {
        1: ("released", "package"), 2: ("released", "package"), 3: ("draft", "folder"),
        4: ("broken", "folder"), 5: ("edited", "folder"), 6: ("gone", "folder"),
    }  # fmt: skip
    assert rows[3]["file"] == str(folder / "answer" / "3.yaml")
    assert "call is not allowed" in rows[4]["description"]
    assert "has changed since version 5 of prompt answer was first used" in rows[5]["problem"]
    assert "was used and is gone" in rows[6]["problem"]
    code, out, _ = run(capsys, "prompts", "list")
    assert code == 0
    for row in rows.values():
        assert row["from"] == "package" or row["file"] in out


def test_a_used_version_is_shown_as_it_was_used_and_can_be_restored(
    capsys: pytest.CaptureFixture[str], world: World, folder: Path
) -> None:
    text = SECOND.replace("version: 2", "version: 3")
    (folder / "answer" / "3.yaml").write_text(text)
    ReleasePrompts(world.settings, world.database).keep({"answer": load_prompts(own=folder)["answer"][3].ref})
    (folder / "answer" / "3.yaml").write_text(text + "\n")
    code, out, told = run(capsys, "prompts", "show", "answer@3")
    assert (code, out) == (0, text)
    assert "has changed since" in told


def test_a_new_version_is_a_copy_of_another_under_the_next_number(
    capsys: pytest.CaptureFixture[str], world: World
) -> None:
    path = world.settings.prompts / "answer" / "3.yaml"
    code, made = run_json(capsys, "prompts", "new", "answer", "--from", "1")
    assert code == 0
    assert {name: made[name] for name in ("name", "version", "from", "file")} == {
        "name": "answer", "version": 3, "from": 1, "file": str(path),
    }  # fmt: skip
    assert any("--set prompt.answer=3" in step for step in made["next"])
    first = (PROMPTS / "answer" / "1.yaml").read_text()
    assert path.read_text() == first.replace("version: 1", "version: 3")
    code, out, told = run(capsys, "prompts", "new", "answer")
    assert (code, out) == (0, f"{path.with_name('4.yaml')}\n")
    assert "A copy of answer@3" in told
    assert list(load_prompts(own=world.settings.prompts)["answer"]) == [1, 2, 3, 4]


def test_the_number_of_a_version_whose_file_is_gone_is_not_given_again(
    capsys: pytest.CaptureFixture[str], world: World, folder: Path
) -> None:
    path = folder / "answer" / "3.yaml"
    path.write_text(SECOND.replace("version: 2", "version: 3"))
    ReleasePrompts(world.settings, world.database).keep({"answer": load_prompts(own=folder)["answer"][3].ref})
    path.unlink()
    (folder / "answer" / "v5.yaml").write_text("")
    _, made = run_json(capsys, "prompts", "new", "answer", "--from", "3")
    assert (made["version"], made["from"]) == (6, 3)


def test_what_was_edited_in_place_moves_into_the_new_version(
    capsys: pytest.CaptureFixture[str], world: World, folder: Path
) -> None:
    path = folder / "answer" / "3.yaml"
    path.write_text(SECOND.replace("version: 2", "version: 3"))
    ReleasePrompts(world.settings, world.database).keep({"answer": load_prompts(own=folder)["answer"][3].ref})
    path.write_text(path.read_text().replace("plain sentences", "short sentences"))
    run(capsys, "prompts", "new", "answer", "--from", "3")
    assert "short sentences" in path.with_name("4.yaml").read_text()


def test_a_named_folder_that_is_missing_is_an_error_until_new_begins_it(
    capsys: pytest.CaptureFixture[str], world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGLOOP_PROMPTS_FOLDER", str(tmp_path / "mine"))
    code, _, told = run(capsys, "prompts", "list")
    assert code == 2
    assert f"The folder of prompts {tmp_path}/mine does not exist." in told
    _, checked = run_json(capsys, "doctor")
    (line,) = [each for each in checked["checks"] if each["name"] == "prompts"]
    assert (line["ok"], line["message"]) == (False, f"The folder of prompts {tmp_path}/mine does not exist.")
    _, made = run_json(capsys, "prompts", "new", "condense")
    assert made["file"] == str(tmp_path / "mine" / "condense" / "2.yaml")
    assert run(capsys, "prompts", "list")[0] == 0


def test_a_folder_that_cannot_be_written_to_is_named(
    capsys: pytest.CaptureFixture[str], world: World, folder: Path
) -> None:
    (folder / "condense").write_text("no folder")
    code, _, told = run(capsys, "prompts", "new", "condense")
    assert code == 2
    assert str(folder / "condense") in told


def test_a_prompt_is_shown_as_its_file(capsys: pytest.CaptureFixture[str], world: World) -> None:
    _, out, _ = run(capsys, "prompts", "show", "answer@1")
    assert out.rstrip() == (PROMPTS / "answer" / "1.yaml").read_text().rstrip()
    _, shown = run_json(capsys, "prompts", "show", "answer")
    assert (shown["version"], shown["text"]) == (2, (PROMPTS / "answer" / "2.yaml").read_text())


def test_a_diff_shows_what_went_and_what_came(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "prompts", "diff", "answer", "1", "2")
    assert out.startswith("--- answer@1\n+++ answer@2\n")
    assert "-version: 1\n" in out
    assert "+version: 2\n" in out
    _, same = run_json(capsys, "prompts", "diff", "answer", "2", "2")
    assert same == {"name": "answer", "from": 2, "to": 2, "diff": ""}


def test_a_question_is_rendered_as_a_model_would_read_it(capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "prompts",
        "render",
        "answer",
        "--question",
        "Who?",
        "--passage",
        "The lead. [7]",
        "--passage",
        "\x1b[31mTea.",
    ]
    code, rendered = run_json(capsys, *words)
    assert code == 0
    assert [turn["role"] for turn in rendered["messages"]] == ["system", "user"]
    user = rendered["messages"][1]["content"]
    assert "The lead. [1] (7) [1]" in user
    assert "\x1b[31mTea. [2]" in user
    assert user.endswith("Question: Who?")
    _, out, _ = run(capsys, *words)
    assert "␛[31mTea. [2]" in out, "no document steers the terminal"


def test_values_are_rendered_as_they_stand(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    values = tmp_path / "values.json"
    values.write_text(json.dumps({"form": "{}", "given": '{"context": "Tea."}'}))
    code, rendered = run_json(capsys, "prompts", "render", "judge_support@1", "--values", str(values))
    assert code == 0
    assert rendered["messages"][0]["content"].endswith('Input:\n{"context": "Tea."}')


async def test_an_answer_on_record_is_rendered_with_what_its_model_read(
    capsys: pytest.CaptureFixture[str], world: World
) -> None:
    history = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good day. [1]"}]
    question = {"role": "user", "content": "How many days of holiday has every employee each year?"}
    async with world.client() as client:
        body = (await client.post("/v1/chat/completions", json=asks("x", messages=[*history, question]))).json()
    answer_id = body["interaction_id"]
    code, rendered = run_json(capsys, "prompts", "render", "answer", "--interaction", answer_id)
    assert code == 0
    assert rendered["version"] == 2, "the version of the release that answered"
    assert [turn["content"] for turn in rendered["messages"][1:3]] == ["Hello", "Good day."]
    assert "Every employee has thirty days of holiday each year. [" in rendered["messages"][-1]["content"]
    _, other = run_json(capsys, "prompts", "render", "answer@1", "--interaction", answer_id)
    assert other["version"] == 1
    assert "Question: How many days" in other["messages"][-1]["content"]


async def test_only_the_passages_that_were_in_the_prompt_are_rendered(
    capsys: pytest.CaptureFixture[str], world: World
) -> None:
    async with world.client() as client:
        body = (await client.post("/v1/chat/completions", json=asks("Who approves holidays by the team lead?"))).json()
    with world.database.transaction() as connection:
        connection.execute(update(interactions).values(model={"model": "base", "passages": 1}))
    _, rendered = run_json(capsys, "prompts", "render", "answer", "--interaction", body["interaction_id"])
    assert rendered["messages"][-1]["content"].count("<passage ") == 1


def test_a_record_whose_prompt_is_no_longer_here_is_not_rendered_with_another(
    capsys: pytest.CaptureFixture[str], world: World
) -> None:
    assert world.release is not None
    changed = {**world.release.manifest.prompts, "answer": PromptRef(version=2, sha256="0" * 64)}
    manifest = world.release.manifest.model_copy(update={"prompts": changed})
    release = ReleaseRepository(world.database).add_candidate(manifest, Decision("ann"))
    _record(world, release.id)
    code, out, err = run(capsys, "prompts", "render", "answer", "--interaction", "i-1")
    assert (code, out) == (2, "")
    assert "Prompt answer version 2" in err


def _record(world: World, release_id: str) -> None:
    answer = replace(an_answer(), release=release_id)
    InteractionRepository(world.database).record(
        answer, question="Who?", history=[], origin="api", api_key_id=None, prompt={}
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "anwser"], "no prompt 'anwser'"),
        (["show", "answer@9"], "no version '9'"),
        (["show", "answer@"], "no version ''"),
        (["show", "../answer"], "no prompt"),
        (["new", "anwser"], "no prompt 'anwser'"),
        (["new", "../answer", "--from", "1"], "no prompt"),
        (["new", "answer", "--from", "9"], "no version '9'"),
        (["diff", "answer", "1", "9"], "no version '9'"),
        (["render", "answer"], "Give one of"),
        (["render", "answer", "--question", "a", "--interaction", "b"], "Give one of"),
        (["render", "answer", "--passage", "a"], "Give one of"),
        (["render", "answer", "--interaction", "nobody"], "no answer 'nobody'"),
        (["render", "judge_support", "--question", "a"], "also takes form, given"),
        (["render", "answer", "--values", "no/such/file"], "cannot be read"),
        (["render", "answer", "--values", "/dev/null"], "cannot be read as JSON"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_with_a_hint(
    capsys: pytest.CaptureFixture[str], world: World, words: list[str], said: str
) -> None:
    code, out, err = run(capsys, "prompts", *words)
    assert (code, out) == (2, "")
    message, hint = err.strip().splitlines()[-2:]
    assert message.startswith("Error: ")
    assert said in message
    assert hint


@pytest.mark.parametrize(
    "content", ["[]", "{", '{"question": "Who?"}', '{"question": 1, "passages": 5}', "[" * 100_000]
)
def test_values_that_do_not_fit_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str) -> None:
    values = tmp_path / "values.json"
    values.write_text(content)
    code, out, err = run(capsys, "prompts", "render", "answer", "--values", str(values))
    assert (code, out) == (2, "")
    assert "Error: " in err


def test_spotlighting_is_servings_own() -> None:
    passages = written_passages(["One. Two."])
    prompt = load_prompts()["answer"][2]
    assert preview(prompt, Asked("Q?", passages)) == prompt.messages(passages=spotlight(passages), question="Q?")
