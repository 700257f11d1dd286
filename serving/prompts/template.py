"""A prompt's template: what a file must say, checked when it is read, and rendered into what a model is sent."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import InputError
from core.release import PromptRef
from core.types import Turn
from serving.prompts import files as prompt_files
from serving.prompts import sandbox as prompt_sandbox
from serving.prompts.spotlight import QuotedPassage

# The prompt that makes a model answer from passages.
ANSWER = "answer"
PROMPT_NAME = r"[a-z][a-z0-9_]{0,59}"

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

    name: str = Field(pattern=f"^{PROMPT_NAME}$")
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


def read_prompt(text: str, where: str) -> PromptTemplate:
    """Check a prompt's text: its template may use the declared variables only and do nothing that the sandbox forbids,
    and its own tests must pass. Raises InputError that begins with `where` and says what to mend."""
    content = prompt_files.parse(text, where)
    try:
        prompt = PromptTemplate.model_validate({**content, "sha256": hashlib.sha256(text.encode()).hexdigest()})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where} cannot be used: {place}: {first['msg']}.", hint=prompt_files.FIELDS) from error
    _check_template(prompt, where)
    return prompt


def _check_template(prompt: PromptTemplate, where: str) -> None:
    try:
        used = prompt_sandbox.variables(prompt.template)
    except InputError as error:
        raise InputError(f"{where}, {error.message}.", hint=error.hint) from error
    if used != set(prompt.variables):
        raise InputError(
            f"{where} declares the variables {sorted(prompt.variables)} but uses {sorted(used)}.",
            hint="Make `variables` list what the template uses, and nothing else.",
        )
    if prompt.name in GIVEN:
        _check_given(prompt, GIVEN[prompt.name], where)
    if "{{" in prompt.system or "{%" in prompt.system:
        raise InputError(
            f"{where} has a template in `system`, which reaches the model as it stands.",
            hint="Put what depends on the question into `template`.",
        )
    if failures := prompt.failures():
        raise InputError(f"{where} fails its own tests: {'; '.join(failures)}.", hint="Mend the template or the test.")


def _check_given(prompt: PromptTemplate, given: Mapping[str, Any], where: str) -> None:
    """Raises InputError for a template that wants other values than serving's, or more of one than there is."""
    if set(prompt.variables) != given.keys():
        raise InputError(
            f"{where} uses {sorted(prompt.variables)}, but is given {sorted(given)}.",
            hint="Use these in the template, and no others.",
        )
    try:
        prompt.render(**given)
    except InputError as error:
        raise InputError(
            f"{where}: {error.message}",
            hint="A passage has marker, title and text, a turn of the history role and content; no more.",
        ) from error
