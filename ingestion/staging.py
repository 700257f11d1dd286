"""What a run writes down between its steps, in a folder of its own: the plan, and of each shard what is to do and what
was done. Files appear whole or not at all, so a step that was killed is simply done again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import ConflictError, FailureKind, NotFoundError, UnavailableError
from core.ports import LeftAlone
from core.text.document_uri import is_within
from core.text.personal_data import PersonalDataPolicy
from core.types import Chunk, Document, DocumentState, ManifestEntry, SourceItem, TextFormat, Vector
from ingestion.plan import PlannedItem

_SCHEMA_VERSION = 4

_DONE = ".done.npz"

# Runs that were killed leave their folder behind; a run that is still under way is younger than this.
_ABANDONED_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class StagedPlan:
    """What planning found, but for the work, which is in the shards. `skipped` counts what the source passed
    over and `left_alone` names it; `kept_out` counts those that may not come back; `started_at` is in seconds since the
    epoch."""

    run_id: str
    source: str
    root: str
    access: tuple[str, ...]
    personal_data: PersonalDataPolicy
    collection: str
    shards: int
    unchanged: int
    partial: tuple[ManifestEntry, ...]
    settled: tuple[ManifestEntry, ...]
    vanished: tuple[ManifestEntry, ...]
    new: int
    changed: int
    skipped: Mapping[str, int]
    left_alone: tuple[LeftAlone, ...]
    started_at: float
    kept_out: int = 0


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A document that was converted, split and embedded; `vectors` has shape (len(chunks), dimensions)."""

    planned: PlannedItem
    document: Document
    chunks: tuple[Chunk, ...]
    vectors: Vector


@dataclass(frozen=True, slots=True)
class RejectedDocument:
    """A document that could not be read."""

    planned: PlannedItem
    kind: FailureKind
    reason: str


@dataclass(frozen=True, slots=True)
class ShardResult:
    """What became of a shard's documents. Of what came with them, `kept` stays as it is known and `gone` is there no
    more. `embedded` counts the vectors that were not known before."""

    read: tuple[ReadDocument, ...] = ()
    same: tuple[PlannedItem, ...] = ()
    rejected: tuple[RejectedDocument, ...] = ()
    kept: tuple[ManifestEntry, ...] = ()
    gone: tuple[ManifestEntry, ...] = ()
    embedded: int = field(default=0)


class Staging:
    """One run's folder below `root`."""

    def __init__(self, root: Path, run_id: str) -> None:
        self.run_id = run_id
        # Airflow's run ids have colons and plus signs.
        self.folder = root / re.sub(r"[^\w.-]", "_", run_id)

    def write_plan(self, plan: StagedPlan, work: Sequence[Sequence[PlannedItem]]) -> None:
        """Begin the run. What an earlier attempt at the same run left is removed."""
        self.remove()
        self.folder.mkdir(parents=True)
        for number, items in enumerate(work):
            self._write_json(f"{number:05}.todo.json", [asdict(planned) for planned in items])
        self._write_json("plan.json", {"schema_version": _SCHEMA_VERSION, **asdict(plan)})

    def plan(self) -> StagedPlan:
        """Raises NotFoundError when the run was never planned or is over."""
        values = self._read_json("plan.json")
        if values.pop("schema_version") != _SCHEMA_VERSION:
            raise ConflictError(f"Run {self.run_id} was planned by another version.", hint="Start the run again.")
        entries = {name: tuple(_entry(value) for value in values[name]) for name in ("partial", "settled", "vanished")}
        policy = PersonalDataPolicy(values["personal_data"])
        left_alone = tuple(LeftAlone(**one) for one in values["left_alone"])
        told = {"access": tuple(values["access"]), "left_alone": left_alone, "personal_data": policy}
        return StagedPlan(**{**values, **entries, **told})

    def todo(self, shard: int) -> list[PlannedItem]:
        return [_planned(values) for values in self._read_json(f"{shard:05}.todo.json")]

    def is_done(self, shard: int) -> bool:
        return self._done(shard).exists()

    def write_done(self, shard: int, result: ShardResult) -> None:
        import numpy as np

        content = {
            "embedded": result.embedded,
            "read": [
                {"planned": asdict(one.planned), "document": asdict(one.document), "chunks": _spans(one.chunks)}
                for one in result.read
            ],
            "same": [asdict(planned) for planned in result.same],
            "rejected": [asdict(one) for one in result.rejected],
            "kept": [asdict(one) for one in result.kept],
            "gone": [asdict(one) for one in result.gone],
        }
        encoded = np.frombuffer(_json(content), dtype=np.uint8)
        vectors = [one.vectors for one in result.read]
        stacked = np.concatenate(vectors) if vectors else np.zeros((0, 0), dtype=np.float32)
        with _atomic(self._done(shard)) as file:
            np.savez(file, content=encoded, vectors=stacked)

    def done(self, shard: int) -> ShardResult:
        import numpy as np

        try:
            with np.load(self._done(shard), allow_pickle=False) as stored:
                content, vectors = json.loads(stored["content"].tobytes()), stored["vectors"]
        except FileNotFoundError as error:
            raise NotFoundError(
                f"Shard {shard} of run {self.run_id} was not processed.", hint="Run its task again."
            ) from error
        read, begin = [], 0
        for one in content["read"]:
            document = _document(one["document"])
            chunks = _chunks(document, one["chunks"])
            read.append(ReadDocument(_planned(one["planned"]), document, chunks, vectors[begin : begin + len(chunks)]))
            begin += len(chunks)
        same = tuple(_planned(values) for values in content["same"])
        rejected = tuple(
            RejectedDocument(_planned(one["planned"]), FailureKind(one["kind"]), one["reason"])
            for one in content["rejected"]
        )
        kept, gone = (tuple(_entry(value) for value in content[name]) for name in ("kept", "gone"))
        return ShardResult(tuple(read), same, rejected, kept, gone, content["embedded"])

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _done(self, shard: int) -> Path:
        return self.folder / f"{shard:05}{_DONE}"

    def _write_json(self, name: str, value: Any) -> None:
        with _atomic(self.folder / name) as file:
            file.write(_json(value))

    def _read_json(self, name: str) -> Any:
        try:
            return json.loads((self.folder / name).read_bytes())
        except FileNotFoundError as error:
            raise NotFoundError(
                f"There is no {name} of run {self.run_id}.", hint="Plan the run first; a finished run is cleared away."
            ) from error


def remove_abandoned(root: Path) -> None:
    """Clear away what killed runs left long ago."""
    if not root.exists():
        return
    oldest = time.time() - _ABANDONED_SECONDS
    for folder in root.iterdir():
        if folder.is_dir() and folder.stat().st_mtime < oldest:
            shutil.rmtree(folder, ignore_errors=True)


def remove_document(root: Path, uri: str) -> int:
    """Remove what killed runs have staged of the document and of what came with it, with the rest of its shard. Returns
    the number of shards."""
    removed = 0
    for path in sorted(root.glob(f"*/*{_DONE}")):
        staging = Staging(root, path.parent.name)
        if any(is_within(one.document.uri, uri) for one in staging.done(int(path.name.removesuffix(_DONE))).read):
            path.unlink()
            removed += 1
    return removed


@contextmanager
def _atomic(path: Path) -> Iterator[BinaryIO]:
    """A file that is there, whole, once the block is left without an error. Raises UnavailableError where the disk is
    full."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)  # on a full disk it would be in the way
        raise UnavailableError(
            f"What the run has read cannot be written down: {error.strerror or error}. Nothing was changed.",
            hint="Free some space on the disk of RAGLOOP_HOME and run it again: what was embedded is remembered.",
        ) from error


def _json(value: Any) -> bytes:
    return json.dumps(value, default=date.isoformat).encode()


def _day(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None


def _spans(chunks: Sequence[Chunk]) -> list[dict[str, Any]]:
    """The chunks without what they share with their document."""
    return [
        {
            "title": c.title,
            "heading_path": c.heading_path,
            "page": c.page,
            "last_page": c.last_page,
            "start": c.start,
            "end": c.end,
            "language": c.language,
        }
        for c in chunks
    ]


def _chunks(document: Document, spans: Sequence[Mapping[str, Any]]) -> tuple[Chunk, ...]:
    key = document.id
    return tuple(
        Chunk(
            document_id=key,
            ordinal=ordinal,
            uri=document.uri,
            text=document.text[span["start"] : span["end"]],
            **{**span, "heading_path": tuple(span["heading_path"])},
        )
        for ordinal, span in enumerate(spans)
    )


def _document(values: Mapping[str, Any]) -> Document:
    lists = {name: tuple(values[name]) for name in ("page_starts", "access")}
    lists["personal_data"] = tuple(map(tuple, values.get("personal_data", ())))
    return Document(**{**values, **lists, "format": TextFormat(values["format"]), "date": _day(values["date"])})


def _planned(values: Mapping[str, Any]) -> PlannedItem:
    stored = values["item"]
    item = SourceItem(**{**stored, "access": tuple(stored["access"]), "date": _day(stored["date"])})
    attached = tuple(_entry(value) for value in values["attached"])
    told = {"item": item, "known_access": tuple(values["known_access"]), "attached": attached}
    return PlannedItem(**{**values, **told})


def _entry(values: Mapping[str, Any]) -> ManifestEntry:
    return ManifestEntry(**{**values, "state": DocumentState(values["state"]), "access": tuple(values["access"])})
