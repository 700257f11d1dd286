"""The folder that keeps adapters, each under the SHA-256 of its files; the model servers read them from there.

store = AdapterStore(settings.adapters)
adapter = store.add(Path("out/checkpoint"))     # checked, copied, durable
store.get(adapter.digest)                       # AdapterError if it is gone or is not what it was

The digest is that of adapter_config.json and adapter_model.safetensors, which is all that a model server reads.
Beside them may lie `ragloop.json`, what is known of the training, and `training.jsonl`, the conversations that were
trained on: for people, and for the check against leaked evaluation questions. They are not part of the digest, so that
learning more about an adapter does not make it another one.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import AdapterError
from core.types import digest
from retrieval.durable import replace_file, sync, sync_tree
from retrieval.locks import exclusive_lock
from serving.adapters.checks import (
    CONFIG,
    FACTS,
    LIMITS,
    TRAINING,
    WEIGHTS,
    check_base,
    check_config,
    check_weights,
    module_shapes,
    read_object,
    require_files,
)
from serving.adapters.weights import read_header

_DIGEST = re.compile(r"[0-9a-f]{64}")
_INCOMING = ".incoming-"
_LOCK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter on disk. `base_model` is the name that its facts or, failing those, its makers give the model that it
    was trained on; `facts` is what ragloop.json says, empty if there is none."""

    digest: str
    folder: Path
    base_model: str | None
    rank: int
    bytes: int
    facts: Mapping[str, Any]

    def require_fit(self, base: Path) -> None:
        """Raises AdapterError unless the adapter fits the matrices of the model in the folder `base`."""
        weights = self.folder / WEIGHTS
        check_base(module_shapes(WEIGHTS, read_header(weights), self.rank), base)

    def as_json(self) -> dict[str, Any]:
        return {
            "digest": self.digest,
            "folder": str(self.folder),
            "base_model": self.base_model,
            "rank": self.rank,
            "bytes": self.bytes,
            "facts": dict(self.facts),
        }


class AdapterStore:
    """Adapters by digest. Safe for several processes; nothing half-written is ever found in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, folder: Path, *, base: Path | None = None) -> Adapter:
        """Keep the adapter in `folder`; one that is there already only takes the newer facts.

        With `base`, the folder of a model, the adapter must fit that model's matrices. Raises AdapterError that names
        what is wrong with it, in which case nothing is kept.
        """
        require_files(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with exclusive_lock(self.folder / ".lock", "add an adapter", _LOCK_SECONDS):
                self._sweep()
                return self._add(folder, base)
        except OSError as error:
            raise AdapterError(
                f"The adapter could not be copied to {self.folder}: {error.strerror or error}.",
                hint="Check the folder's rights and the space on its disk: RAGLOOP_ADAPTERS_FOLDER.",
            ) from error

    def _add(self, folder: Path, base: Path | None) -> Adapter:
        copy = Path(tempfile.mkdtemp(prefix=_INCOMING, dir=self.folder))
        try:
            _copy(folder, copy)
            # The copy is what is checked: nobody can change it in between.
            adapter = _read(copy)
            check_weights(copy / WEIGHTS, adapter.rank)
            if base is not None:
                adapter.require_fit(base)
            return self._keep(copy)
        finally:
            shutil.rmtree(copy, ignore_errors=True)

    def get(self, name: str) -> Adapter:
        """The adapter with this digest. Raises AdapterError when there is none, or its files are not what they were."""
        folder = self.folder / name
        if not _DIGEST.fullmatch(name) or not folder.is_dir():
            raise AdapterError(
                f"There is no adapter {name[:80]!r} in {self.folder}.",
                hint="`ragloop adapters list` shows those that are there, `ragloop adapters add FOLDER` adds one.",
            )
        adapter = _read(folder)
        if _digest(folder) != name:
            raise AdapterError(
                f"Adapter {name[:16]} is not what it was when it was added: its files have changed.",
                hint="Add it again from where it came: ragloop adapters add FOLDER",
            )
        return adapter

    def find(self, beginning: str) -> Adapter:
        """The adapter whose digest begins so. Raises AdapterError unless there is exactly one, and it is sound."""
        found = [name for name in self.digests() if beginning and name.startswith(beginning)]
        if len(found) > 1:
            raise AdapterError(f"{len(found)} adapters begin with {beginning[:80]!r}.", hint="Give more of the digest.")
        return self.get(found[0] if found else beginning)

    def digests(self) -> list[str]:
        """The digests of all adapters, sound or not, sorted."""
        if not self.folder.is_dir():
            return []
        return sorted(path.name for path in self.folder.iterdir() if _DIGEST.fullmatch(path.name))

    def all(self) -> list[Adapter]:
        """Every adapter that is sound, by digest. Reads all their files."""
        found = []
        for name in self.digests():
            try:
                found.append(self.get(name))
            except AdapterError:
                continue  # `get` says what is wrong with it to whoever asks for it
        return found

    def remove(self, name: str) -> None:
        """Delete an adapter. One that is not there is no error. Raises AdapterError if it cannot be deleted."""
        if not _DIGEST.fullmatch(name):
            return
        try:
            shutil.rmtree(self.folder / name)
        except FileNotFoundError:
            return
        except OSError as error:
            raise AdapterError(
                f"Adapter {name[:16]} could not be deleted: {error.strerror or error}.",
                hint="Check the folder's rights: RAGLOOP_ADAPTERS_FOLDER.",
            ) from error

    def _keep(self, copy: Path) -> Adapter:
        name = _digest(copy)
        target = self.folder / name
        if target.is_dir() and _is_sound(target):
            for name in (FACTS, TRAINING):
                if (copy / name).exists():
                    replace_file(target / name, (copy / name).read_bytes())
                    (target / name).chmod(0o644)
            return _read(target)
        shutil.rmtree(target, ignore_errors=True)
        copy.chmod(0o755)  # the model server may be another user
        sync_tree(copy)
        copy.rename(target)
        sync(self.folder)
        return _read(target)

    def _sweep(self) -> None:
        """Remove what a killed process left: whoever holds the lock is the only one who copies."""
        for path in self.folder.glob(f"{_INCOMING}*"):
            shutil.rmtree(path, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    for name in (CONFIG, WEIGHTS, FACTS, TRAINING):
        if (source / name).exists():
            with os.fdopen(os.open(source / name, os.O_RDONLY | os.O_NOFOLLOW), "rb") as reader:
                _copy_up_to(reader, target / name, LIMITS[name])
            (target / name).chmod(0o644)


def _copy_up_to(reader: Any, target: Path, limit: int) -> None:
    copied = 0
    with target.open("wb") as writer:
        while block := reader.read(1 << 20):
            copied += len(block)
            if copied > limit:
                raise AdapterError(f"{target.name} is larger than {limit:,} bytes.", hint="Add it when it is whole.")
            writer.write(block)


def _read(folder: Path) -> Adapter:
    config = read_object(folder / CONFIG)
    facts = read_object(folder / FACTS) if (folder / FACTS).exists() else {}
    base = facts.get("base_model") or config.get("base_model_name_or_path")
    size = sum((folder / name).stat().st_size for name in (CONFIG, WEIGHTS) if (folder / name).exists())
    return Adapter(folder.name, folder, base if isinstance(base, str) else None, check_config(config), size, facts)


def _digest(folder: Path) -> str:
    return digest({name: _sha256(folder / name) for name in (CONFIG, WEIGHTS)})


def _is_sound(folder: Path) -> bool:
    try:
        return _digest(folder) == folder.name
    except AdapterError:
        return False


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AdapterError(
            f"{path.name} of adapter {path.parent.name[:16]} cannot be read: {error.strerror}.",
            hint="Add it again from where it came: ragloop adapters add FOLDER",
        ) from error
