"""The remedy for answers that stand in the documents and not, or not whole, in the index: a new index beside the live
one, with fresh sources or with other chunks.

Fresh sources come first: where documents are out of date or missing, no way of cutting them helps. A firing that names
sources is about these alone: complaints have triggers of their own, which weigh them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, TypeAdapter, model_validator

from core.errors import InputError
from core.frozen import Frozen
from core.loop.diagnosis import Cause
from core.loop.feedback import Firing, NothingBetter, RemedyProposal
from loop.remedies.figures import ChunkFigures
from loop.remedies.port import Built, Remedy, Say

if TYPE_CHECKING:
    from core.storage.database import Database
    from ingestion.rebuild.factory import Changes
    from loop.remedies.chunk_search import ChunkSearch
    from serving.factory import Services

_NOTHING_NEWER = (
    "The live index holds everything that can be read of {}. `ragloop ingest` puts on record that somebody looked."
)


class ReindexFigures(Frozen):
    """How many documents of each source are new, changed or gone; what the search for a chunk size came to."""

    changed: Mapping[str, int] = Field(default_factory=dict)
    search: ChunkFigures | None = None


class ReindexProposal(RemedyProposal):
    """An index with chunks of so many tokens, or one with these sources read again, for these `questions`."""

    kind: Literal["reindex"] = "reindex"
    chunk_tokens: int | None = None
    refresh: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    figures: ReindexFigures = ReindexFigures()

    @model_validator(mode="after")
    def _one_of_both(self) -> ReindexProposal:
        if (self.chunk_tokens is None) is not bool(self.refresh):
            raise ValueError("it needs either chunk_tokens or sources to refresh")
        return self

    def changes(self, firing_id: str) -> Changes:
        """What is to be otherwise in the new index. One with fresh sources has a name of its own, since nothing else
        sets it apart from the live one."""
        from ingestion.rebuild.factory import Changes

        return Changes(chunk_tokens=self.chunk_tokens, base=f"documents-{firing_id[:8]}" if self.refresh else None)


NothingNewer = NothingBetter[ReindexFigures]
_FORMS: TypeAdapter[ReindexProposal | NothingNewer] = TypeAdapter(
    Annotated[ReindexProposal | NothingNewer, Field(discriminator="kind")]
)


def _first_form(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """A proposal from before proposals had a version."""
    figures: dict[str, Any] = {"changed": stored.get("changes") or {}}
    if "sizes" in stored:
        same = ("sizes", "held_out", "chose_on", "held_out_on", "documents", "documents_beside")
        figures["search"] = {"live_tokens": stored["from"], **{name: stored[name] for name in same}}
    if "nothing_better" in stored:
        return {"kind": "nothing_better", "why": stored["nothing_better"], "figures": figures}
    wanted = {name: stored[name] for name in ("chunk_tokens", "refresh", "questions") if name in stored}
    return {"kind": "reindex", **wanted, "figures": figures}


class Reindex(Remedy[ReindexProposal]):
    """Builds another index."""

    name = "reindex"
    causes = frozenset({Cause.NOT_INDEXED, Cause.RETRIEVAL_MISS, Cause.STALE_SOURCE})
    upcasts = (_first_form,)
    has_dag = True

    def propose(self, services: Services, firing: Firing, say: Say) -> ReindexProposal | NothingNewer:
        """Raises ConflictError where too few questions are there to choose by."""
        from core.storage.documents import DocumentRepository
        from loop.remedies.diagnosed import DiagnosedQuestions
        from loop.remedies.refresh import changes_in, stale_sources
        from serving.releases.champion import current_champion

        questions = DiagnosedQuestions(services.database).of(firing, self.causes)
        collection = current_champion(services).manifest.collection
        sources = stale_sources(firing, questions, DocumentRepository(services.database).entries(collection.name))
        changed = changes_in(services.settings, sources)
        if any(changed.values()):
            moved = tuple(name for name, count in changed.items() if count)
            subjects = tuple(str(each.subject) for each in questions)
            return ReindexProposal(refresh=moved, questions=subjects, figures=ReindexFigures(changed=changed))
        if sources and (firing.evidence.sources or not any(each.places for each in questions)):
            why = _NOTHING_NEWER.format(", ".join(sources))
            return NothingNewer(why=why, figures=ReindexFigures(changed=changed))
        choice = _chunk_search(services).run(questions, say)
        figures = ReindexFigures(search=choice.figures)
        if choice.chunk_tokens is None:
            return NothingNewer(why=choice.why_not, figures=figures)
        return ReindexProposal(chunk_tokens=choice.chunk_tokens, figures=figures)

    def in_words(self, proposal: ReindexProposal) -> str:
        if proposal.refresh:
            return f"An index of its own in which {', '.join(proposal.refresh)} is read again."
        return f"An index with chunks of {proposal.chunk_tokens} tokens at most."

    def carry_out(self, services: Services, firing: Firing, proposal: ReindexProposal, say: Say) -> Built:
        """Every chunk of the new index is checked. Started again after it was killed, it goes on where it was."""
        from core.progress import LineProgress
        from ingestion.rebuild.factory import open_rebuild
        from loop.remedies.refresh import refresh_sources

        with open_rebuild(services.settings, proposal.changes(firing.id)) as rebuild:
            say(f"Building the index {rebuild.spec.name} beside the live one")
            rebuild.run(LineProgress(say))
            name = rebuild.spec.name
        refresh_sources(services.settings, name, proposal.refresh, say)
        return Built({"collection": name}, proposal)

    def order(self, database: Database, firing: Firing, proposal: ReindexProposal) -> Mapping[str, Any]:
        changes = proposal.changes(firing.id)
        return {"chunk_tokens": changes.chunk_tokens, "base": changes.base, "refresh": list(proposal.refresh)}

    def ended(self, services: Services, proposal: ReindexProposal, made: Mapping[str, Any]) -> Built:
        """`made` is the changes that the new collection makes."""
        return Built(made["changes"], proposal)

    def read(self, form: Any) -> ReindexProposal | NothingNewer:
        return _FORMS.validate_python(form)


REMEDY = Reindex()


def _chunk_search(services: Services) -> ChunkSearch:
    from core.storage.documents import DocumentRepository, EmbeddingMemo
    from ingestion.factory import chunk_tokens_of
    from loop.remedies.chunk_search import ChunkSearch
    from serving.releases.champion import current_champion

    manifest = current_champion(services).manifest
    tokens = chunk_tokens_of(manifest.collection.spec)
    if tokens is None:
        raise InputError(
            f"The live index was split by {manifest.collection.splitter}, which has no size to search for.",
            hint="Make an index with other chunks by hand: ragloop index rebuild --chunk-tokens.",
        )
    return ChunkSearch(
        DocumentRepository(services.database),
        EmbeddingMemo(services.database),
        services.embedder_for(manifest.collection),
        manifest.collection.spec,
        tokens,
        manifest.retrieval,
        services.question_map(manifest),
    )
