"""What is looked for when an answer was bad, and how far the answer itself says it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.errors import JudgeError
from core.loop.diagnosis import Sought
from core.ports import Embedder, Judge
from core.types import AccessScope, Passage
from evals.judges.prompts import JudgePrompts
from evals.judges.sameness import says_the_same
from loop.diagnosis.bad_answer import BadAnswer
from loop.diagnosis.document_words import DocumentWords
from loop.diagnosis.match import Looked, Matcher
from loop.diagnosis.observation import DEPTH, KNOWN_WORDS, SAYS
from loop.diagnosis.wording import Statement, Wording
from retrieval.retriever import Retriever
from serving.grounding.evidence import EvidenceScorer
from serving.releases.first import default_abstention

# Where nobody said what is right: passages that are weighed as an answer to the question.
MOST_WEIGHED = 10
# A correction that shares no word with the question, and whose meaning is as far from it as this, answers another.
LEAST_RELATED = 0.15
# What people write to see whether anybody is there.
SMALL_TALK = frozenset(
    (
        "hello",
        "hi",
        "hey",
        "thanks",
        "thank",
        "you",
        "ok",
        "okay",
        "test",
        "testing",
        "yes",
        "no",
        "please",
        "bye",
        "good",
    )
)
# Characters to a token, below which the embedder spells a word out: it never met it.
SPELT_OUT = 2.5
_SPOKEN = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Target:
    """What is looked for, statement by statement: where the answer says a part of it, only the rest. `said` is how far
    the answer says it. `asks` and `related` are as in loop.diagnosis.rules.Observation; `judged` is what a judge said
    of the answer, or why it said nothing."""

    sought: Sought
    statements: tuple[Statement, ...]
    said: float
    asks: bool
    related: bool
    judged: str | None = None


class Seeker:
    """Finds out what to look for. `fair` retrieves with even weights, whatever the release does."""

    def __init__(
        self,
        wording: Wording,
        matcher: Matcher,
        embedder: Embedder,
        words: DocumentWords,
        fair: Retriever,
        scorer: EvidenceScorer,
        judge: Judge | None,
        prompts: JudgePrompts | None = None,
    ) -> None:
        self._wording = wording
        self._matcher = matcher
        self._embedder = embedder
        self._words = words
        self._fair = fair
        self._scorer = scorer
        self._judge = judge
        self._prompts = prompts

    def target(self, bad: BadAnswer) -> Target:
        sought, statements = self._sought(bad)
        target = Target(sought, statements, 0.0, self._asks(bad), self._related(bad))
        if bad.abstained or not statements:
            return target
        right = self._matcher.statements(bad.right) if sought is Sought.EVIDENCE else statements
        scores = self._matcher.each(right, Looked(bad.answer))
        said = _mean(right, scores)
        missing = tuple(one for one, score in zip(right, scores, strict=True) if score < SAYS)
        if sought is Sought.EVIDENCE:
            quoted = _quotes_evidence(bad)
            return self._weighed(bad, replace(target, said=max(said, SAYS) if quoted else said))
        if 0 < len(missing) < len(right):
            target = replace(target, statements=missing, said=min(scores))
        else:
            target = replace(target, said=said)
        return self._weighed(bad, target)

    def says(self, bad: BadAnswer, answer: str, statements: Sequence[Statement]) -> float:
        """How far another answer says what is right."""
        verdict, _ = self._verdict(bad, answer)
        if verdict is not None:
            return float(verdict)
        return self._matcher.match(statements, [Looked(answer)])[0].score

    # -- what a judge says

    def _weighed(self, bad: BadAnswer, target: Target) -> Target:
        if target.sought is Sought.QUESTION:
            return target
        verdict, words = self._verdict(bad, bad.answer)
        return replace(target, judged=words, said=target.said if verdict is None else float(verdict))

    def _verdict(self, bad: BadAnswer, answer: str) -> tuple[bool | None, str | None]:
        """What the judge says of an answer, and in words; no verdict where there is no judge or it failed: then words
        and meanings are compared, as they are without one."""
        if self._judge is None or not bad.right:
            return None, None
        try:
            says = asyncio.run(says_the_same(self._judge, bad.question, answer, bad.right, self._prompts))
        except JudgeError as error:
            return None, f"no judgement: {error.message}"
        return says, "the answer says it" if says else "the answer does not say it"

    # -- what is looked for

    def _sought(self, bad: BadAnswer) -> tuple[Sought, tuple[Statement, ...]]:
        statements = self._matcher.statements(bad.sought)
        if statements:
            return (Sought.EVIDENCE if bad.evidence else Sought.CORRECTION), statements
        return Sought.QUESTION, self._matcher.statements(self._best_sentence(bad))

    def _best_sentence(self, bad: BadAnswer) -> str:
        """What the documents say to the question, as far as the evidence scorer can tell: the best sentence of the
        passage that most likely holds the answer; "" if none does."""
        found = self._fair.retrieve(bad.query, AccessScope.everything(), DEPTH).passages
        passages = [passage for passage in found if _may_hold(bad, passage)][:MOST_WEIGHED]
        weighed = [self._scorer.score(bad.query, [passage]) for passage in passages]
        best = max(weighed, key=lambda evidence: evidence.confidence, default=None)
        if best is None or not best.sentences or best.confidence < default_abstention().threshold:
            return ""
        return best.sentences[0].text

    def _asks(self, bad: BadAnswer) -> bool:
        """Whether the question asks anything: more than small talk, in words that a document has, or that the embedder
        knows and need not spell out."""
        spoken = _SPOKEN.findall(bad.question.lower())
        content = [word for word in spoken if self._wording.words(word)]
        if not content or SMALL_TALK.issuperset(spoken):
            return False
        counts = self._embedder.count_tokens(content)
        known = [
            len(word) >= SPELT_OUT * count or self._words.known_share(self._wording.words(word)) == 1
            for word, count in zip(content, counts, strict=True)
        ]
        return sum(known) >= KNOWN_WORDS * len(content)

    def _related(self, bad: BadAnswer) -> bool:
        """Whether the correction has to do with the question."""
        if not bad.right or bad.evidence:
            return True
        if self._wording.words(bad.right) & self._wording.words(bad.query):
            return True
        return self._matcher.nearness(bad.question, bad.right) >= LEAST_RELATED


def _mean(statements: Sequence[Statement], scores: Sequence[float]) -> float:
    weights = [statement.weight for statement in statements]
    return float(np.average(scores, weights=weights)) if statements else 0.0


def _quotes_evidence(bad: BadAnswer) -> bool:
    """Whether an answer that quotes, which no model wrote, quotes the gold evidence."""
    if bad.asked:
        return False
    return any(place.overlaps(gold.uri, gold.start, gold.end) for gold in bad.gold for place in bad.citations)


def _may_hold(bad: BadAnswer, passage: Passage) -> bool:
    """Places that were voted down do not hold the answer, and a case's evidence names the documents that do."""
    chunk = passage.chunk
    if any(place.overlaps(chunk.uri, chunk.start, chunk.end) for place in bad.disliked):
        return False
    return not bad.evidence or any(evidence.uri == chunk.uri for evidence in bad.evidence)
