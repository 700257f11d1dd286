"""Prompt templates as versioned files: `prompts/<name>/<version>.yaml`, loaded, checked and hashed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jinja2 import StrictUndefined, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import InputError, NotFoundError
from core.release import PromptRef
from core.types import Turn

PROMPTS = Path(__file__).parent / "prompts"

_environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, autoescape=False)


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

    name: str
    version: int
    description: str
    variables: tuple[str, ...]
    system: str = ""
    template: str
    tests: tuple[PromptExample, ...] = ()
    sha256: str

    @property
    def ref(self) -> PromptRef:
        return PromptRef(version=self.version, sha256=self.sha256)

    def messages(self, history: Sequence[Turn] = (), **values: Any) -> list[Turn]:
        """What a chat model is sent: the standing instruction, the conversation so far, the rendered prompt."""
        system = [Turn("system", self.system.strip())] if self.system else []
        return [*system, *history, Turn("user", self.render(**values).strip())]

    def render(self, **values: Any) -> str:
        """The user's message. Raises InputError for a missing variable or a forbidden construct."""
        try:
            return _environment.from_string(self.template).render(**values)
        except TemplateError as error:
            raise InputError(f"Prompt {self.name} version {self.version}: {error}.") from error


def load_prompt(path: Path) -> PromptTemplate:
    """Read and check one file: its place must match what it says, its template may use the declared variables only."""
    raw = path.read_bytes()
    try:
        values = {**yaml.safe_load(raw), "sha256": hashlib.sha256(raw).hexdigest()}
        prompt = PromptTemplate.model_validate(values)
        used = meta.find_undeclared_variables(_environment.parse(prompt.template))
    except (yaml.YAMLError, TypeError, ValidationError, TemplateError) as error:
        raise InputError(f"The prompt file {path.name} of {path.parent.name} cannot be used: {error}.") from error
    if (prompt.name, str(prompt.version)) != (path.parent.name, path.stem):
        raise InputError(
            f"The prompt file {path.parent.name}/{path.name} says it is {prompt.name} version {prompt.version}.",
            hint="Make the file's name and its `name` and `version` agree.",
        )
    if used != set(prompt.variables):
        raise InputError(
            f"Prompt {prompt.name} version {prompt.version} declares the variables {sorted(prompt.variables)}"
            f" but uses {sorted(used)}."
        )
    return prompt


def load_prompts(folder: Path = PROMPTS) -> Mapping[str, Mapping[int, PromptTemplate]]:
    """All prompts by name and version."""
    prompts: dict[str, dict[int, PromptTemplate]] = {}
    for path in sorted(folder.glob("*/*.yaml")):
        prompt = load_prompt(path)
        prompts.setdefault(prompt.name, {})[prompt.version] = prompt
    return prompts


def resolve_prompts(
    references: Mapping[str, PromptRef], prompts: Mapping[str, Mapping[int, PromptTemplate]]
) -> dict[str, PromptTemplate]:
    """The templates a release names. Raises NotFoundError if one is missing or its text is not what was released."""
    resolved = {}
    for name, reference in references.items():
        prompt = prompts.get(name, {}).get(reference.version)
        if prompt is None or prompt.sha256 != reference.sha256:
            raise NotFoundError(
                f"The release needs prompt {name} version {reference.version} with hash {reference.sha256[:12]},"
                " and this installation does not have it.",
                hint="Released prompts must not change: restore the file, and put the new text into a new version.",
            )
        resolved[name] = prompt
    return resolved
