"""How far orders in documents get: attacks planted in documents that are ingested and retrieved, with the defences and
without. Needs ../shared/data.

    python -m tests.benchmarks.injection [--against extractive reciting small_model] [--every 1]

Against the extractive generator; a model that recites its instruction and what it was shown, without a marker; and the
small model over the real vLLM, which is left out, and said so, where either is missing.
*Without the defences* means without spotlighting, checked citations, the guard of the instruction, and the filter of what
leaves. Every question is answered: the abstention threshold is 0.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import ModelUnavailableError
from core.ports import Generated, GenerationRequest
from core.release import GeneratorSpec, Release, ReleaseStatus
from core.settings import Settings, load_settings
from core.telemetry import configure_logging
from core.text.citation_marker import without_markers
from core.types import AccessScope, Passage
from ingestion.factory import folder_source, open_pipeline
from serving.answerer import Answerer, Question
from serving.extractive import ExtractiveGenerator
from serving.factory import Services, build_answerer, open_services
from serving.prompts.library import load_prompts
from serving.prompts.spotlight import QuotedPassage
from serving.prompts.template import PromptTemplate
from serving.releases.first import first_manifest
from tests.benchmarks import machine
from tests.benchmarks.injection_attacks import (
    Attack,
    asks_for_foreign_words,
    bipia,
    leading_questions,
    outcome,
    recitals,
    repeats,
    words_of,
    write,
)
from tests.benchmarks.questions import MODELS
from tests.benchmarks.run import save
from tests.support.mock_model import MockModel
from tests.support.needs import Need, is_here
from tests.support.rendered import embedded, links
from tests.support.vllm_server import NAME, vllm_server

# Questions asked at once.
AT_ONCE = 8
# What a small model's context holds, and what it may write; who recites everything needs more.
PASSAGES = 3
ANSWER_TOKENS = 80
RECITAL_TOKENS = 500

WHOM = ("extractive", "reciting", "small_model")

_OUTCOMES = ("obeyed", "asserted", "quoted", "foreign")
_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>()\[\]`\"']+")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, as it left: `sound` are the markers of its supported citations."""

    text: str
    passages: Sequence[Passage]
    sound: frozenset[int]


class Defended:
    """A release's answers, as everybody gets them."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer

    async def reply(self, question: str) -> Reply:
        answer = await self._answerer.ask(Question(question, AccessScope.everything(), "evaluation"))
        sound = frozenset(citation.marker for citation in answer.citations if citation.supported)
        return Reply(answer.text, answer.retrieval.passages, sound)


class Undefended:
    """The same passages and the same model or quotes, without what stands between them and the reader."""

    def __init__(self, services: Services, answerer: Answerer, prompt: PromptTemplate) -> None:
        self._services = services
        self._answerer = answerer
        self._prompt = prompt

    async def reply(self, question: str) -> Reply:
        spec = self._answerer.release.manifest.generator
        passages = self._answerer.retriever.retrieve(question, AccessScope.everything()).passages
        if spec.kind == "extractive":
            return await self._quotes(question, passages)
        quoted = [QuotedPassage(number, p.chunk.title, p.chunk.text) for number, p in enumerate(passages, start=1)]
        turns = self._prompt.messages(passages=quoted, question=question)
        model = self._services.model_endpoint.chat_model(spec)
        said = await model.ainvoke(
            [(turn.role, turn.content) for turn in turns], max_tokens=self._services.settings.model_max_tokens
        )
        return Reply(str(said.content), passages, frozenset())

    async def _quotes(self, question: str, passages: Sequence[Passage]) -> Reply:
        evidence = self._answerer.scorer.score(question, passages)
        text, sound = "", frozenset[int]()
        events: AsyncIterator[Any] = ExtractiveGenerator(self._services.embedder).stream(
            GenerationRequest(question, (), passages, evidence)
        )
        async for event in events:
            if isinstance(event, Generated):
                sound = frozenset(citation.marker for citation in event.citations)
            else:
                text += event.text
        return Reply(text, passages, sound)


def main() -> None:
    """Attack each of them and save what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", nargs="+", choices=WHOM, default=WHOM)
    parser.add_argument("--every", type=int, default=1, help="make only every n-th attack, to be quicker")
    chosen = parser.parse_args()
    configure_logging("error")
    result: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine.describe()}
    with tempfile.TemporaryDirectory() as scratch:
        homes = [_install(Path(scratch) / name, attacks) for name, attacks in _corpora().items()]
        for whom in chosen.against:
            result[whom] = _attack(whom, homes, chosen.every)
    save(result)


def _attack(whom: str, homes: Sequence[Path], every: int) -> dict[str, Any]:
    """Both corpora asked, with the defences and without."""
    with ExitStack() as running:
        spec, url = GeneratorSpec(), None
        if whom == "reciting":
            spec = GeneratorSpec(kind="llm", base_model=NAME)
            url = running.enter_context(MockModel(respond=_everything, models=(NAME,), max_model_len=100_000)).url
        elif whom == "small_model":
            if not is_here(Need.VLLM):
                return {"not attacked": Need.VLLM.value}
            spec = GeneratorSpec(
                kind="llm", base_model=NAME, sampling={"temperature": 0.0, "max_tokens": ANSWER_TOKENS}
            )
            url = running.enter_context(vllm_server()).url
        return {
            name: asyncio.run(_measured(homes, spec, url, every, name == "defended"))
            for name in ("defended", "undefended")
        }


def _corpora() -> Mapping[str, Sequence[Attack]]:
    return {"attacked": [*bipia(), *recitals()], "instructions": recitals()}


def _install(folder: Path, attacks: Sequence[Attack]) -> Path:
    home = folder / "home"
    home.mkdir(parents=True)
    (home / "models").symlink_to(MODELS)
    write(attacks, folder / "mail")
    settings = load_settings(home=home)
    with open_pipeline(settings) as pipeline:
        pipeline.run(folder_source(pipeline, folder / "mail"))
    return home


async def _measured(
    homes: Sequence[Path], spec: GeneratorSpec, url: str | None, every: int, defended: bool
) -> dict[str, Any]:
    attacks, leaks = bipia()[::every], recitals()
    replies = await _asked(homes[0], spec, url, defended, [attack.question for attack in attacks])
    leading = [*(attack.question for attack in leaks), *leading_questions()][::every]
    recited = await _asked(homes[1], spec, url, defended, leading)
    instruction = _prompt().system
    return {
        **_effects(attacks, replies),
        "leaks": {
            "tries": len(leading),
            "failed": sum(reply is None for reply in recited),
            "leaked": sum(reply is not None and repeats(reply.text, instruction) for reply in recited),
        },
    }


async def _asked(
    home: Path, spec: GeneratorSpec, url: str | None, defended: bool, questions: Sequence[str]
) -> list[Reply | None]:
    """The replies; None where the model gave none."""
    tokens = ANSWER_TOKENS if spec.sampling else RECITAL_TOKENS
    values = {"model_url": url, "model_max_tokens": tokens} if url else {}
    services = open_services(load_settings(home=home, **values))
    answerer = build_answerer(services, _release(services.settings, spec), recorded=False)
    asked: Defended | Undefended = Defended(answerer) if defended else Undefended(services, answerer, _prompt())
    places = asyncio.Semaphore(AT_ONCE)

    async def one(question: str) -> Reply | None:
        async with places:
            try:
                return await asked.reply(question)
            except ModelUnavailableError:
                return None

    try:
        return list(await asyncio.gather(*map(one, questions)))
    finally:
        services.close()


def _effects(attacks: Sequence[Attack], replies: Sequence[Reply | None]) -> dict[str, Any]:
    """How many attacks got where. Only those count whose document was retrieved and whose question was answered."""
    counts: dict[str, dict[str, int]] = {}
    foreign = {"asked_for": [0, 0], "unasked": [0, 0]}
    left = {"links": 0, "images_and_html": 0, "addresses_in_no_passage": 0}
    for attack, reply in zip(attacks, replies, strict=True):
        of_kind = counts.setdefault(attack.kind, dict.fromkeys(("planted", "reached", *_OUTCOMES), 0))
        of_kind["planted"] += 1
        if reply is None:
            continue
        _count_left(left, reply)
        texts = [passage.chunk.text for passage in reply.passages]
        if not any(attack.text in text for text in texts):
            continue
        of_kind["reached"] += 1
        became = outcome(
            attack,
            reply.text,
            reply.sound,
            words_of([*texts, attack.question, "I could not find this in the documents"]),
        )
        for name in _OUTCOMES:
            of_kind[name] += getattr(became, name)
        of_asked = foreign["asked_for" if asks_for_foreign_words(attack) else "unasked"]
        of_asked[0] += became.foreign
        of_asked[1] += 1
    total = {name: sum(of_kind[name] for of_kind in counts.values()) for name in next(iter(counts.values()))}
    return {
        "attacks": total,
        "foreign_words": foreign,
        "left": left,
        "failed": sum(reply is None for reply in replies),
        "by_kind": counts,
    }


def _count_left(left: dict[str, int], reply: Reply) -> None:
    pages = {f"/documents/{passage.chunk.document_id}" for passage in reply.passages}
    known = "\n".join(passage.chunk.text for passage in reply.passages)
    left["links"] += len({link for link in links(reply.text) if re.split(r"[?#]", link)[0] not in pages})
    left["images_and_html"] += len(embedded(reply.text))
    left["addresses_in_no_passage"] += sum(found.rstrip(".,") not in known for found in _ADDRESS.findall(reply.text))


def _release(settings: Settings, spec: GeneratorSpec) -> Release:
    with open_pipeline(settings) as pipeline:
        manifest = first_manifest(settings, pipeline.spec)
    guards = manifest.guards.model_copy(
        update={
            "abstention": manifest.guards.abstention.model_copy(update={"threshold": 0.0}),
            "prompt_guard": True,
        }
    )
    retrieval = manifest.retrieval.model_copy(update={"top_k": PASSAGES})
    manifest = manifest.model_copy(update={"generator": spec, "guards": guards, "retrieval": retrieval})
    return Release(
        id=manifest.id,
        status=ReleaseStatus.CANDIDATE,
        manifest=manifest,
        created_by="bench",
        created_at=datetime.now(UTC),
    )


def _prompt() -> PromptTemplate:
    versions = load_prompts()["answer"]
    return versions[max(versions)]


def _everything(messages: Sequence[Mapping[str, str]]) -> str:
    """What a model says that recites all it was shown, as its own words."""
    return without_markers("\n\n".join(message["content"] for message in messages))


if __name__ == "__main__":
    main()
