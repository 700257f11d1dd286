"""The remedy for answers that stand in the documents and not, or not whole, in the index: a new index beside the live
one, with fresh sources or with other chunks.

Fresh sources come first: where documents are out of date or missing, no way of cutting them helps. A firing that names
sources is about these alone: complaints have triggers of their own, which weigh them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core.errors import InputError
from core.feedback import Firing
from core.progress import LineProgress
from core.settings import Settings
from core.storage.documents import DocumentRepository, EmbeddingMemo
from ingestion.factory import chunk_tokens_of
from ingestion.rebuild.factory import Changes, open_rebuild
from loop.remedies.chunk_search import ChunkSearch
from loop.remedies.diagnosed import DiagnosedQuestions
from loop.remedies.refresh import changes_in, refresh_sources, stale_sources
from serving.factory import Services
from serving.releases.champion import current_champion

_NOTHING_NEWER = (
    "The live index holds everything that can be read of {}. `ragloop ingest` puts on record that somebody looked."
)

Say = Callable[[str], None]


def propose_reindex(services: Services, firing: Firing, say: Say) -> dict[str, Any]:
    """{"refresh": sources} or {"chunk_tokens": n}, with what was measured; {"nothing_better": why} if no change helps.

    Raises ConflictError where too few questions are there to choose by.
    """
    questions = DiagnosedQuestions(services.database).of(firing)
    manifest = current_champion(services).manifest
    documents = DocumentRepository(services.database)
    sources = stale_sources(firing, questions, documents.entries(manifest.collection.name))
    changes = changes_in(services.settings, sources)
    if any(changes.values()):
        moved = [name for name, count in changes.items() if count]
        return {"refresh": moved, "changes": changes, "questions": [str(each.subject) for each in questions]}
    if sources and (firing.evidence.get("sources") or not any(each.places for each in questions)):
        return {"nothing_better": _NOTHING_NEWER.format(", ".join(sources)), "changes": changes}
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
