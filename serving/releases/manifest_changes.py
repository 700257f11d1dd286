"""Turning `retrieval.dense_weight=0.7` and its like into a new manifest: paths checked, names resolved.

    changed(base, {"prompt.answer": "2", "collection": "documents-1a2b3c4d"}, index.spec, prompts)

`collection` takes the name of a collection that the index holds, `prompt.NAME` a version of that prompt; every other
path is a value of the manifest itself.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from core.errors import InputError, NotFoundError
from core.release import CollectionRef, PromptRef, ReleaseManifest
from core.text.languages import CODES
from core.types import CollectionSpec
from serving.prompts.library import Prompts

COLLECTION = "collection"
PROMPT = "prompt."
QUESTION_MAP = "retrieval.question_map"
_SECTIONS = ("retrieval", "reading", "generator", "guards")
_LONGEST_VALUE = 1000
# The places where a manifest may hold names that the base does not.
_SAMPLING = "generator.sampling."
_LANGUAGE_WEIGHTS = "retrieval.language_weights."


def changed(
    base: ReleaseManifest, changes: Mapping[str, str], spec_of: Callable[[str], CollectionSpec], prompts: Prompts
) -> ReleaseManifest:
    """The manifest with the changes made.

    A question map is of one embedder's vectors: a collection of another one leaves it behind, unless it is named too.
    `spec_of` says what a collection was built with, raising NotFoundError if there is none. Raises InputError that
    names the path at fault and what would be right.
    """
    content = base.model_dump(mode="json")
    allowed = paths(base, prompts)
    for path, value in changes.items():
        if len(value) > _LONGEST_VALUE:
            raise InputError(
                f"{path[:200]}: a value has at most {_LONGEST_VALUE} characters.", hint="Give a shorter one."
            )
        if path == COLLECTION:
            content["collection"] = _collection(value, spec_of).model_dump(mode="json")
        elif path.startswith(PROMPT):
            content["prompts"][path.removeprefix(PROMPT)] = _prompt(path, value, prompts).model_dump(mode="json")
        elif path in allowed or _names_sampling(path) or _names_language(path):
            _put(content, path, value)
        else:
            raise _unknown(path, allowed)
    other_embedder = content["collection"]["embedder_fingerprint"] != base.collection.embedder_fingerprint
    if other_embedder and QUESTION_MAP not in changes:
        content["retrieval"]["question_map"] = None
    try:
        return ReleaseManifest.model_validate(content)
    except ValidationError as error:
        raise _explain(error, changes) from error


def paths(base: ReleaseManifest, prompts: Prompts) -> list[str]:
    """Every path that can be changed, but for the names under generator.sampling, which are free, and
    the languages under retrieval.language_weights."""
    content = base.model_dump(mode="json")
    values = [path for section in _SECTIONS for path in _leaves(section, content[section])]
    return [COLLECTION, *(f"{PROMPT}{name}" for name in sorted(prompts)), *values]


def _leaves(path: str, value: Any) -> Iterable[str]:
    if not isinstance(value, dict):
        yield path
        return
    for name, inner in value.items():
        yield from _leaves(f"{path}.{name}", inner)


def _names_sampling(path: str) -> bool:
    return path.startswith(_SAMPLING) and path.removeprefix(_SAMPLING).isidentifier()


def _names_language(path: str) -> bool:
    return path.startswith(_LANGUAGE_WEIGHTS) and path.removeprefix(_LANGUAGE_WEIGHTS) in CODES


def _put(content: dict[str, Any], path: str, value: str) -> None:
    *sections, name = path.split(".")
    place = content
    for section in sections:
        place = place[section]
    place[name] = value.strip() or None  # nothing behind the equals sign: no value


def _collection(name: str, spec_of: Callable[[str], CollectionSpec]) -> CollectionRef:
    try:
        return CollectionRef.of(spec_of(name))
    except NotFoundError as error:
        raise InputError(
            f"collection: the index has no collection {name[:200]!r}.",
            hint="`ragloop index rebuild` makes one and prints its name.",
        ) from error


def _prompt(path: str, value: str, prompts: Prompts) -> PromptRef:
    name = path.removeprefix(PROMPT)
    if name not in prompts:
        raise _unknown(path, [f"{PROMPT}{known}" for known in sorted(prompts)])
    versions = prompts[name]
    if value not in map(str, versions):
        raise InputError(
            f"{path}: there is no version {value[:80]!r} of this prompt.",
            hint=f"There is {', '.join(str(version) for version in sorted(versions))}.",
        )
    return versions[int(value)].ref


def _unknown(path: str, allowed: list[str]) -> InputError:
    near = difflib.get_close_matches(path, allowed, n=1, cutoff=0.5)
    guess = f"Did you mean {near[0]}? " if near else ""
    return InputError(
        f"A release has no value {path[:200]!r}.", hint=f"{guess}These can be changed: {', '.join(allowed)}."
    )


def _explain(error: ValidationError, changes: Mapping[str, str]) -> InputError:
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"])
    reason = first["msg"]
    return InputError(
        f"{path}: {reason[:1].lower()}{reason[1:]} (it is {changes.get(path, '')[:80]!r}).",
        hint=f"`ragloop release show` prints the values of the champion, {path} among them.",
    )
