"""The prompts of releases: as they were when a release first used them, whatever has become of their files.

prompts = ReleasePrompts(settings, database)
prompts.check(manifest.prompts)         # before a release is made: no version has another text than it had in use
prompts.keep(manifest.prompts)          # when it is made: from now on these texts are fixed
prompts.templates(manifest.prompts)     # what it answers with; the files may be gone
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property

from core.errors import ConflictError, InputError, NotFoundError
from core.release import PromptRef
from core.settings import Settings
from core.storage.database import Database
from core.storage.prompt_ledger import PromptLedger, PromptOrigin, UsedPrompt
from serving.prompts.library import PromptFile, Prompts, load_prompts, own_folder
from serving.prompts.origin import origin_of
from serving.prompts.template import PromptTemplate, read_prompt


class ReleasePrompts:
    """The ledger, and the files for what is not in it. Files are read once, when they are first needed: what is in the
    ledger needs none, so that a release goes on without them."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._ledger = PromptLedger(database)

    @cached_property
    def library(self) -> Prompts:
        """The files. Raises InputError for a folder that was named and cannot be read."""
        return load_prompts(own=own_folder(self._settings))

    def templates(self, references: Mapping[str, PromptRef]) -> dict[str, PromptTemplate]:
        """The templates that a release names. Raises NotFoundError for a text that is to be had nowhere."""
        return {name: self._template(name, reference) for name, reference in references.items()}

    def check(self, references: Mapping[str, PromptRef]) -> None:
        """Raises ConflictError for a version that was used with another text."""
        for name, reference in references.items():
            used = self._ledger.get(name, reference.version)
            if used is not None and used.sha256 != reference.sha256:
                raise _changed_after_use(used)

    def keep(self, references: Mapping[str, PromptRef]) -> None:
        """Enter what the references name. Raises as `check` and `templates`."""
        for name, reference in references.items():
            if self._entry(name, reference) is None:
                keep_file(self._ledger, self._file(name, reference))

    def origin(self, name: str, reference: PromptRef) -> PromptOrigin | None:
        """Where the text lies in a Git repository, as far as that is known. It is looked for anew until the text is
        found committed: a version is mostly tried before it is."""
        used = self._entry(name, reference)
        origin = used.origin if used else None
        if origin is not None and not origin.modified:
            return origin
        try:
            file = self._file(name, reference)
        except InputError:
            return origin
        found = _origin(file) or origin
        if used is not None and found is not None and found != origin:
            self._ledger.trace(used, found)
        return found

    def complaints(self, references: Mapping[str, PromptRef]) -> Iterator[str]:
        """What is wrong with the files of versions that go on all the same, a sentence each."""
        for name, reference in references.items():
            used = self._entry(name, reference)
            try:
                if used is not None and (wrong := complaint(used, self.library)):
                    yield wrong
            except InputError as error:
                yield f"{error.message} {error.hint}"
                return

    def _entry(self, name: str, reference: PromptRef) -> UsedPrompt | None:
        used = self._ledger.get(name, reference.version)
        return used if used is not None and used.sha256 == reference.sha256 else None

    def _template(self, name: str, reference: PromptRef) -> PromptTemplate:
        used = self._entry(name, reference)
        if used is not None:
            return read_prompt(used.text, f"The text on record of prompt {name} version {reference.version}")
        return self._file(name, reference).template

    def _file(self, name: str, reference: PromptRef) -> PromptFile:
        file = _of(load_prompts(), name, reference) or _of(self.library, name, reference)
        if file is None:
            raise NotFoundError(
                f"Prompt {name} version {reference.version} with hash {reference.sha256[:12]} is needed, and this"
                " installation does not have it.",
                hint="Restore the file as it was; `ragloop prompts new` puts another text into a new version.",
            )
        return file


def _of(prompts: Prompts, name: str, reference: PromptRef) -> PromptFile | None:
    """The file of this very text. RAGLoop's own are looked through first: for them an own folder need not be there."""
    versions = prompts.get(name)
    file = versions.file(reference.version) if versions is not None and reference.version in versions else None
    return file if file is not None and file.template.sha256 == reference.sha256 else None


def keep_file(ledger: PromptLedger, file: PromptFile) -> None:
    """Enter a version as its file is. Raises ConflictError if it was used with another text."""
    prompt = file.template
    entry = UsedPrompt(
        name=prompt.name,
        version=prompt.version,
        sha256=prompt.sha256,
        text=file.text,
        file=str(file.path),
        origin=_origin(file),
        at=datetime.now(UTC),
    )
    stands = ledger.keep(entry)
    if stands.sha256 != prompt.sha256:
        raise _changed_after_use(stands)


def complaint(used: UsedPrompt, prompts: Prompts) -> str:
    """What is wrong with the file of a version that is in the ledger; empty if nothing is."""
    versions = prompts.get(used.name)
    if versions is None or used.version not in versions:
        again = f"`ragloop prompts show {used.name}@{used.version} >{used.file}` restores it."
        return f"The prompt file {used.file} was used and is gone; its text on record goes on. {again}"
    try:
        if versions.text(used.version) == used.text:
            return ""
        wrong: InputError = _changed_after_use(used)
    except InputError as error:
        wrong = error
    return f"{wrong.message} {wrong.hint}"


def _changed_after_use(used: UsedPrompt) -> ConflictError:
    return ConflictError(
        f"The prompt file {used.file} has changed since version {used.version} of prompt {used.name} was first used.",
        hint=f"`ragloop prompts new {used.name} --from {used.version}` makes a new version of what it says now; "
        f"`ragloop prompts show {used.name}@{used.version} >{used.file}` restores this one.",
    )


def _origin(file: PromptFile) -> PromptOrigin | None:
    return origin_of(file.path, file.text) if file.own else None
