"""What a release is made from, and the first one of an installation."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from core.errors import UnavailableError
from core.release import (
    AbstentionModel,
    CollectionRef,
    GeneratorSpec,
    Guards,
    PromptRef,
    ReadingParameters,
    Release,
    ReleaseManifest,
    RetrievalParameters,
)
from core.settings import Settings
from core.storage.documents import RunRepository
from core.storage.releases import ReleaseRepository
from core.types import CollectionSpec
from serving.prompts.library import load_prompts, newest

# Fitted by `python -m tools.fits.abstention`; the file says on what.
ABSTENTION = Path(__file__).parent / "abstention.json"

# How a first release reads: docs/explanation/citations.md has what each of it was worth.
READING = ReadingParameters(passages=8, prior=0.3, whole=True, named=True)


def first_manifest(
    settings: Settings, spec: CollectionSpec, language_weights: Mapping[str, float] | None = None
) -> ReleaseManifest:
    """The manifest of this installation's defaults over the collection that `spec` describes."""
    return ReleaseManifest(
        prompts=newest_prompts(),
        collection=CollectionRef.of(spec),
        retrieval=RetrievalParameters(
            dense_weight=settings.dense_weight,
            depth=settings.retrieval_depth,
            top_k=settings.top_k,
            language_weights=language_weights or {},
        ),
        reading=READING,
        generator=GeneratorSpec(),
        guards=Guards(abstention=default_abstention(), prompt_guard=False),
    )


def newest_prompts() -> Mapping[str, PromptRef]:
    """The newest version of every prompt that comes with RAGLoop: an installation's own are only used by name."""
    return {name: prompt.ref for name, prompt in newest(load_prompts()).items()}


def default_abstention() -> AbstentionModel:
    """The abstention model that ships with RAGLoop."""
    return AbstentionModel.model_validate(json.loads(ABSTENTION.read_text(encoding="utf-8")))


def champion_or_first(
    settings: Settings,
    releases: ReleaseRepository,
    runs: RunRepository,
    specs: Mapping[str, CollectionSpec],
    weights: Callable[[CollectionSpec], Mapping[str, float]],
) -> Release:
    """The release that answers now. Where there is none yet, the defaults over the latest ingestion's collection
    become the first; raises UnavailableError when nothing was ingested. `specs` are the collections there are, by name;
    `weights` fits the shares of a collection's languages.
    """
    champion = releases.champion()
    if champion is not None:
        return champion
    for run in runs.latest(limit=50):
        spec = specs.get(run.collection)
        if run.state == "finished" and spec is not None:
            manifest = first_manifest(settings, spec, weights(spec))
            return releases.install_first(manifest, actor="ragloop", reason="first ingestion")
    raise UnavailableError("No documents have been ingested yet.", hint="Run `ragloop ingest FOLDER` first.")
