"""Prompts are files with a name, a version and a hash; a file that is not what it says is refused."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from core.errors import InputError, NotFoundError, TooLargeError
from core.release import PromptRef
from core.types import Turn
from evals.judges.prompts import PROMPTS as JUDGES_PROMPTS
from serving.prompts.library import (
    PROMPTS,
    RELEASED,
    load_prompt,
    load_prompts,
    newest_released,
    released_prompts,
    resolve_prompts,
)

FOLDERS = [PROMPTS, JUDGES_PROMPTS]
EVERY = [prompt for folder in FOLDERS for versions in load_prompts(folder).values() for prompt in versions.values()]
# Released before prompts brought tests of their own.
WITHOUT_TESTS = {("answer", 1), ("condense", 1), ("draft_case", 1)}


def write(folder: Path, text: str | bytes, name: str = "greet", version: str = "1") -> Path:
    path = folder / name / f"{version}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


GOOD = "name: greet\nversion: 1\ndescription: d\nvariables: [who]\ntemplate: 'Hello {{ who }}'\n"
TESTED = GOOD + "tests:\n  - values: {who: Ann}\n    contains: [Hello Ann]\n"


# ---------------------------------------------------------------- what was released stays


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_the_text_of_a_released_prompt_never_changes_and_its_file_never_goes(folder: Path) -> None:
    """A new version gets a line of its own: sha256sum answer/3.yaml >> released.txt."""
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {RELEASED}
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files}
    released = {f"{name}/{version}.yaml": sha256 for (name, version), sha256 in released_prompts(folder).items()}
    assert hashes == released
    library = {(name, v): p.sha256 for name, versions in load_prompts(folder).items() for v, p in versions.items()}
    assert library == released_prompts(folder)


@pytest.mark.parametrize("change", ["edit", "delete"])
def test_an_edited_or_deleted_prompt_no_longer_matches_the_list(tmp_path: Path, change: str) -> None:
    folder = tmp_path / "prompts"
    shutil.copytree(PROMPTS, folder)
    check = ["sha256sum", "--check", "--quiet", RELEASED]
    assert subprocess.run(check, cwd=folder, capture_output=True).returncode == 0
    path = folder / "answer" / "2.yaml"
    path.unlink() if change == "delete" else path.write_text(path.read_text() + "\n")
    assert subprocess.run(check, cwd=folder, capture_output=True).returncode != 0
    reference = PromptRef(version=2, sha256=released_prompts()["answer", 2])
    with pytest.raises(NotFoundError, match="answer version 2"):
        resolve_prompts({"answer": reference}, load_prompts(folder))
    with pytest.raises(NotFoundError, match="answer version 2"):
        newest_released(folder)


def test_a_list_of_released_prompts_that_cannot_be_read_says_where(tmp_path: Path) -> None:
    (tmp_path / RELEASED).write_text(f"{'0' * 64}  greet/1.yaml\nsomething else\n")
    with pytest.raises(InputError, match="line 2"):
        released_prompts(tmp_path)


def test_a_release_whose_prompt_was_edited_is_refused() -> None:
    prompts = load_prompts()
    good = prompts["answer"][1].ref
    assert resolve_prompts({"answer": good}, prompts)["answer"].sha256 == good.sha256
    for reference in (PromptRef(version=1, sha256="0" * 64), PromptRef(version=99, sha256=good.sha256)):
        with pytest.raises(NotFoundError, match="answer"):
            resolve_prompts({"answer": reference}, prompts)
    with pytest.raises(NotFoundError, match="farewell"):
        resolve_prompts({"farewell": good}, prompts)


def test_a_broken_draft_harms_no_release(tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    shutil.copytree(PROMPTS, folder)
    write(folder, "{{{", "answer", "3")
    prompts = load_prompts(folder)
    assert list(prompts["answer"]) == [1, 2, 3]
    assert resolve_prompts({"answer": prompts["answer"][2].ref}, prompts)["answer"].version == 2
    with pytest.raises(InputError, match=r"answer/3\.yaml"):
        prompts["answer"][3]


def test_a_draft_is_not_used_where_nobody_names_a_version(tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    shutil.copytree(PROMPTS, folder)
    draft = (folder / "answer" / "2.yaml").read_text().replace("version: 2", "version: 3")
    write(folder, draft, "answer", "3")
    assert newest_released(folder)["answer"].version == 2
    sha256 = hashlib.sha256(draft.encode()).hexdigest()
    with (folder / RELEASED).open("a") as file:
        file.write(f"{sha256}  answer/3.yaml\n")
    assert newest_released(folder)["answer"].version == 3


# ---------------------------------------------------------------- each prompt's own tests


@pytest.mark.parametrize("prompt", EVERY, ids=lambda prompt: f"{prompt.name}-{prompt.version}")
def test_every_prompt_passes_the_tests_it_brings(prompt) -> None:  # type: ignore[no-untyped-def]
    assert prompt.failures() == []
    assert prompt.tests or (prompt.name, prompt.version) in WITHOUT_TESTS, "a prompt brings at least one test"


def test_a_file_that_fails_its_own_test_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    assert load_prompt(write(tmp_path, TESTED)).failures() == []
    with pytest.raises(InputError, match="test 1: 'Hello Ann' is not in the text"):
        load_prompt(write(tmp_path, TESTED.replace("'Hello {{", "'Goodbye {{")))


def test_the_first_answer_prompt_shows_every_passage_with_its_marker_and_the_question() -> None:
    passages = [{"title": "A", "text": "First."}, {"title": "B", "text": "Second."}]
    text = load_prompts()["answer"][1].render(question="Why?", passages=passages)
    assert 'marker="1" title="A"' in text
    assert 'marker="2" title="B"' in text
    assert text.rstrip().endswith("Question: Why?")


def test_messages_are_the_standing_instruction_the_conversation_and_the_prompt() -> None:
    prompt = load_prompts()["answer"][2]
    history = [Turn("user", "Hello"), Turn("assistant", "Good day.")]
    turns = prompt.messages(history, passages=[], question="Why?")
    assert [turn.role for turn in turns] == ["system", "user", "assistant", "user"]
    assert turns[0].content.startswith("You answer questions from passages")
    assert turns[-1].content == "Question: Why?"


def test_a_prompt_that_is_about_the_conversation_is_given_it_as_a_value() -> None:
    history = [Turn("user", "Who approves travel?"), Turn("assistant", "The team lead.")]
    (turn,) = load_prompts()["condense"][1].messages(history=history, question="And hotels?")
    assert turn.role == "user"
    assert "user: Who approves travel?\nassistant: The team lead.\n" in turn.content
    assert "Question: And hotels?" in turn.content


# ---------------------------------------------------------------- what a file may be


def test_a_good_file_renders(tmp_path: Path) -> None:
    assert load_prompt(write(tmp_path, GOOD)).render(who="you") == "Hello you"


def test_a_value_is_never_taken_for_a_template(tmp_path: Path) -> None:
    assert load_prompt(write(tmp_path, GOOD)).render(who="{{ 7 }}{% endfor %}") == "Hello {{ 7 }}{% endfor %}"


def test_any_edit_of_the_file_is_another_prompt(tmp_path: Path) -> None:
    first = load_prompt(write(tmp_path, GOOD)).sha256
    assert load_prompt(write(tmp_path, GOOD.replace("Hello", "Hallo"))).sha256 != first


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("", "not a mapping"),
        ("[]", "not a mapping"),
        ("1: 2\n", "not a mapping"),
        ("name: greet\n", "version"),
        (GOOD + "extra: 1\n", "extra"),
        (GOOD + "description: e\n", "line 6: description stands twice"),
        (GOOD.replace("version: 1", "version: 2"), "says it is greet version 2"),
        (GOOD.replace("version: 1", "version: one"), "version"),
        (GOOD.replace("version: 1", f"version: {'9' * 5000}"), "not the YAML of a prompt"),
        (GOOD.replace("name: greet", "name: other"), "says it is other"),
        (GOOD.replace("name: greet", "name: ../greet"), "name"),
        (GOOD.replace("{{ who }}", "{{ whom }}"), r"declares the variables \['who'\] but uses \['whom'\]"),
        (GOOD.replace("[who]", "[who, unused]"), "unused"),
        (GOOD.replace("{{ who }}", "{{ who "), "line 1 of the template"),
        (GOOD.replace("{{ who }}", "{{ who }}{% if %}"), "line 1 of the template"),
        (GOOD + "system: 'Greet {{ who }}'\n", "reaches the model as it stands"),
        ("{{{", "not the YAML of a prompt"),
        (GOOD + "tests: !!python/object/apply:os.system [ls]\n", "line 6: could not determine a constructor"),
        (GOOD.replace("description: d", "description: !!python/name:os.system d"), "could not determine"),
        (GOOD.replace("description: d", "description: 2026-99-99"), "not the YAML of a prompt"),
        (GOOD + "tests: [&a {values: {}, contains: [x]}, *a]\n", "line 6: an alias is not allowed"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n", "an alias is not allowed"),
        ("[" * 50_000, "nested too deeply"),
        ("a: " * 3 + "b", "not the YAML of a prompt"),
        (GOOD.encode() + b"system: \xff\xfe\n", "is not UTF-8"),
        (GOOD.encode("utf-16"), "is not UTF-8"),
        (GOOD.encode() + b"system: \x00\n", "not the YAML of a prompt"),
        ("\x00" * 100, "not the YAML of a prompt"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused_with_the_place(tmp_path: Path, bad: str | bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_prompt(write(tmp_path, bad))


@pytest.mark.parametrize("uses", ["question", "passages, question, tone"])
def test_a_prompt_that_wants_other_values_than_serving_has_is_refused(tmp_path: Path, uses: str) -> None:
    template = "".join(f"{{{{ {name} }}}}" for name in uses.split(", "))
    text = f"name: answer\nversion: 3\ndescription: d\nvariables: [{uses}]\ntemplate: '{template}'\n"
    with pytest.raises(InputError, match=r"but is given \['passages', 'question'\]"):
        load_prompt(write(tmp_path, text, "answer", "3"))


@pytest.mark.parametrize(
    ("name", "template", "values"),
    [
        ("answer", "{% for p in passages %}{{ p.text }}, page {{ p.page }}{% endfor %}{{ question }}",
         "{question: Why, passages: [{text: Because, page: 3}]}"),
        ("condense", "{% for turn in history %}{{ turn.speaker }}: {{ turn.content }}{% endfor %}{{ question }}",
         "{question: Why, history: [{speaker: Ann, content: Because}]}"),
    ],
)  # fmt: skip
def test_a_prompt_that_wants_more_of_a_value_than_serving_has_is_refused_whatever_its_tests_say(
    tmp_path: Path, name: str, template: str, values: str
) -> None:
    variables = "[passages, question]" if name == "answer" else "[history, question]"
    text = f"name: {name}\nversion: 3\ndescription: d\nvariables: {variables}\ntemplate: '{template}'\n"
    tests = f"tests:\n  - values: {values}\n    contains: [Because]\n"
    with pytest.raises(InputError, match="has no attribute") as refused:
        load_prompt(write(tmp_path, text + tests, name, "3"))
    assert "A passage has marker, title and text" in refused.value.hint


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TooLargeError, match="64 KiB"):
        load_prompt(write(tmp_path, GOOD + "#" * 70_000))


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "greet" / "1.yaml"
    folder.mkdir(parents=True)
    with pytest.raises(InputError, match=r"greet/1\.yaml cannot be read"):
        load_prompt(folder)


def test_a_missing_value_is_an_error_and_not_an_empty_string(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Prompt greet version 1: 'who' is undefined"):
        load_prompt(write(tmp_path, GOOD)).render()
