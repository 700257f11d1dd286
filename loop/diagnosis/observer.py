"""Looking at everything that can have made an answer bad: what `rules` judges, and what people are shown."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.loop.diagnosis import FoundPlace, OpposingPlace, Sought, SourceState
from core.loop.enums import FeedbackReason
from core.ports import Judge
from core.release import ReadingParameters, Release, RetrievalParameters
from core.storage.documents import DocumentRepository
from core.types import AccessScope, Chunk, Document, ManifestEntry, Passage, Retrieval, chunk_id, document_id
from evals.judges.prompts import JudgePrompts
from loop.diagnosis.bad_answer import BadAnswer
from loop.diagnosis.document_words import DocumentWords
from loop.diagnosis.match import Looked, Match, Matcher
from loop.diagnosis.observation import DEPTH, HOLDS, Indexed, Observation, SourceMatch
from loop.diagnosis.rules import needs_source, to_ask_again
from loop.diagnosis.seeker import Seeker, Target
from loop.diagnosis.source_files import FreshText, SourceFiles
from loop.diagnosis.wording import Statement, Wording
from retrieval.retriever import Retriever
from retrieval.sparse import SparseEncoder
from serving.answerer import Answerer
from serving.factory import Services
from serving.grounding.evidence import EvidenceScorer
from serving.prompts.library import own_folder
from serving.releases.first import default_abstention
from serving.releases.verification import open_release

# Documents whose whole text is looked at: those with most of the words, and those of the best passages.
MOST_BY_WORDS = 8
MOST_BY_SEARCH = 20
# Documents that are named as holding the answer: those nearly as good as the best, and no more than people look at.
ALIKE = 0.1
MOST_PLACES = 3
# The longest quote that is kept as evidence.
_LONGEST_QUOTE = 600


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one bad answer: for the rules, and for people. `source_uri` is a file that holds it or that has
    changed, `judged` what a judge said of the answer."""

    observation: Observation
    places: tuple[FoundPlace, ...]
    opposing: OpposingPlace | None
    source_uri: str | None
    judged: str | None
    answer_alone: str | None


@dataclass(frozen=True, slots=True)
class _Source:
    """The best of the files that were read afresh, and where it holds what is sought."""

    match: SourceMatch | None = None
    uri: str | None = None
    places: tuple[FoundPlace, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Documents:
    """The documents that were looked at whole, and how well each holds what is sought."""

    found: tuple[tuple[Document, Match], ...]
    entries: Mapping[str, ManifestEntry]
    scope: AccessScope

    def best(self, *, visible: bool) -> tuple[Document, Match] | None:
        allowed = [pair for pair in self.found if self.scope.allows(self._access(pair[0])) is visible]
        return max(allowed, key=lambda pair: pair[1].score, default=None)

    def score(self, *, visible: bool) -> float:
        best = self.best(visible=visible)
        return best[1].score if best else 0.0

    def opposing(self) -> OpposingPlace | None:
        """Where one of them says nearly the same, but otherwise."""
        for document, match in self.found:
            if match.opposing is not None:
                start, end = match.opposing
                return OpposingPlace(uri=document.uri, start=start, end=end, quote=document.text[start:end])
        return None

    def places(self, bar: float) -> tuple[FoundPlace, ...]:
        """Where they hold it, the best first: the few that hold it about as well as the best."""
        held = sorted(self.found, key=lambda pair: (-pair[1].score, pair[0].uri))[:MOST_PLACES]
        near = [pair for pair in held if pair[1].score >= max(bar, held[0][1].score - ALIKE)]
        return tuple(place for document, match in near for place in _places(document, match, fresh=False))

    def _access(self, document: Document) -> Sequence[str]:
        entry = self.entries.get(document.id)
        return entry.access if entry else document.access


class Observer:
    """Looks at complaints about the answers of one release. Not to be used from a running event loop."""

    def __init__(self, services: Services, release: Release, judge: Judge | None = None) -> None:
        """With a `judge`, that says whether an answer says what is right.

        Raises what serving.releases.verification.open_release does: a release that cannot be opened here, or an index
        that is down, cannot be diagnosed.
        """
        collection = release.manifest.collection
        language = collection.language
        embedder = services.embedder_for(collection)
        self._services = services
        self._collection = collection.name
        self._answerer: Answerer = open_release(services, release, recorded=False)
        self._fair = Retriever(services.index, embedder, collection.name, RetrievalParameters())
        self._documents = DocumentRepository(services.database)
        wording = Wording(language)
        self._matcher = Matcher(wording, embedder)
        self._words = DocumentWords(self._documents, wording)
        self._files = SourceFiles(services.settings, self._documents, collection.name, wording, self._words)
        scorer = EvidenceScorer(embedder, SparseEncoder.of(collection), default_abstention(), language)
        prompts = JudgePrompts(own_folder(services.settings)) if judge else None
        self._seeker = Seeker(wording, self._matcher, embedder, self._words, self._fair, scorer, judge, prompts)

    def look(self, bad: BadAnswer) -> Seen:
        """Everything that speaks for one cause or another. Raises UnavailableError when index or model are down: an
        outage is no diagnosis."""
        self._words.refresh()
        target = self._seeker.target(bad)
        now = self._answerer.retriever.retrieve(bad.query, bad.scope, DEPTH)
        documents = self._look_through(bad, target.statements, now)
        best = documents.best(visible=True)
        context, ranking = (self._scores(target.statements, each.passages) for each in (bad, now))
        chunks = self._chunks(target.statements, documents)
        visible, hidden = documents.score(visible=True), documents.score(visible=False)
        searched = needs_source(
            target.sought,
            asks=target.asks,
            answerable=bad.answerable,
            best=max((target.said, chunks, visible, hidden, *context, *ranking)),
        )
        source, opposing = self._source(bad, target, documents, searched=searched), documents.opposing()
        observation = Observation(
            sought=target.sought,
            asks=target.asks,
            answerable=bad.answerable,
            abstained=bad.abstained,
            reason=bad.reason,
            said=target.said,
            well_cited=self._well_cited(bad, target.statements),
            context=context,
            handed=_handed(bad, self._answerer.release.manifest.reading),
            ranking=ranking,
            newer_index=now.revision != bad.revision,
            chunks=chunks,
            documents=visible,
            hidden=hidden,
            indexed=_indexed(best[0], documents.entries) if best else Indexed.CURRENT,
            opposed=opposing is not None,
            related=target.related,
            source=source.match,
            unread_sources=source.unread,
        )
        places = (*source.places, *documents.places(observation.bar))
        answer = self._asked_again(observation, bad)
        if answer is not None:
            observation = replace(observation, alone=self._seeker.says(bad, answer, target.statements))
        return Seen(observation, places, opposing, source.uri, target.judged, answer)

    # -- where it is

    def _scores(self, statements: Sequence[Statement], passages: Sequence[Passage]) -> tuple[float, ...]:
        matches = self._matcher.match(statements, [_looked(passage.chunk) for passage in passages])
        return tuple(match.score for match in matches)

    def _well_cited(self, bad: BadAnswer, statements: Sequence[Statement]) -> bool:
        if bad.reason is not FeedbackReason.BAD_CITATION:
            return True
        quotes = [Looked(place.quote) for place in bad.citations if place not in bad.disliked]
        return any(match.score >= HOLDS for match in self._matcher.match(statements, quotes))

    def _look_through(self, bad: BadAnswer, statements: Sequence[Statement], ranking: Retrieval) -> _Documents:
        """The documents that may hold it: by their words, by a search for it, and those of the answer's passages."""
        keys = self._words.best(_all_words(statements), MOST_BY_WORDS)
        if statements:
            text = " ".join(statement.text for statement in statements)
            found = self._fair.retrieve(text, AccessScope.everything(), MOST_BY_SEARCH)
            keys += [passage.chunk.document_id for passage in found.passages]
        near = [*bad.passages, *ranking.passages[:MOST_BY_SEARCH]]
        keys += [passage.chunk.document_id for passage in near]
        keys += [document_id(evidence.uri) for evidence in bad.evidence]
        documents = [each for key in dict.fromkeys(keys) if (each := self._documents.get(key)) is not None]
        matches = self._matcher.match(statements, [Looked(each.text, each.title) for each in documents])
        entries = self._documents.entries(self._collection)
        return _Documents(tuple(zip(documents, matches, strict=True)), entries, bad.scope)

    def _chunks(self, statements: Sequence[Statement], documents: _Documents) -> float:
        """How far single chunks of the best documents hold it, as the index has them: the best of them."""
        held = [pair for pair in documents.found if pair[1].score >= HOLDS]
        ids = [
            chunk_id(document.id, ordinal)
            for document, _ in sorted(held, key=lambda pair: -pair[1].score)[:MOST_BY_WORDS]
            if (entry := documents.entries.get(document.id)) is not None
            for ordinal in range(entry.chunks)
        ]
        stored = self._services.index.fetch(self._collection, ids, documents.scope) if ids else []
        matches = self._matcher.match(statements, [_looked(each.chunk) for each in stored])
        return max((match.score for match in matches), default=0.0)

    # -- the sources

    def _source(self, bad: BadAnswer, target: Target, documents: _Documents, *, searched: bool) -> _Source:
        """Whether a document that was answered from, or that holds it, has changed in its source; `searched` says that
        all other files are to be looked through too."""
        if bad.reason is FeedbackReason.OUT_OF_DATE and target.sought is Sought.QUESTION:
            changed = self._files.changed(place.uri for place in bad.citations)
            return _Source(SourceMatch(1.0, SourceState.CHANGED), changed[0].document.uri) if changed else _Source()
        texts = self._files.changed(document.uri for document, _ in documents.found)
        found = self._better(_Source(), target.statements, texts)
        if not searched:
            return found
        return self._better(found, target.statements, self._files.holding(_all_words(target.statements)))

    def _better(self, known: _Source, statements: Sequence[Statement], texts: Sequence[FreshText]) -> _Source:
        """The best of these files, unless what is known holds it as well."""
        matches = self._matcher.match(statements, [Looked(one.document.text, one.document.title) for one in texts])
        best = max(zip(texts, matches, strict=True), key=lambda pair: pair[1].score, default=None)
        unread = self._files.unread
        if best is None or (known.match is not None and known.match.score >= best[1].score):
            return replace(known, unread=unread)
        text, match = best
        places = _places(text.document, match, fresh=True) if match.score >= HOLDS else ()
        found = SourceMatch(match.score, text.state)
        return _Source(found, text.document.uri, (*places, *known.places), unread)

    # -- asking again

    def _asked_again(self, seen: Observation, bad: BadAnswer) -> str | None:
        """What the generator says when it is handed the right passage alone; None where that would tell nothing."""
        rank = to_ask_again(seen)
        if rank is None or seen.says(seen.said):
            return None
        return asyncio.run(self._answerer.ask_of(bad.query, [bad.passages[rank - 1]]))


def _handed(bad: BadAnswer, reading: ReadingParameters) -> int:
    """How many of the passages the generator was handed: none if the system declined before it, all that fitted the
    model's context, or those whose sentences the extractive generator weighs."""
    if bad.asked:
        return bad.read or 0
    return 0 if bad.abstained else reading.passages


def _indexed(document: Document, entries: Mapping[str, ManifestEntry]) -> Indexed:
    entry = entries.get(document.id)
    if entry is None or entry.chunks == 0:
        return Indexed.ABSENT
    return Indexed.CURRENT if entry.content_sha256 == document.content_sha256 else Indexed.OLDER


def _looked(chunk: Chunk) -> Looked:
    return Looked(chunk.text, " ".join((chunk.title, *chunk.heading_path)))


def _all_words(statements: Sequence[Statement]) -> frozenset[str | int]:
    return frozenset(word for statement in statements for word in statement.said.words)


def _places(document: Document, match: Match, *, fresh: bool) -> tuple[FoundPlace, ...]:
    """The places of a document as evidence; a `fresh` one is in the source's file and not in what is stored."""
    return tuple(
        FoundPlace(
            uri=document.uri,
            start=place.start,
            end=place.end,
            quote=document.text[place.start : place.end][:_LONGEST_QUOTE],
            score=place.score,
            fresh=fresh,
        )
        for place in match.places
        if place.score > 0
    )
