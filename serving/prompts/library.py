"""Prompt templates as versioned files: `prompts/<name>/<version>.yaml`, loaded, checked and hashed.

prompts = load_prompts()                                  # every version there is, each read when it is asked for
prompts["answer"][2].messages(passages=…, question=…)     # what a chat model is sent
resolve_prompts(release.manifest.prompts, prompts)        # those of a release, or an error

A version that was released stands in the folder's `released.txt` with its hash, and never changes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import InputError, NotFoundError
from core.release import PromptRef
from core.types import Turn
from serving.prompts import files as prompt_files
from serving.prompts import sandbox as prompt_sandbox
from serving.prompts.spotlight import QuotedPassage

PROMPTS = Path(__file__).parent / "templates"
RELEASED = "released.txt"

# What serving has at hand for its prompts: a version that wants anything else could answer nobody.
GIVEN: Mapping[str, Mapping[str, Any]] = {
    "answer": {
        "passages": [QuotedPassage(1, "Travel", "The team lead approves travel. [1]")],
        "question": "Who approves travel?",
    },
    "condense": {
        "history": [Turn("user", "Who approves travel?"), Turn("assistant", "The team lead.")],
        "question": "And hotels?",
    },
}

_NAME = r"[a-z][a-z0-9_]{0,59}"
_FILE = re.compile(r"[1-9][0-9]{0,5}")
_RELEASED_LINE = re.compile(rf"(?P<sha256>[0-9a-f]{{64}})  (?P<name>{_NAME})/(?P<version>[1-9][0-9]*)\.yaml")


class PromptExample(BaseModel):
    """A test that a prompt file brings: rendered with `values`, the user's message holds each text of `contains`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    values: Mapping[str, Any]
    contains: tuple[str, ...] = Field(min_length=1)


class PromptTemplate(BaseModel):
    """One version of one prompt. `sha256` is the hash of its file, so any edit is another prompt.

    `system` is the model's standing instruction, fixed text; `template` makes the user's message.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=f"^{_NAME}$")
    version: int = Field(ge=1)
    description: str = Field(min_length=1, max_length=500)
    variables: tuple[str, ...]
    system: str = ""
    template: str
    tests: tuple[PromptExample, ...] = ()
    sha256: str

    @property
    def label(self) -> str:
        return f"Prompt {self.name} version {self.version}"

    @property
    def ref(self) -> PromptRef:
        return PromptRef(version=self.version, sha256=self.sha256)

    def messages(self, history: Sequence[Turn] = (), /, **values: Any) -> list[Turn]:
        """What a chat model is sent: the standing instruction, the conversation so far, the rendered prompt. A prompt
        whose template has a variable `history` is given that by name, like every other value."""
        system = [Turn("system", self.system.strip())] if self.system else []
        return [*system, *history, Turn("user", self.render(**values).strip())]

    def render(self, **values: Any) -> str:
        """The user's message. Raises InputError for a missing or unfit value, TooLargeError when it gets too long."""
        try:
            return prompt_sandbox.render(self.template, values)
        except InputError as error:
            raise type(error)(
                f"Prompt {self.name} version {self.version}: {error.message}.", hint=error.hint
            ) from error

    def failures(self) -> list[str]:
        """What the prompt's own tests find wrong with it; empty if nothing."""
        found = []
        for number, test in enumerate(self.tests, start=1):
            text = self.render(**test.values)
            found += [f"test {number}: {wanted!r} is not in the text" for wanted in test.contains if wanted not in text]
        return found


class PromptVersions(Mapping[int, PromptTemplate]):
    """The versions of one prompt. Each is read when it is asked for, so a file that is wrong harms none but itself:
    asking for it raises InputError."""

    def __init__(self, folder: Path) -> None:
        paths = (path for path in folder.glob("*.yaml") if _FILE.fullmatch(path.stem))
        self._paths = {int(path.stem): path for path in paths}

    def __getitem__(self, version: int) -> PromptTemplate:
        return load_prompt(self._paths[version])

    def text(self, version: int) -> str:
        """The file as it stands. Raises KeyError if there is none, InputError if it is no text."""
        return prompt_files.read_text(self._paths[version])

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._paths))

    def __len__(self) -> int:
        return len(self._paths)


Prompts = Mapping[str, PromptVersions]


def load_prompt(path: Path) -> PromptTemplate:
    """Read and check one file: its place must match what it says, its template may use the declared variables only and
    do nothing that `prompt_sandbox` forbids, and its own tests must pass. Raises InputError that says what to mend."""
    raw = prompt_files.read_bytes(path)
    content = prompt_files.parse(raw, path)
    try:
        prompt = PromptTemplate.model_validate({**content, "sha256": hashlib.sha256(raw).hexdigest()})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"The prompt file {path.parent.name}/{path.name} cannot be used: {place}: {first['msg']}.",
            hint=prompt_files.FIELDS,
        ) from error
    if (prompt.name, str(prompt.version)) != (path.parent.name, path.stem):
        raise InputError(
            f"The prompt file {path.parent.name}/{path.name} says it is {prompt.name} version {prompt.version}.",
            hint="Make the file's name and its `name` and `version` agree.",
        )
    _check_template(prompt)
    return prompt


def _check_template(prompt: PromptTemplate) -> None:
    try:
        used = prompt_sandbox.variables(prompt.template)
    except InputError as error:
        raise InputError(f"{prompt.label}: {error.message}.", hint=error.hint) from error
    if used != set(prompt.variables):
        raise InputError(
            f"{prompt.label} declares the variables {sorted(prompt.variables)} but uses {sorted(used)}.",
            hint="Make `variables` list what the template uses, and nothing else.",
        )
    if prompt.name in GIVEN:
        _check_given(prompt, used, GIVEN[prompt.name])
    if "{{" in prompt.system or "{%" in prompt.system:
        raise InputError(
            f"{prompt.label} has a template in `system`, which reaches the model as it stands.",
            hint="Put what depends on the question into `template`.",
        )
    if failures := prompt.failures():
        raise InputError(
            f"{prompt.label} fails its own tests: {'; '.join(failures)}.", hint="Mend the template or the test."
        )


def _check_given(prompt: PromptTemplate, used: Set[str], given: Mapping[str, Any]) -> None:
    """Raises InputError for a template that wants other values than serving's, or more of one than there is."""
    if used != given.keys():
        raise InputError(
            f"{prompt.label} uses {sorted(used)}, but is given {sorted(given)}.",
            hint="Use these in the template, and no others.",
        )
    try:
        prompt.render(**given)
    except InputError as error:
        raise InputError(
            error.message, hint="A passage has marker, title and text, a turn of the history role and content; no more."
        ) from error


def load_prompts(folder: Path = PROMPTS) -> Prompts:
    """All prompts by name and version."""
    folders = (path for path in sorted(folder.iterdir()) if path.is_dir() and re.fullmatch(_NAME, path.name))
    found = {path.name: PromptVersions(path) for path in folders}
    return {name: versions for name, versions in found.items() if versions}


def misnamed(folder: Path = PROMPTS) -> list[str]:
    """The files, `name/file`, that look like versions of prompts and are none, because of how they or their folders
    are named."""
    files = (path for path in folder.glob("*/*") if path.suffix in (".yaml", ".yml"))
    return sorted(
        f"{path.parent.name}/{path.name}"
        for path in files
        if not (path.suffix == ".yaml" and _FILE.fullmatch(path.stem) and re.fullmatch(_NAME, path.parent.name))
    )


def released_prompts(folder: Path = PROMPTS) -> dict[tuple[str, int], str]:
    """The SHA-256 of every released version, by name and version: the lines of `released.txt`, which
    `sha256sum --check` reads too."""
    lines = prompt_files.read_text(folder / RELEASED).splitlines()
    found = [_RELEASED_LINE.fullmatch(line) for line in lines]
    if None in found:
        raise InputError(f"{RELEASED}, line {found.index(None) + 1}: not `SHA-256  name/version.yaml`.")
    return {(each["name"], int(each["version"])): each["sha256"] for each in found if each}


def newest_released(folder: Path = PROMPTS) -> dict[str, PromptTemplate]:
    """The newest released version of every prompt: what is used where nobody names a version. Drafts are not. Raises
    NotFoundError for one whose file was edited or is gone."""
    newest: dict[str, PromptRef] = {}
    for (name, version), sha256 in sorted(released_prompts(folder).items()):
        newest[name] = PromptRef(version=version, sha256=sha256)
    return resolve_prompts(newest, load_prompts(folder))


def resolve_prompts(references: Mapping[str, PromptRef], prompts: Prompts) -> dict[str, PromptTemplate]:
    """The templates a release names. Raises NotFoundError if one is missing or its text is not what was released."""
    resolved = {}
    for name, reference in references.items():
        versions = prompts.get(name)
        prompt = versions.get(reference.version) if versions is not None else None
        if prompt is None or prompt.sha256 != reference.sha256:
            raise NotFoundError(
                f"Prompt {name} version {reference.version} with hash {reference.sha256[:12]} is needed, and this"
                " installation does not have it.",
                hint="Released prompts must not change: restore the file, and put the new text into a new version.",
            )
        resolved[name] = prompt
    return resolved
