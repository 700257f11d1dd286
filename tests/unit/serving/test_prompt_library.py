"""Prompts are files with a name, a version and a hash; a file that is not what it says is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import InputError, NotFoundError
from core.release import PromptRef
from serving.prompt_library import load_prompt, load_prompts, resolve_prompts

# A released version's text never changes: new text is a new version, with a line of its own here.
RELEASED = {
    ("answer", 2): "e285548a0450e0f6095cb927fa37d47bb0fe66be2309e32a873867e33d0155d2",
    ("answer", 1): "38e4bb27534924782891caf8b5f7071bb95d626ec145670b3f6e71503868e569",
    ("condense", 1): "13c683a3603a738c1225d0a6d0d18bb1687493e22c9fa95e5fa03dcdd09d43b7",
}


def write(folder: Path, text: str, name: str = "greet", version: str = "1") -> Path:
    path = folder / name / f"{version}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


GOOD = "name: greet\nversion: 1\ndescription: d\nvariables: [who]\ntemplate: 'Hello {{ who }}'\n"


def test_the_text_of_a_released_prompt_never_changes() -> None:
    hashes = {(name, v): p.sha256 for name, versions in load_prompts().items() for v, p in versions.items()}
    assert hashes == RELEASED


def test_the_answer_prompt_shows_every_passage_with_its_marker_and_the_question() -> None:
    passages = [{"title": "A", "text": "First."}, {"title": "B", "text": "Second."}]
    text = load_prompts()["answer"][1].render(question="Why?", passages=passages)
    assert 'marker="1" title="A"' in text
    assert 'marker="2" title="B"' in text
    assert text.rstrip().endswith("Question: Why?")


def test_a_good_file_renders(tmp_path: Path) -> None:
    assert load_prompt(write(tmp_path, GOOD)).render(who="you") == "Hello you"


def test_any_edit_of_the_file_is_another_prompt(tmp_path: Path) -> None:
    first = load_prompt(write(tmp_path, GOOD)).sha256
    assert load_prompt(write(tmp_path, GOOD.replace("Hello", "Hallo"))).sha256 != first


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "[]",
        "name: greet\n",
        GOOD + "extra: 1\n",
        GOOD.replace("version: 1", "version: 2"),
        GOOD.replace("name: greet", "name: other"),
        GOOD.replace("{{ who }}", "{{ whom }}"),
        GOOD.replace("[who]", "[who, unused]"),
        GOOD.replace("{{ who }}", "{{ who "),
        "{{{",
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(tmp_path: Path, bad: str) -> None:
    with pytest.raises(InputError):
        load_prompt(write(tmp_path, bad))


def test_a_template_cannot_reach_python(tmp_path: Path) -> None:
    evil = GOOD.replace("{{ who }}", "{{ who.__class__.__mro__[1].__subclasses__() }}")
    with pytest.raises(InputError, match="unsafe"):
        load_prompt(write(tmp_path, evil)).render(who="you")


def test_a_missing_value_is_an_error_and_not_an_empty_string(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="who"):
        load_prompt(write(tmp_path, GOOD)).render()


def test_a_release_whose_prompt_was_edited_is_refused() -> None:
    prompts = load_prompts()
    good = prompts["answer"][1].ref
    assert resolve_prompts({"answer": good}, prompts)["answer"].sha256 == good.sha256
    for reference in (PromptRef(version=1, sha256="0" * 64), PromptRef(version=99, sha256=good.sha256)):
        with pytest.raises(NotFoundError, match="answer"):
            resolve_prompts({"answer": reference}, prompts)
