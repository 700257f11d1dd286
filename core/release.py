"""The release: one immutable manifest of everything that shapes an answer, named by its own hash."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from core.frozen import Frozen
from core.types import CollectionSpec, digest


class CollectionRef(Frozen):
    """The index collection a release reads, with what it was built with."""

    name: str
    embedder: str
    embedder_fingerprint: str
    dimensions: int
    splitter: str
    splitter_fingerprint: str
    language: str
    schema_version: int
    base: str

    @classmethod
    def of(cls, spec: CollectionSpec) -> CollectionRef:
        return cls(name=spec.name, **spec.as_dict())

    @property
    def spec(self) -> CollectionSpec:
        return CollectionSpec(**self.model_dump(exclude={"name"}))


class RetrievalParameters(Frozen):
    """How passages are found. `dense_weight` is the dense leg's share in fusion, BM25 having the rest;
    `language_weights` has the shares for questions in languages that the embedder knows less well, or better.

    `collapse` leaves near-duplicates out, `per_document` is the most chunks of one document (0: as many as there are),
    and `neighbours` how many chunks of its section the best passage brings along in place of the last ones. `freshness`
    is the share of its score that a passage loses as its document ages (0: age does not count). What is off is left
    out of the canonical form: releases made before these could be keep their ids.

    `question_map` is the SHA-256 of a file of what votes taught about questions (retrieval.question_map).
    """

    fusion: Literal["min_max"] = "min_max"
    dense_weight: float = Field(0.5, ge=0, le=1)
    depth: int = Field(100, ge=1, le=1000)
    top_k: int = Field(8, ge=1, le=100)
    collapse: bool = False
    per_document: int = Field(0, ge=0, le=100)
    neighbours: int = Field(0, ge=0, le=10)
    freshness: float = Field(0.0, ge=0, le=1)
    language_weights: Mapping[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)
    question_map: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")

    def weight_for(self, language: str) -> float:
        """The dense leg's share for a question in this language."""
        return self.language_weights.get(language, self.dense_weight)


_OFF_IS_UNSAID = ("collapse", "per_document", "neighbours", "freshness", "language_weights", "question_map")


class ReadingParameters(Frozen):
    """How passages are read for an answer. A manifest that says nothing of it was made when every release read so.

    The sentences of the best `passages` passages are weighed, each with `prior` times its passage's fused score. With
    `whole` a section, list or row that answers is quoted as one; with `named` what a question names must stand in the
    passages.
    """

    passages: int = Field(5, ge=1, le=100)
    prior: float = Field(0.0, ge=0, le=1)
    whole: bool = False
    named: bool = False


class PromptRef(Frozen):
    """One version of one prompt template, and the SHA-256 of its file."""

    version: int
    sha256: str


class GeneratorSpec(Frozen):
    """Which generator answers, and with what.

    For kind llm, `base_model` is the name under which the model server offers it, and `adapter_digest` the SHA-256
    (hex) of a LoRA adapter's files. `sampling` may hold temperature, top_p, top_k, seed, max_tokens and their like.
    """

    kind: Literal["extractive", "llm"] = "extractive"
    base_model: str | None = None
    adapter_digest: str | None = None
    sampling: Mapping[str, float] = Field(default_factory=dict)

    @property
    def served_model(self) -> str | None:
        """The name to ask the model server for. An adapter's has its digest, since a server that is given other
        weights under a name it knows may answer out of what it remembers of the old ones."""
        return f"{self.base_model}-{self.adapter_digest[:16]}" if self.adapter_digest else self.base_model


class AbstentionModel(Frozen):
    """A logistic model of "the passages hold the answer": below `threshold` the system says it does not know.

    The probability is sigmoid(bias + sum(weights[name] * feature[name])); `fitted_on` says what data the numbers
    come from. See serving/grounding/evidence.py for the features.
    """

    weights: Mapping[str, float]
    bias: float
    threshold: float = Field(ge=0, le=1)
    fitted_on: str


class Guards(Frozen):
    """What keeps an answer honest.

    `prompt_guard` withholds what a model recites of its instruction. A manifest that says nothing of it was made when
    every release had it.
    """

    abstention: AbstentionModel
    prompt_guard: bool = True


class ReleaseManifest(Frozen):
    """Everything that shapes an answer. `id` is its hash, so two equal manifests are one release."""

    schema_version: Literal[1] = 1
    prompts: Mapping[str, PromptRef]
    collection: CollectionRef
    retrieval: RetrievalParameters
    reading: ReadingParameters = ReadingParameters()
    generator: GeneratorSpec
    guards: Guards

    @property
    def id(self) -> str:
        """The SHA-256 (hex) of the canonical JSON, in which a prompt guard is only named where it is off, and reading
        only where it is not as it was before there was a choice: releases made before keep their ids."""
        content = self.model_dump(mode="json")
        if self.guards.prompt_guard:
            del content["guards"]["prompt_guard"]
        for name in _OFF_IS_UNSAID:
            if not content["retrieval"][name]:
                del content["retrieval"][name]
        if self.reading == ReadingParameters():
            del content["reading"]
        return digest(content)


class ManifestChange(Frozen):
    """One value in which two manifests differ: `path` like retrieval.dense_weight; None where a side has no such."""

    path: str
    baseline: Any
    candidate: Any


def differences(candidate: ReleaseManifest, baseline: ReleaseManifest) -> tuple[ManifestChange, ...]:
    """Every value in which the manifests differ, in order of its path."""
    ours, theirs = _flat(candidate.model_dump(mode="json")), _flat(baseline.model_dump(mode="json"))
    return tuple(
        ManifestChange(path=path, baseline=theirs.get(path), candidate=ours.get(path))
        for path in sorted({*ours, *theirs})
        if ours.get(path) != theirs.get(path)
    )


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, item in value.items():
        if isinstance(item, Mapping):
            found |= _flat(item, f"{prefix}{name}.")
        else:
            found[prefix + name] = item
    return found


class ReleaseStatus(StrEnum):
    """Where a release stands. The values are stored."""

    CANDIDATE = "candidate"
    CHAMPION = "champion"
    RETIRED = "retired"
    REJECTED = "rejected"


class ReleaseEventKind(StrEnum):
    """What happened to a release. The values are stored.

    Every change of a release's status is one of these: installed, promoted, overridden and restored make it champion,
    replaced and rolled_back retire it, created and reopened make it a candidate. `approved` changes no status: it
    stands until anything else happens to the release.
    """

    INSTALLED = "installed"
    CREATED = "created"
    REOPENED = "reopened"
    APPROVED = "approved"
    REJECTED = "rejected"
    PROMOTED = "promoted"
    OVERRIDDEN = "overridden"
    REPLACED = "replaced"
    ROLLED_BACK = "rolled_back"
    RESTORED = "restored"


class Release(Frozen):
    """A manifest on record. `name` is what its maker calls it, if anything."""

    id: str
    name: str = ""
    status: ReleaseStatus
    manifest: ReleaseManifest
    created_by: str
    created_at: datetime

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


class ReleaseEvent(Frozen):
    """One line of the audit trail. `evaluation_id` is the report that the decision was based on."""

    id: int
    release_id: str
    event: ReleaseEventKind
    actor: str
    reason: str
    evaluation_id: str | None
    at: datetime

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")
