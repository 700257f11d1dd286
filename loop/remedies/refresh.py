"""Sources that have moved on: which these are, whether they hold anything new, and reading them again into an index
beside the live one (docs/decisions/007-fresh-sources-in-an-index-of-their-own.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.errors import ConflictError, InputError
from core.loop.diagnosis import Cause
from core.loop.feedback import Firing
from core.ports import Source
from core.progress import LineProgress
from core.settings import Settings
from core.storage.releases import ReleaseRepository
from core.types import DocumentState, ManifestEntry, document_id
from ingestion.factory import open_pipeline, open_stores
from ingestion.pipeline import Pipeline
from ingestion.rebuild.indexes import live_spec
from ingestion.sources.registry import open_source
from loop.remedies.diagnosed import Diagnosed
from loop.remedies.port import Say


def stale_sources(firing: Firing, questions: Sequence[Diagnosed], entries: Mapping[str, ManifestEntry]) -> list[str]:
    """Sources to be read again: those the firing names, those that have moved on, and those of right documents that the
    live index holds nothing of. Sorted. Pure."""
    found = set(firing.evidence.sources)
    for each in questions:
        for uri in each.documents:
            entry = entries.get(document_id(uri))
            missing = entry is None or entry.state is not DocumentState.INDEXED
            if each.cause is Cause.STALE_SOURCE or (each.cause is Cause.NOT_INDEXED and missing):
                found.add(uri.partition("/")[0])
    return sorted(found)


def changes_in(settings: Settings, sources: Sequence[str]) -> dict[str, int]:
    """How many documents of each source are new, changed or gone, compared with the live index. Reads no document.

    Raises InputError for a source that cannot be opened again, UnavailableError for one that cannot be listed.
    """
    found = {}
    with open_pipeline(settings) as pipeline:
        for name in sources:
            counts = pipeline.dry_run(_source(pipeline, name))["documents"]
            found[name] = counts["added"] + counts["changed"] + counts["deleted"]
    return found


def refresh_sources(settings: Settings, collection: str, sources: Sequence[str], say: Say) -> None:
    """Bring the collection, which is not the live one, up to date with these sources.

    Raises as `changes_in` does, and ConflictError for the live collection.
    """
    with open_stores(settings) as (database, stores):
        if live_spec(ReleaseRepository(database), stores).name == collection:
            raise ConflictError(
                f"The index {collection} has become the live one.", hint="`ragloop ingest` brings that up to date."
            )
        spec = stores.index.spec(collection)
    for name in sources:
        with open_pipeline(settings, spec) as pipeline:
            say(f"Reading {name} again")
            pipeline.run(_source(pipeline, name), progress=LineProgress(say))


def _source(pipeline: Pipeline, name: str) -> Source:
    """The source as it was read last."""
    documents = pipeline.stores.documents
    root = documents.source_root(name)
    if root is None:
        raise InputError(f"The source {name} is not known.", hint="Ingest it: `ragloop ingest`.")
    return open_source(name, root, _access(name, documents.entries(pipeline.spec.name, name)))


def _access(source: str, entries: Mapping[str, ManifestEntry]) -> tuple[str, ...]:
    """The access labels that all documents of the source have."""
    labels = {entry.access for entry in entries.values()}
    if len(labels) != 1:
        raise ConflictError(
            f"The documents of {source} have {len(labels)} different sets of access labels, so it is not known who may "
            "see new ones.",
            hint="Ingest the source with --access.",
        )
    return labels.pop()
