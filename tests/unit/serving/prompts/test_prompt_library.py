"""Prompts are files with a name, a version and a hash; a file that is not what it says is refused."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest

from core.errors import InputError, TooLargeError
from core.settings import load_settings
from core.types import Turn
from evals.judges.prompts import PROMPTS as JUDGES_PROMPTS
from serving.prompts.files import read_text
from serving.prompts.library import PROMPTS, load_prompts, misnamed, newest, own_folder, read_named
from serving.prompts.template import PromptTemplate

FOLDERS = [PROMPTS, JUDGES_PROMPTS]
EVERY = [prompt for folder in FOLDERS for versions in load_prompts(folder).values() for prompt in versions.values()]
# Released before prompts brought tests of their own.
WITHOUT_TESTS = {("answer", 1), ("condense", 1), ("draft_case", 1)}


def write(folder: Path, text: str | bytes, name: str = "greet", version: str = "1") -> Path:
    path = folder / name / f"{version}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def load_prompt(path: Path) -> PromptTemplate:
    return read_named(read_text(path), path)


GOOD = "name: greet\nversion: 1\ndescription: d\nvariables: [who]\ntemplate: 'Hello {{ who }}'\n"
SECOND = (PROMPTS / "answer" / "2.yaml").read_text()
THIRD = SECOND.replace("version: 2", "version: 3")
TESTED = GOOD + "tests:\n  - values: {who: Ann}\n    contains: [Hello Ann]\n"


# ---------------------------------------------------------------- what was released stays


def test_the_text_of_a_released_prompt_never_changes_and_its_file_never_goes() -> None:
    """A new version gets a line of its own: (cd serving/prompts/templates; sha256sum answer/3.yaml) >> released.txt."""
    lines = (line.split("  ") for line in (Path(__file__).parent / "released.txt").read_text().splitlines())
    files = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in FOLDERS
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert files == {name: sha256 for sha256, name in lines}
    assert {f"{each.name}/{each.version}.yaml": each.sha256 for each in EVERY} == files


def test_a_broken_draft_harms_no_other_version(tmp_path: Path) -> None:
    write(tmp_path, "{{{", "answer", "3")
    prompts = load_prompts(own=tmp_path)
    assert list(prompts["answer"]) == [1, 2, 3]
    assert prompts["answer"][2].version == 2
    with pytest.raises(InputError, match=r"answer/3\.yaml"):
        prompts["answer"][3]


def test_an_own_version_is_not_used_where_nobody_names_one(tmp_path: Path) -> None:
    write(tmp_path, THIRD, "answer", "3")
    assert newest(load_prompts())["answer"].version == 2
    assert load_prompts(own=tmp_path)["answer"][3].version == 3


# ---------------------------------------------------------------- an own folder


def test_own_versions_stand_beside_those_of_ragloop_and_say_from_where_they_are(tmp_path: Path) -> None:
    path = write(tmp_path, THIRD, "answer", "3")
    versions = load_prompts(own=tmp_path)["answer"]
    assert (versions.file(3).path, versions.file(3).own) == (path, True)
    assert (versions.file(2).path, versions.file(2).own) == (PROMPTS / "answer" / "2.yaml", False)


def test_a_version_that_comes_with_ragloop_cannot_be_redefined(tmp_path: Path) -> None:
    path = write(tmp_path, SECOND + "\n", "answer", "2")
    with pytest.raises(InputError) as refused:
        load_prompts(own=tmp_path)["answer"][2]
    assert refused.value.message.startswith(f"{path} has the version of a prompt that comes with RAGLoop")
    assert refused.value.hint == "Rename it to 3.yaml, and its `version` too."


def test_a_copy_of_what_comes_with_ragloop_does_no_harm(tmp_path: Path) -> None:
    write(tmp_path, SECOND, "answer", "2")
    assert not load_prompts(own=tmp_path)["answer"].file(2).own


@pytest.mark.parametrize("other", ["v3.yaml", "03.yaml", "3.yml", "V3.YML"])
def test_two_files_of_one_version_are_refused_by_name_and_the_others_are_not(tmp_path: Path, other: str) -> None:
    path = write(tmp_path, THIRD, "answer", "3")
    path.with_name(other).write_text(THIRD)
    versions = load_prompts(own=tmp_path)["answer"]
    with pytest.raises(InputError) as refused:
        versions[3]
    assert refused.value.message == f"{path} and {other} are both version 3 of prompt answer."
    assert refused.value.hint.startswith("Remove one")
    assert versions[2].version == 2


def test_files_that_only_look_like_prompts_are_listed(tmp_path: Path) -> None:
    for name, version in (("answer", "v4"), ("answer", "latest"), ("farewell", "1"), (".git", "1")):
        write(tmp_path, THIRD, name, version)
    assert misnamed(tmp_path, ["answer"]) == ["answer/latest.yaml", "answer/v4.yaml", "farewell/1.yaml"]
    assert 4 not in load_prompts(own=tmp_path)["answer"]


def test_an_own_version_of_a_judges_prompt_is_given_what_ragloops_is(tmp_path: Path) -> None:
    text = "name: judge_support\nversion: 2\ndescription: d\nvariables: [given]\ntemplate: '{{ given }}'\n"
    path = write(tmp_path, text, "judge_support", "2")
    with pytest.raises(InputError, match=rf"{path} uses \['given'\], but is given \['form', 'given'\]"):
        load_prompts(JUDGES_PROMPTS, tmp_path)["judge_support"][2]


def test_the_default_folder_may_be_missing_and_one_that_was_named_may_not(tmp_path: Path) -> None:
    assert own_folder(load_settings(home=tmp_path)) is None
    (tmp_path / "prompts").mkdir()
    assert own_folder(load_settings(home=tmp_path)) == tmp_path / "prompts"
    with pytest.raises(InputError, match=rf"The folder of prompts {tmp_path}/mine does not exist") as refused:
        own_folder(load_settings(home=tmp_path, prompts_folder=tmp_path / "mine"))
    assert "RAGLOOP_PROMPTS_FOLDER" in refused.value.hint


def test_a_folder_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "prompts").write_text("no folder")
    folder = own_folder(load_settings(home=tmp_path))
    with pytest.raises(InputError, match=r"The folder of prompts .*/prompts cannot be read: Not a directory"):
        load_prompts(own=folder)


@pytest.mark.parametrize(
    "reaches",
    [
        "{{ question.__class__ }}",
        "{{ passages.append(1) }}",
        "{{ question|attr('upper') }}",
        "{% import 'os' as os %}{{ question }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{% for passage in passages %}{{ passage['__class__'] }}{% endfor %}",
    ],
)
def test_an_own_template_that_reaches_for_python_is_refused_with_file_line_and_mend(
    tmp_path: Path, reaches: str
) -> None:
    text = THIRD.replace("Question: {{ question }}", f"Question: {{{{ question }}}} {reaches}")
    path = write(tmp_path, text, "answer", "3")
    with pytest.raises(InputError) as refused:
        load_prompts(own=tmp_path)["answer"][3]
    assert re.match(rf"The prompt file {path}, line \d of the template: [^\n]*\.$", refused.value.message)
    assert refused.value.hint.startswith("A template may hold {{ value }}")


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
        (GOOD + "tests: !!python/object/apply:os.system [ls]\n", "line 6: a tag is not allowed"),
        (GOOD.replace("description: d", "description: !!python/name:os.system d"), "a tag is not allowed"),
        (GOOD.replace("description: d", "description: !!bool maybe"), "a tag is not allowed"),
        (GOOD.replace("description: d", "description: !!timestamp soon"), "a tag is not allowed"),
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


@pytest.mark.timeout(10)
def test_a_pipe_in_the_place_of_a_file_is_refused_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    path = tmp_path / "greet" / "1.yaml"
    path.parent.mkdir()
    os.mkfifo(path)
    with pytest.raises(InputError, match=r"greet/1\.yaml cannot be read: it is no file"):
        load_prompt(path)


def test_a_missing_value_is_an_error_and_not_an_empty_string(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Prompt greet version 1: 'who' is undefined"):
        load_prompt(write(tmp_path, GOOD)).render()
