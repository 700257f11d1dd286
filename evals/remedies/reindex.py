"""The remedy for answers that stand in the documents and not, or not whole, in the index: a new index beside the live
one, with fresh sources or with other chunks.

Fresh sources come first: where documents are out of date or missing, no way of cutting them helps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.errors import ConflictError, InputError
from core.feedback import Cause, Firing
from core.settings import Settings
from core.storage.documents import DocumentRepository, EmbeddingMemo
from core.storage.releases import ReleaseRepository
from core.types import DocumentState, ManifestEntry, document_id
from evals.remedies.chunk_search import ChunkSearch
from evals.remedies.diagnosed import Diagnosed, DiagnosedQuestions
from ingestion.factory import Changes, chunk_tokens_of, folder_source, open_pipeline, open_rebuild, open_stores
from ingestion.indexes import live_spec
from ingestion.pipeline import Pipeline
from ingestion.progress import LineProgress
from ingestion.sources.folder import FolderSource
from serving.champion import current_champion
from serving.factory import Services

Say = Callable[[str], None]


def propose_reindex(services: Services, firing: Firing, say: Say) -> dict[str, Any]:
    """{"refresh": sources} or {"chunk_tokens": n}, with what was measured; {"nothing_better": why} if no change helps.

    Raises ConflictError where too few questions are there to choose by.
    """
    questions = DiagnosedQuestions(services.database).of(firing)
    manifest = current_champion(services).manifest
    documents = DocumentRepository(services.database)
    sources = stale_sources(firing, questions, documents.entries(manifest.collection.name))
    if sources:
        return {"refresh": sources, "questions": [each.subject for each in questions]}
    tokens = chunk_tokens_of(manifest.collection.spec)
    if tokens is None:
        raise InputError(
            f"The live index was split by {manifest.collection.splitter}, which has no size to search for.",
            hint="Make an index with other chunks by hand: ragloop index rebuild --chunk-tokens.",
        )
    search = ChunkSearch(
        documents,
        EmbeddingMemo(services.database),
        services.embedder_for(manifest.collection),
        manifest.collection.spec,
        tokens,
        manifest.retrieval,
    )
    return search.run(questions, say)


def stale_sources(firing: Firing, questions: Sequence[Diagnosed], entries: Mapping[str, ManifestEntry]) -> list[str]:
    """Sources to be read again: those the firing names, those that have moved on, and those of right documents that the
    live index holds nothing of. Sorted. Pure."""
    found = {str(source) for source in firing.evidence.get("sources") or ()}
    for each in questions:
        for uri in each.documents:
            entry = entries.get(document_id(uri))
            missing = entry is None or entry.state is not DocumentState.INDEXED
            if each.cause is Cause.STALE_SOURCE or (each.cause is Cause.NOT_INDEXED and missing):
                found.add(uri.partition("/")[0])
    return sorted(found)


def build_index(settings: Settings, proposal: Mapping[str, Any], firing_id: str, say: Say) -> str:
    """Build the index that the proposal describes, every chunk of it checked; returns its name.

    Started again after it was killed, it goes on where it was.
    """
    with open_rebuild(settings, index_changes(proposal, firing_id)) as rebuild:
        say(f"Building the index {rebuild.spec.name} beside the live one")
        rebuild.run(LineProgress(say))
        spec = rebuild.spec
    refresh_sources(settings, spec.name, proposal.get("refresh") or (), say)
    return spec.name


def index_changes(proposal: Mapping[str, Any], firing_id: str) -> Changes:
    """What is to be otherwise in the new index. One with fresh sources has a name of its own, since nothing else sets
    it apart from the live one."""
    base = f"documents-{firing_id[:8]}" if proposal.get("refresh") else None
    return Changes(chunk_tokens=proposal.get("chunk_tokens"), base=base)


def refresh_sources(settings: Settings, collection: str, sources: Sequence[str], say: Say) -> None:
    """Bring the collection, which is not the live one, up to date with these sources.

    Raises InputError for a source that is no folder here, ConflictError for the live collection.
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


def _source(pipeline: Pipeline, name: str) -> FolderSource:
    """The source as it was read last."""
    documents = pipeline.stores.documents
    root = documents.source_root(name)
    if root is None or not Path(root).is_dir():
        raise InputError(
            f"The source {name} is not a folder that can be read here: {root or 'it is not known'}.",
            hint="Ingest it where it can be read.",
        )
    return folder_source(pipeline, Path(root), name, _access(name, documents.entries(pipeline.spec.name, name)))


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
