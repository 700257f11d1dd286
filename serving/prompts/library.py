"""Prompts by name and version: those that come with RAGLoop, and an installation's own beside them.

prompts = load_prompts(own=own_folder(settings))          # every version there is, each read when it is asked for
prompts["answer"][2].messages(passages=…, question=…)     # what a chat model is sent
newest(load_prompts())["answer"]                          # what is used where nobody names a version

A version is a file, `<name>/<version>.yaml`. Its own folder may add versions of the prompts that RAGLoop has, not
replace any. Whatever is wrong with a file harms that version alone, and says so when it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from core.settings import Settings
from serving.prompts import files as prompt_files
from serving.prompts.template import PROMPT_NAME, PromptTemplate, read_prompt

PROMPTS = Path(__file__).parent / "templates"

_FILE = re.compile(r"(?P<version>[1-9][0-9]{0,5})\.yaml")
# What a person would take for a version too.
_ALIKE = re.compile(r"v?0*(?P<version>[1-9][0-9]{0,5})\.ya?ml", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PromptFile:
    """The file of one version, read. `own` says that it lies in the installation's own folder."""

    template: PromptTemplate
    text: str
    path: Path
    own: bool


class PromptVersions(Mapping[int, PromptTemplate]):
    """The versions of one prompt. Each is read when it is asked for, so a file that is wrong harms none but itself:
    asking for it raises InputError."""

    def __init__(self, package: Mapping[int, Path], own: Mapping[int, Sequence[Path]] | None = None) -> None:
        self._package = package
        self._own = own or {}

    def __getitem__(self, version: int) -> PromptTemplate:
        return self.file(version).template

    def __contains__(self, version: object) -> bool:
        return version in self._package or version in self._own

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._package.keys() | self._own.keys()))

    def __len__(self) -> int:
        return len(self._package.keys() | self._own.keys())

    def file(self, version: int) -> PromptFile:
        """The version with its file. Raises KeyError if there is none, InputError for one that cannot be used."""
        path, own = self._place(version)
        text = prompt_files.read_text(path)
        template = read_named(text, path)
        if own:
            self._check_variables(template, path)
        return PromptFile(template, text, path, own)

    def text(self, version: int) -> str:
        """The file as it stands, whatever it says. Raises as `file` where it is not clear which file that is."""
        return prompt_files.read_text(self._place(version)[0])

    def path(self, version: int) -> Path:
        """Where the version's file lies, the first where there are two. Raises KeyError if there is none."""
        return self._own[version][0] if version in self._own else self._package[version]

    def is_own(self, version: int) -> bool:
        """Whether it lies in the installation's own folder."""
        return version not in self._package

    def _place(self, version: int) -> tuple[Path, bool]:
        own = self._own.get(version, ())
        if len(own) > 1:
            raise InputError(
                f"{own[0]} and {own[1].name} are both version {version} of prompt {own[0].parent.name}.",
                hint=f"Remove one, or give it another number: a version's file is named like {version}.yaml.",
            )
        if version not in self._package:
            return self._own[version][0], True
        packaged = self._package[version]
        if own and prompt_files.read_text(own[0]) != prompt_files.read_text(packaged):
            raise InputError(
                f"{own[0]} has the version of a prompt that comes with RAGLoop, which cannot be redefined.",
                hint=f"Rename it to {max(self) + 1}.yaml, and its `version` too.",
            )
        return packaged, False

    def _check_variables(self, template: PromptTemplate, path: Path) -> None:
        """An own version is given what RAGLoop's newest is given."""
        known = read_named(prompt_files.read_text(newest_path := self._package[max(self._package)]), newest_path)
        if set(template.variables) != set(known.variables):
            raise InputError(
                f"The prompt file {path} uses {sorted(template.variables)}, but is given {sorted(known.variables)}.",
                hint="Use these in the template, and no others.",
            )


Prompts = Mapping[str, PromptVersions]


def read_named(text: str, path: Path) -> PromptTemplate:
    """The prompt in the file, whose place must match what it says. Raises InputError that says what to mend."""
    where = f"The prompt file {path}"
    prompt = read_prompt(text, where)
    if (prompt.name, str(prompt.version)) != (path.parent.name, path.stem):
        raise InputError(
            f"{where} says it is {prompt.name} version {prompt.version}.",
            hint="Make the file's name and its `name` and `version` agree.",
        )
    return prompt


def own_folder(settings: Settings) -> Path | None:
    """The folder of the installation's own prompts; None where there is none, which only the default may be. Raises
    InputError for one that was named and is missing."""
    if settings.prompts.exists():
        return settings.prompts
    if settings.prompts_folder is None:
        return None
    raise InputError(
        f"The folder of prompts {settings.prompts} does not exist.",
        hint="Make it, or let RAGLOOP_PROMPTS_FOLDER name another; `ragloop prompts new` begins one.",
    )


def load_prompts(package: Path = PROMPTS, own: Path | None = None) -> Prompts:
    """All prompts of a package's folder by name and version, with the `own` versions of them. Raises InputError for an
    own folder that cannot be read."""
    own_folders = {path.name: path for path in _entries(own)} if own else {}
    found = {}
    for path in _entries(package):
        if path.is_dir() and re.fullmatch(PROMPT_NAME, path.name):
            files = {int(named["version"]): file for file in _entries(path) if (named := _FILE.fullmatch(file.name))}
            mine = own_folders.get(path.name)
            found[path.name] = PromptVersions(files, _own_files(mine) if mine else {})
    return {name: versions for name, versions in found.items() if versions}


def misnamed(folder: Path, names: Sequence[str]) -> list[str]:
    """The files of an own folder, `name/file`, that look like versions of prompts and are none, because of how they or
    their folders are named. `names` are those of all prompts."""
    files = (path for path in sorted(folder.glob("[!.]*/*")) if path.suffix.lower() in (".yaml", ".yml"))
    return [
        f"{path.parent.name}/{path.name}"
        for path in files
        if path.parent.name not in names or not _FILE.fullmatch(path.name)
    ]


def newest(prompts: Prompts) -> dict[str, PromptTemplate]:
    """The newest version of every prompt."""
    return {name: versions[max(versions)] for name, versions in prompts.items()}


def _own_files(folder: Path) -> dict[int, list[Path]]:
    """The files of each version. More than one where others are named so that they could be the same version."""
    alike: dict[int, list[Path]] = {}
    for path in _entries(folder):
        if named := _ALIKE.fullmatch(path.name):
            alike.setdefault(int(named["version"]), []).append(path)
    return {
        version: sorted(paths, key=lambda path: not _FILE.fullmatch(path.name))
        for version, paths in alike.items()
        if any(_FILE.fullmatch(path.name) for path in paths)
    }


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InputError(
            f"The folder of prompts {folder} cannot be read: {error.strerror}.",
            hint="Make it readable for who runs RAGLoop.",
        ) from error
