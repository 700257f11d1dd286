"""Why two answers to one case differ, told from what each was made of: a sentence for the person who reads the row."""

from __future__ import annotations

from dataclasses import dataclass

from evals.metrics.metric import Row


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """What of an answer is needed to say why it differs from another. `gold_rank` counts from 1 and is None where no
    passage holds the evidence; `reason` says why there is no answer."""

    text: str
    abstained: bool
    gold_rank: int | None
    gold_cited: bool
    passages: int
    cited: tuple[str, ...]
    reason: str = ""

    @classmethod
    def of(cls, row: Row) -> AnswerFacts:
        answer = row.answer
        ranks = [
            rank
            for rank, passage in enumerate(answer.passages, start=1)
            if any(gold.overlaps(passage.uri, passage.start, passage.end) for gold in row.gold)
        ]
        cited = any(
            gold.overlaps(citation.uri, citation.start, citation.end)
            for citation in answer.citations
            for gold in row.gold
        )
        return cls(
            text=" ".join(answer.text.split()),
            abstained=answer.abstained,
            gold_rank=min(ranks, default=None),
            gold_cited=cited,
            passages=len(answer.passages),
            cited=tuple(dict.fromkeys(citation.uri for citation in answer.citations)),
        )

    @classmethod
    def missing(cls, reason: str) -> AnswerFacts:
        return cls("", False, None, False, 0, (), reason)


def why(candidate: AnswerFacts, baseline: AnswerFacts | None, *, has_gold: bool) -> str:
    """The first thing on the path of a question in which the two answers differ."""
    if candidate.reason:
        return f"The candidate gave no answer: {candidate.reason}"
    if baseline is None:
        return _alone(candidate, has_gold)
    if baseline.reason:
        return f"The baseline gave no answer: {baseline.reason}"
    if candidate.text == baseline.text and candidate.cited == baseline.cited:
        ranks = _ranks(candidate, baseline) if candidate.gold_rank != baseline.gold_rank else ""
        return f"Both give the same answer{ranks}."
    for difference in (_retrieval(candidate, baseline, has_gold), _abstention(candidate, baseline)):
        if difference:
            return difference
    if has_gold and candidate.gold_cited != baseline.gold_cited:
        citing, other = ("candidate", "baseline") if candidate.gold_cited else ("baseline", "candidate")
        return f"Both found the evidence{_ranks(candidate, baseline)}; the {citing} cites it, the {other} does not."
    if candidate.cited != baseline.cited:
        return "They cite other documents."
    return "They quote or word it otherwise."


def _alone(facts: AnswerFacts, has_gold: bool) -> str:
    if facts.abstained:
        return "It declined to answer."
    if not has_gold:
        return "It answered."
    if facts.gold_rank is None:
        return f"The evidence is not among its {facts.passages} passages."
    cited = "cites it" if facts.gold_cited else "does not cite it"
    return f"It found the evidence at rank {facts.gold_rank} and {cited}."


def _retrieval(candidate: AnswerFacts, baseline: AnswerFacts, has_gold: bool) -> str:
    if not has_gold or (candidate.gold_rank is None) == (baseline.gold_rank is None):
        return ""
    if candidate.gold_rank is None:
        return f"The candidate did not find the evidence; the baseline did, at rank {baseline.gold_rank}."
    return f"The candidate found the evidence, at rank {candidate.gold_rank}; the baseline did not."


def _abstention(candidate: AnswerFacts, baseline: AnswerFacts) -> str:
    if candidate.abstained == baseline.abstained:
        return ""
    declined, answered = ("candidate", "baseline") if candidate.abstained else ("baseline", "candidate")
    return f"The {declined} declined to answer{_ranks(candidate, baseline)}; the {answered} answered."


def _ranks(candidate: AnswerFacts, baseline: AnswerFacts) -> str:
    if candidate.gold_rank is None or baseline.gold_rank is None:
        return ""
    return f" (evidence at rank {candidate.gold_rank} against {baseline.gold_rank})"
