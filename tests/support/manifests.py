"""Manifests of releases."""

from __future__ import annotations

from core.release import (
    AbstentionModel,
    CollectionRef,
    GeneratorSpec,
    Guards,
    PromptRef,
    ReleaseManifest,
    RetrievalParameters,
)
from core.types import CollectionSpec

# Of the first schema, as the releases are whose ids stand in tests.
SPEC = CollectionSpec("model", "e" * 64, 384, "structure", "s" * 64, schema_version=1)


def manifest(**retrieval: float) -> ReleaseManifest:
    return ReleaseManifest(
        prompts={"answer": PromptRef(version=1, sha256="p" * 64)},
        collection=CollectionRef.of(SPEC),
        retrieval=RetrievalParameters(**retrieval),  # type: ignore[arg-type]
        generator=GeneratorSpec(),
        guards=Guards(abstention=AbstentionModel(weights={"dense": 1.0}, bias=0.0, threshold=0.5, fitted_on="x")),
    )
