"""Whether a release can really be served: everything it names opens, and it answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from core.errors import CollectionMismatchError, ConflictError
from core.release import Release
from core.types import AccessScope, Answer
from serving.adapters.servers import ModelServers
from serving.answerer import Answerer, Question
from serving.factory import Services, build_answerer
from serving.llm.client import check_sampling

PROBES = 3
# Headings are looked for among this many chunks, which chunk ids spread over the whole collection.
_SAMPLE = 50
_MISTAKE = "That is a mistake in RAGLoop; please report it with the output of `ragloop release show`."


@dataclass(frozen=True, slots=True)
class Verification:
    """What was tried before a release was taken for servable: `probes` are the questions that it answered."""

    release_id: str
    collection: str
    revision: int
    probes: tuple[str, ...]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "probes": list(self.probes)}


def open_release(services: Services, release: Release, *, recorded: bool = True) -> Answerer:
    """The release's Answerer, with its collection open and checked; unless `recorded`, its answers leave no record.

    Raises CollectionMismatchError, NotFoundError or ConflictError that says what this process cannot open, and
    IndexUnavailableError when the index is down. The model server is not asked: where it is down, answers are quoted
    from the documents until it is back.
    """
    manifest = release.manifest
    _require_served(services, release)
    found = services.index.spec(manifest.collection.name)
    if found != manifest.collection.spec:
        raise CollectionMismatchError(
            f"Collection {manifest.collection.name} is not what release {release.id[:12]} was made for: it was built "
            f"with {found.embedder} and {found.splitter}.",
            hint="Restore the collection from a backup, or create a release over another collection.",
        )
    answerer = build_answerer(services, release, recorded=recorded)
    answerer.retriever.verify()
    return answerer


def verify_release(services: Services, release: Release) -> Verification:
    """Open the release and let it answer a few questions: headings and titles of what it has indexed.

    A model that it answers with is made ready on every server first. The answers leave no record: nobody asked. Not to
    be called from a running event loop. Raises what `open_release` does, AdapterError or ModelUnavailableError when the
    model is not to be had, and ConflictError when an answer is wrong.
    """
    started = time.perf_counter()
    answerer = open_release(services, release, recorded=False)
    if release.manifest.generator.kind == "llm":
        asyncio.run(_servers(services).ensure_everywhere(release.manifest.generator))
    collection = release.manifest.collection.name
    questions = tuple(islice(_headings(services, collection), PROBES))
    if not questions:
        raise ConflictError(
            f"Collection {collection} is empty, so the release could answer nothing.",
            hint="Fill it with `ragloop ingest FOLDER` or `ragloop index rebuild`.",
        )
    answers = []
    for question in questions:
        answer = asyncio.run(answerer.ask(Question(question, AccessScope.everything(), origin="probe")))
        _check(services, release, question, answer)
        answers.append(answer)
    _require_citations(release, answers)
    seconds = round(time.perf_counter() - started, 3)
    return Verification(release.id, collection, services.index.revision(collection), questions, seconds)


def _require_served(services: Services, release: Release) -> None:
    generator = release.manifest.generator
    if generator.kind == "llm":
        _servers(services)
        check_sampling(generator.sampling)
        if not generator.base_model:
            raise ConflictError(
                "generator.kind=llm needs a base model.",
                hint="Set generator.base_model to the name under which the model server offers it, such as base.",
            )
    elif generator.base_model or generator.adapter_digest or generator.sampling:
        raise ConflictError(
            "The extractive generator quotes the documents: it has no base model, no adapter and no sampling.",
            hint="Leave generator.base_model, generator.adapter_digest and generator.sampling out.",
        )


def _servers(services: Services) -> ModelServers:
    if services.model_servers is None:
        raise ConflictError(
            "generator.kind=llm needs a model server, and none is set up.",
            hint="Set RAGLOOP_MODEL_URL to its base URL; `make vllm` starts one and prints it.",
        )
    return services.model_servers


def _headings(services: Services, collection: str) -> Iterator[str]:
    """Different headings, or titles where there is no heading, of chunks from here and there in the collection."""
    seen: set[str] = set()
    for stored, _ in islice(services.index.scroll(collection), _SAMPLE):
        chunk = stored.chunk
        text = (chunk.heading_path[-1] if chunk.heading_path else chunk.title).strip()
        if text and text not in seen:
            seen.add(text)
            yield text


def _check(services: Services, release: Release, question: str, answer: Answer) -> None:
    collection = release.manifest.collection.name
    if answer.release != release.id or answer.retrieval.collection != collection:
        raise ConflictError(
            f"Asked {question!r}, release {release.id[:12]} answered as another release.", hint=_MISTAKE
        )
    found = [passage.chunk.id for passage in answer.retrieval.passages]
    if not found:
        raise ConflictError(
            f"Asked {question!r}, a heading of its own documents, release {release.id[:12]} found nothing.",
            hint="Check retrieval.depth and retrieval.top_k, and the collection with `ragloop doctor`.",
        )
    stored = services.index.fetch(collection, found, AccessScope.everything())
    # A document that changed since may have lost chunks; what was found before is then not there to be compared.
    if len(stored) < len(found) and services.index.revision(collection) == answer.retrieval.revision:
        raise ConflictError(
            f"Asked {question!r}, release {release.id[:12]} found passages outside {collection}.", hint=_MISTAKE
        )


def _require_citations(release: Release, answers: Sequence[Answer]) -> None:
    """Raises ConflictError for a model that never cites: it does not do what its prompt says."""
    answered = [answer for answer in answers if not answer.abstained]
    if answered and not any(answer.citations for answer in answered):
        raise ConflictError(
            f"Asked {len(answered)} headings of its own documents, release {release.id[:12]} cited nothing.",
            hint="Check generator.base_model, generator.adapter_digest and prompt.answer: the model is to cite.",
        )
