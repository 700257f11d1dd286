"""Installations in which answers are bad for known causes: what tests/benchmarks/planted_causes.py diagnoses.

Each cause is planted where it arises: documents are removed, a converter and a splitter are broken, a source is kept
from people or changes after it was ingested, retrieval is detuned or its query cut short, a model answers wrong, and
people vote down what is right. A planting is drawn only if it took effect, which is checked without the diagnosis.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import math
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import ConversionError, FailureKind
from core.loop.diagnosis import Cause
from core.loop.enums import FeedbackReason, Vote
from core.loop.feedback import Feedback
from core.ports import Splitter
from core.release import GeneratorSpec, Release, ReleaseManifest
from core.storage.releases import Decision, ReleaseRepository
from core.types import AccessScope, Answer, Chunk, Document, SourceItem, Turn
from ingestion.converters.content import RawFile
from ingestion.converters.mail.attached import Opened
from ingestion.converters.registry import FileConverter
from ingestion.factory import folder_source, open_pipeline
from ingestion.pipeline import Pipeline
from loop.feedback.votes import Author, FeedbackOrder, FeedbackService
from serving.answerer import Answerer, Question
from serving.factory import Services, build_answerer
from serving.follow_up import StandaloneQuery
from serving.refusal import NOT_FOUND
from serving.releases.champion import Champion
from tests.benchmarks.reworded import Fact, documents_with, facts, plain
from tests.support.mock_model import Messages

SOURCE, HIDDEN = "documents", "restricted"
PEOPLE = AccessScope.of("public")
# Documents that are broken for each planting that is wanted: not all of them take effect.
SPARE = 1.25
_SHINGLE = 6
_NUMBER = re.compile(r"\d+")
_QUOTED = re.compile(r"([^\n]*?\S) \[(\d{1,4})\]")
_NONSENSE = ("asdf qwertz yxcv", "hello?", "???", "test", "lkjh mnbv poiu", "thanks!", "xyzzy plugh frotz", "ok")


@dataclass(frozen=True, slots=True)
class Planted:
    """A vote on an answer that is bad for this cause; `kind` says how the cause was planted."""

    cause: Cause
    kind: str
    feedback: Feedback


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to plant a cause, and its share among the cause's plantings."""

    cause: Cause
    name: str
    share: float


KINDS = (
    Kind(Cause.CORPUS_GAP, "document removed", 1.0),
    Kind(Cause.NOT_INDEXED, "conversion fails", 0.25),
    Kind(Cause.NOT_INDEXED, "conversion drops text", 0.25),
    Kind(Cause.NOT_INDEXED, "access withheld", 0.25),
    Kind(Cause.NOT_INDEXED, "chunk cut", 0.25),
    Kind(Cause.STALE_SOURCE, "source aged", 1.0),
    Kind(Cause.RETRIEVAL_MISS, "query cut short", 1.0),
    Kind(Cause.RANKING_MISS, "dense only", 0.5),
    Kind(Cause.RANKING_MISS, "words only", 0.5),
    Kind(Cause.GENERATION_FAULT, "wrong sentence", 1.0),
    Kind(Cause.WRONG_VOTE, "right answer", 0.5),
    Kind(Cause.WRONG_VOTE, "no question", 0.25),
    Kind(Cause.WRONG_VOTE, "wrong correction", 0.25),
)
_IN_DOCUMENTS = ("document removed", "conversion fails", "conversion drops text", "access withheld", "chunk cut",
                 "source aged")  # fmt: skip


# ---------------------------------------------------------------- what is broken


@dataclass
class BrokenConverter(FileConverter):
    """Fails on some documents, and leaves a sentence out of others."""

    failing: frozenset[str] = frozenset()
    dropped: Mapping[str, str] = field(default_factory=dict)

    def opened(self, file: RawFile, item: SourceItem) -> Opened:
        if item.uri in self.failing:
            raise ConversionError(FailureKind.MALFORMED, "The file cannot be parsed.")
        opened = super().opened(file, item)
        sentence = self.dropped.get(item.uri)
        if not sentence:
            return opened
        text = opened.document.text.replace(sentence, "")
        return dataclasses.replace(opened, document=dataclasses.replace(opened.document, text=text))


@dataclass
class CuttingSplitter:
    """Cuts the chunk that holds a document's sentence in the middle of that sentence."""

    inner: Splitter
    sentences: Mapping[str, str]
    name: str = field(init=False)
    fingerprint: str = field(init=False)
    longest_chunk: int = field(init=False)

    def __post_init__(self) -> None:
        self.name, self.fingerprint = self.inner.name, self.inner.fingerprint
        self.longest_chunk = self.inner.longest_chunk

    def split(self, document: Document) -> Sequence[Chunk]:
        chunks = list(self.inner.split(document))
        sentence = self.sentences.get(document.uri)
        if sentence is None:
            return chunks
        cut = document.text.index(sentence) + len(sentence) // 2
        pieces = [piece for chunk in chunks for piece in _cut(chunk, cut)]
        return [dataclasses.replace(chunk, ordinal=ordinal) for ordinal, chunk in enumerate(pieces)]


def _cut(chunk: Chunk, at: int) -> list[Chunk]:
    if not chunk.start < at < chunk.end:
        return [chunk]
    before = dataclasses.replace(chunk, end=at, text=chunk.text[: at - chunk.start])
    return [before, dataclasses.replace(chunk, start=at, text=chunk.text[at - chunk.start :])]


class ShortQuery:
    """Searches for the first words of the question only."""

    async def standalone(self, question: str, _history: Sequence[Turn]) -> StandaloneQuery:
        return StandaloneQuery(" ".join(question.split()[:2]))


def wrong_reply(messages: Messages) -> str:
    """What a broken model says: the quoted sentence that shares the fewest words with the question, a phrase out of
    nowhere, or that the documents do not say."""
    prompt = messages[-1]["content"]
    asked = prompt.rsplit("Question: ", 1)[-1]
    words = set(asked.lower().split())
    manner = sum(map(ord, asked)) % 4
    if manner == 0:
        return "That depends on the situation, so it is best to ask whoever is responsible."
    if manner == 1:
        return NOT_FOUND
    quoted = [(len(words & set(found[1].lower().split())), found[0]) for found in _QUOTED.finditer(prompt)]
    long = [pair for pair in quoted if len(pair[1].split()) > 6] or quoted
    return min(long)[1] if long else NOT_FOUND


# ---------------------------------------------------------------- the installation


class Planting:
    """One installation over a part of a corpus, with plantings of every cause. `folder` is where its documents lie."""

    def __init__(self, corpus: Mapping[str, str], folder: Path, seed: int, each: int) -> None:
        """`corpus` is the texts by path, `each` how many plantings of every cause are wanted."""
        self._corpus = dict(corpus)
        self._folder = folder
        self._dice = random.Random(seed)
        self._each = each
        self._votes = 0
        self._facts = self._unique_facts()
        self._broken: dict[str, dict[str, Fact]] = {}
        self._older: dict[str, str] = {}
        self._choose()

    # -- before the documents are ingested

    def _unique_facts(self) -> dict[str, list[Fact]]:
        """Facts by path; none of them is said in the same words elsewhere."""
        seen = documents_with(list(self._corpus.values()))
        shingles: Counter[str] = Counter()
        for text in self._corpus.values():
            shingles.update(_shingles(plain(text)))
        found = {}
        for path, text in sorted(self._corpus.items()):
            own = facts(f"{SOURCE}/{path}", Path(path).stem, text, seen, self._dice)
            unique = [one for one in own if all(shingles[each] == 1 for each in _shingles(plain(one.sentence)))]
            unique = [one for one in unique if text.count(one.sentence) == 1]
            if unique:
                found[path] = unique
        return found

    def _choose(self) -> None:
        """One document for each planting that is made in documents; what is left stays sound."""
        paths = sorted(self._facts)
        self._dice.shuffle(paths)
        for kind in KINDS:
            if kind.name in _IN_DOCUMENTS:
                count = math.ceil(SPARE * _count(kind, self._each))
                self._broken[kind.name] = {path: self._dice.choice(self._facts[path]) for path in paths[:count]}
                paths = paths[count:]
        self._sound = [fact for path in paths for fact in self._facts[path]]
        self._dice.shuffle(self._sound)

    def write(self) -> None:
        """The documents as they are when they are ingested."""
        for path, text in self._corpus.items():
            if path in self._broken["document removed"]:
                continue
            source = HIDDEN if path in self._broken["access withheld"] else SOURCE
            if path in self._broken["source aged"]:
                text = self._aged(text, self._broken["source aged"][path])
            _write(self._folder / source / path, text)

    def _aged(self, text: str, fact: Fact) -> str:
        """The text as it was before: with other numbers, with other words in the sentence, or without it."""
        sentence = fact.sentence
        if _NUMBER.search(sentence):
            older = _NUMBER.sub(lambda number: str(int(number[0]) + self._dice.randint(2, 9)), sentence)
        elif self._dice.random() < 0.5:
            older = ""
        else:
            other = self._dice.choice(self._sound).sentence.split()
            words = sentence.split()
            older = " ".join([*words[: len(words) // 2], *other[len(other) // 2 :]])
        return text.replace(sentence, older)

    def ingest(self, services: Services) -> None:
        """Ingest with a broken converter and a broken splitter; afterwards the aged sources change."""
        with open_pipeline(services.settings) as pipeline:
            broken = self._pipeline(pipeline)
            broken.run(folder_source(broken, self._folder / SOURCE))
            broken.run(folder_source(broken, self._folder / HIDDEN, access=("secret",)))
        for path in self._broken["source aged"]:
            _write(self._folder / SOURCE / path, self._corpus[path])

    def _pipeline(self, pipeline: Pipeline) -> Pipeline:
        failing = frozenset(f"{SOURCE}/{path}" for path in self._broken["conversion fails"])
        dropped = self._sentences("conversion drops text")
        converter = BrokenConverter(pipeline.converter.max_file_bytes, failing=failing, dropped=dropped)
        splitter = CuttingSplitter(pipeline.splitter, self._sentences("chunk cut"))
        return dataclasses.replace(pipeline, converter=converter, splitter=splitter)

    def _sentences(self, kind: str) -> dict[str, str]:
        return {f"{SOURCE}/{path}": fact.sentence for path, fact in self._broken[kind].items()}

    # -- votes

    def plant(self, services: Services) -> Iterator[Planted]:
        """Every planting that took effect."""
        champion = Champion(services).answerer().release
        sound = build_answerer(services, champion)
        for kind in KINDS:
            if kind.name in _IN_DOCUMENTS:
                yield from itertools.islice(self._in_documents(services, kind, sound), _count(kind, self._each))
        yield from self._detuned(services, champion)
        yield from self._by_model(services, champion)
        yield from self._wrong_votes(services, sound)

    def _in_documents(self, services: Services, kind: Kind, sound: Answerer) -> Iterator[Planted]:
        for fact in self._broken[kind.name].values():
            answer = _ask(sound, fact.question)
            if plain(fact.sentence) not in plain(answer.text):
                yield self._vote(services, kind, answer, fact.correction)

    def _detuned(self, services: Services, champion: Release) -> Iterator[Planted]:
        by_name = {kind.name: kind for kind in KINDS}
        short = build_answerer(services, champion)
        short._query_writer = ShortQuery()
        yield from self._drawn(services, by_name["query cut short"], short, lambda rank, _top: rank is None)
        for name, weight in (("dense only", 1.0), ("words only", 0.0)):
            retrieval = champion.manifest.retrieval.model_copy(update={"dense_weight": weight, "top_k": 2})
            detuned = _release(services, champion, retrieval=retrieval)
            answerer = build_answerer(services, detuned)
            yield from self._drawn(services, by_name[name], answerer, lambda rank, top: rank is not None and rank > top)

    def _by_model(self, services: Services, champion: Release) -> Iterator[Planted]:
        generator = GeneratorSpec(kind="llm", base_model="base", sampling={"temperature": 0.0})
        answerer = build_answerer(services, _release(services, champion, generator=generator))
        [kind] = [kind for kind in KINDS if kind.cause is Cause.GENERATION_FAULT]
        yield from self._drawn(services, kind, answerer, lambda rank, top: rank is not None and rank <= top)

    def _drawn(
        self, services: Services, kind: Kind, answerer: Answerer, took_effect: Callable[[int | None, int], bool]
    ) -> Iterator[Planted]:
        """Sound facts for which the release's retrieval ranks the right chunk as the planting wants it, and which the
        answer does not say."""
        wanted = _count(kind, self._each)
        while wanted and self._sound:
            fact = self._sound.pop()
            answer = _ask(answerer, fact.question)
            handed = answer.model.passages if answer.model else len(answer.retrieval.passages)
            if kind.cause is Cause.GENERATION_FAULT and answer.model is None:
                continue
            found = answerer.retriever.retrieve(answer.retrieval.query, PEOPLE, 100).passages
            rank = next((rank for rank, each in enumerate(found, 1) if _holds(each.chunk, fact)), None)
            if took_effect(rank, handed) and plain(fact.sentence) not in plain(answer.text):
                wanted -= 1
                yield self._vote(services, kind, answer, fact.correction)

    def _wrong_votes(self, services: Services, sound: Answerer) -> Iterator[Planted]:
        kinds = {kind.name: kind for kind in KINDS if kind.cause is Cause.WRONG_VOTE}
        wanted = {name: _count(kind, self._each) for name, kind in kinds.items()}
        for number in range(wanted["no question"]):
            answer = _ask(sound, _NONSENSE[number % len(_NONSENSE)])
            yield self._vote(services, kinds["no question"], answer, "")
        while (wanted["right answer"] or wanted["wrong correction"]) and self._sound:
            fact = self._sound.pop()
            answer = _ask(sound, fact.question)
            if plain(fact.sentence) not in plain(answer.text):
                continue
            contrary = _contrary(fact.correction)
            if wanted["wrong correction"] and contrary:
                wanted["wrong correction"] -= 1
                yield self._vote(services, kinds["wrong correction"], answer, contrary)
            elif wanted["right answer"]:
                wanted["right answer"] -= 1
                yield self._vote(services, kinds["right answer"], answer, fact.correction)

    def _vote(self, services: Services, kind: Kind, answer: Answer, correction: str) -> Planted:
        self._votes += 1
        author = Author(f"person-{self._votes}", None, ("public",), "page")
        order = FeedbackOrder(answer.interaction_id, Vote.DOWN, FeedbackReason.WRONG, correction=correction)
        given = FeedbackService(services.database).give(author, order)
        return Planted(kind.cause, kind.name, given.feedback)


def read_corpus(folder: Path, least: int = 1500, most: int = 14_000) -> dict[str, str]:
    """The markdown files of a folder that say something and are no books, by path."""
    paths = [path for path in sorted(folder.rglob("*.md")) if least < path.stat().st_size < most]
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def halves(corpus: Mapping[str, str], seed: int) -> tuple[dict[str, str], dict[str, str]]:
    """The corpus in two: one to choose thresholds on, one to report."""
    paths = sorted(corpus)
    random.Random(seed).shuffle(paths)
    return ({path: corpus[path] for path in paths[::2]}, {path: corpus[path] for path in paths[1::2]})


def _count(kind: Kind, each: int) -> int:
    return max(1, round(kind.share * each))


def _ask(answerer: Answerer, question: str) -> Answer:
    return asyncio.run(answerer.ask(Question(question, PEOPLE, origin="page")))


def _holds(chunk: Chunk, fact: Fact) -> bool:
    return chunk.uri == fact.uri and fact.sentence in chunk.text


def _contrary(correction: str) -> str:
    """The correction with other numbers, or denied; "" where neither can be done by rule."""
    if _NUMBER.search(correction):
        return _NUMBER.sub(lambda number: str(int(number[0]) * 3 + 1), correction)
    denied = re.sub(r"\b(is|are|ought to|has to|is going to|is able to)\b", r"\1 never", correction, count=1)
    return denied if denied != correction else ""


def _release(services: Services, champion: Release, **parts: Any) -> Release:
    changed = champion.manifest.model_copy(update=parts).model_dump()
    manifest = ReleaseManifest.model_validate(changed)
    return ReleaseRepository(services.database).add_candidate(manifest, Decision("bench", "planted"))


def _shingles(text: str) -> list[str]:
    words = re.findall(r"\w+", text.lower())
    return [" ".join(words[start : start + _SHINGLE]) for start in range(max(1, len(words) - _SHINGLE + 1))]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
