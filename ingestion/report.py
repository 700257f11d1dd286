"""What a run did, in the shape that `ragloop ingest --json` prints."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from core.types import DocumentState, ManifestEntry
from ingestion.staging import ShardResult, StagedPlan, Staging

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Failure:
    """A document that could not be ingested."""

    uri: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Partial:
    """A document of which a part could not be taken in; `missing` says in a sentence what."""

    uri: str
    missing: str


@dataclass(frozen=True, slots=True)
class PersonalDataFound:
    """How much personal data of each kind a document held."""

    uri: str
    kinds: Mapping[str, int]


@dataclass(slots=True)
class Tally:
    """The counts of a run."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    written: int = 0
    embedded: int = 0
    removed: int = 0
    partial: list[Partial] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    personal_data: list[PersonalDataFound] = field(default_factory=list)

    def add(self, result: ShardResult) -> None:
        for one in result.read:
            self.added += one.planned.is_new
            self.changed += not one.planned.is_new
            self.written += len(one.chunks)
            self.removed += one.planned.known_chunks
            self._note(one.planned.item.uri, one.document.missing)
            if one.document.personal_data:
                found = PersonalDataFound(one.planned.item.uri, dict(one.document.personal_data))
                self.personal_data.append(found)
        for rejected in result.rejected:
            self.removed += 0 if rejected.planned.has_good_version else rejected.planned.known_chunks
            self.failures.append(Failure(rejected.planned.item.uri, rejected.kind.value, rejected.reason))
        for same in result.same:
            self.unchanged += 1
            self._note(same.item.uri, same.known_missing)
        for kept in result.kept:
            self._add_kept(kept)
        self.deleted += len(result.gone)
        self.removed += sum(entry.chunks for entry in result.gone)
        self.embedded += result.embedded

    def _add_kept(self, entry: ManifestEntry) -> None:
        if entry.state is DocumentState.FAILED:
            self.failures.append(_failure(entry))
            return
        self.unchanged += 1
        self._note(entry.uri, entry.missing)

    def _note(self, uri: str, missing: str) -> None:
        if missing:
            self.partial.append(Partial(uri, missing))


def planned_report(plan: StagedPlan) -> dict[str, Any]:
    """What a run would do, as far as it can be said without reading a file."""
    tally = _begun(plan)
    tally.added, tally.changed = plan.new, plan.changed
    return {**_as_json(plan, tally), "dry_run": True}


def finished_report(plan: StagedPlan, staging: Staging) -> dict[str, Any]:
    """What the run did."""
    tally = _begun(plan)
    for number in range(plan.shards):
        tally.add(staging.done(number))
    return _as_json(plan, tally)


def _begun(plan: StagedPlan) -> Tally:
    return Tally(
        unchanged=plan.unchanged,
        deleted=len(plan.vanished),
        removed=sum(entry.chunks for entry in plan.vanished),
        partial=[Partial(entry.uri, entry.missing) for entry in plan.partial],
        failures=[_failure(entry) for entry in plan.settled],
    )


def _failure(entry: ManifestEntry) -> Failure:
    return Failure(entry.uri, entry.failure_kind or "", entry.failure_reason or "")


def _as_json(plan: StagedPlan, tally: Tally) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": plan.run_id,
        "source": plan.source,
        "collection": plan.collection,
        "documents": {
            "seen": tally.added + tally.changed + tally.unchanged + len(tally.failures),
            "added": tally.added,
            "changed": tally.changed,
            "unchanged": tally.unchanged,
            "deleted": tally.deleted,
            "failed": len(tally.failures),
        },
        "chunks": {"written": tally.written, "embedded": tally.embedded, "deleted": tally.removed},
        "partial": _by_uri(tally.partial),
        "failures": _by_uri(tally.failures),
        "personal_data": {
            "policy": plan.personal_data.value,
            "documents": _by_uri(tally.personal_data),
        },
        "skipped": dict(sorted(plan.skipped.items())),
        "left_alone": [asdict(one) for one in plan.left_alone],
        "kept_out": plan.kept_out,
        "seconds": round(time.time() - plan.started_at, 3),
    }


def _by_uri(found: Iterable[Failure | Partial | PersonalDataFound]) -> list[dict[str, Any]]:
    return [asdict(one) for one in sorted(found, key=lambda one: one.uri)]


def summary(report: Mapping[str, Any]) -> str:
    """The report in one line. Partial documents are among those added, changed and unchanged."""
    counts = report["documents"]
    parts = [f"{counts[name]} {name}" for name in ("added", "changed", "unchanged", "deleted", "failed")]
    if partial := len(report["partial"]):
        parts.append(f"{partial} partial")
    if skipped := sum(report["skipped"].values()):
        parts.append(f"{skipped} left alone")
    return f"{', '.join(parts)}; {report['chunks']['embedded']} chunks embedded in {report['seconds']:.1f} s"
