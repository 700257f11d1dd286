"""Why an answer was bad: told from what was looked at, by rules in a fixed order. Pure.

    finding = judge(observation)      # loop/diagnosis/observer.py gathers the observation

What is looked for is the corrected answer, or a case's gold evidence, or, where nobody said what would be right, what
the documents say to the question. The path of a document to an answer is followed backwards: was it in the context, in
the top 100, in the index, in the documents, in the source? The first place, from the answer's end, at which it is found
says what went wrong behind it. docs/explanation/diagnosis.md has the rules in words and what they were measured at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from core.loop.diagnosis import Cause, Sought, SourceState
from core.loop.enums import FeedbackReason
from core.types import digest
from loop.diagnosis.observation import (
    DEPTH,
    HOLDS,
    KNOWN_WORDS,
    MARGIN,
    MOST_WITHOUT_CORRECTION,
    SAYS,
    SURELY,
    Indexed,
    Observation,
)

# Raised when the rules change; with the thresholds it is the version of a diagnosis.
RULES = 1
VERSION = digest([RULES, HOLDS, MARGIN, SURELY, SAYS, DEPTH, KNOWN_WORDS])[:16]


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause, how sure it is, and why, in a sentence for people."""

    cause: Cause
    certainty: float
    summary: str


def judge(seen: Observation) -> Finding:
    """The cause of the bad answer. Every observation has one."""
    finding = next((found for rule in _RULES if (found := rule(seen)) is not None), None) or _nowhere(seen)
    if seen.sought is Sought.QUESTION and seen.asks:
        # Nobody said what would be right: what was looked for is itself a guess.
        return replace(finding, certainty=min(finding.certainty, MOST_WITHOUT_CORRECTION))
    return finding


def needs_source(sought: Sought, *, asks: bool, answerable: bool, best: float) -> bool:
    """Whether the sources have to be searched: nothing that is stored or was said, `best` being the best score of all,
    surely holds what is looked for."""
    return asks and answerable and sought is not Sought.QUESTION and best < SURELY


def to_ask_again(seen: Observation) -> int | None:
    """The rank of the passage that the generator should be handed alone; None where that would tell nothing."""
    finding = judge(seen)
    return seen.handed_right if finding.cause in (Cause.GENERATION_FAULT, Cause.WRONG_VOTE) else None


# ---------------------------------------------------------------- the rules, in order


def _no_question(seen: Observation) -> Finding | None:
    if seen.asks:
        return None
    return Finding(Cause.WRONG_VOTE, 0.9, "There is no question: it is small talk, or not made of words.")


def _unanswerable(seen: Observation) -> Finding | None:
    if seen.answerable:
        return None
    if seen.abstained:
        return Finding(Cause.WRONG_VOTE, 0.8, "The documents do not hold the answer, and that is what was said.")
    return Finding(Cause.GENERATION_FAULT, 0.8, "The documents do not hold the answer, and yet one was given.")


def _called_old(seen: Observation) -> Finding | None:
    """Nobody said what is right, but that the answer is old; and the source that it cites has changed."""
    source = seen.source
    called_old = seen.sought is Sought.QUESTION and seen.reason is FeedbackReason.OUT_OF_DATE
    if not called_old or source is None or source.state is not SourceState.CHANGED:
        return None
    return Finding(Cause.STALE_SOURCE, 0.6, "The source that the answer cites has changed since it was indexed.")


def _already_said(seen: Observation) -> Finding | None:
    if not seen.says(seen.said):
        return None
    if seen.reason is FeedbackReason.BAD_CITATION and not seen.well_cited:
        return Finding(Cause.GENERATION_FAULT, 0.8, "The answer is right, and cites a place that does not say so.")
    if seen.reason in (FeedbackReason.STYLE, FeedbackReason.UNSAFE):
        return Finding(Cause.GENERATION_FAULT, 0.5, "What the answer says is right; how it says it was complained of.")
    if seen.sought is Sought.QUESTION and seen.reason is FeedbackReason.OUT_OF_DATE:
        return Finding(Cause.CORPUS_GAP, 0.4, "The answer is what the documents say; they are said to be out of date.")
    if seen.sought is Sought.QUESTION and seen.reason is not None:
        return Finding(Cause.CORPUS_GAP, 0.4, "The answer is the best that the documents have for this question.")
    certainty = 0.4 if seen.sought is Sought.QUESTION else _sure(0.9, seen.said - SAYS)
    return Finding(Cause.WRONG_VOTE, certainty, "The answer already says what it should say.")


def _in_context(seen: Observation) -> Finding | None:
    rank = seen.handed_right
    if rank is None:
        return None
    where = f"The right passage was handed to the generator, at rank {rank}"
    if seen.alone is None:
        return Finding(Cause.GENERATION_FAULT, 0.6, f"{where}, and the answer does not say it.")
    if not seen.says(seen.alone):
        return Finding(Cause.GENERATION_FAULT, 0.95, f"{where}; handed it alone, the generator still does not say it.")
    return Finding(Cause.GENERATION_FAULT, 0.8, f"{where}; handed it alone, the generator gives the right answer.")


def _withheld(seen: Observation) -> Finding | None:
    rank = seen.first(seen.context)
    if rank is None:
        return None
    why = "the system declined before the generator saw it" if not seen.handed else "the generator did not come to it"
    return Finding(Cause.RANKING_MISS, 0.7, f"The right passage was retrieved, at rank {rank}, but {why}.")


def _found_now(seen: Observation) -> Finding | None:
    """What would be in the context today came into the index after the answer was given."""
    rank = seen.rank
    if rank is None or rank > len(seen.context) or not seen.newer_index:
        return None
    summary = f"The index has changed since: the right passage, which was not there then, is found now, at rank {rank}."
    return Finding(Cause.STALE_SOURCE, 0.7, summary)


def _ranked(seen: Observation) -> Finding | None:
    rank = seen.rank
    if rank is None:
        return None
    return Finding(
        Cause.RANKING_MISS,
        _sure(0.9, seen.ranking[rank - 1] - seen.bar),
        f"The right passage stands at rank {rank}, behind the {len(seen.context)} that were in the context.",
    )


def _indexed(seen: Observation) -> Finding | None:
    if seen.chunks < seen.bar:
        return None
    return Finding(
        Cause.RETRIEVAL_MISS,
        _sure(0.9, seen.chunks - seen.bar),
        f"The right passage is in the index, and not among the first {DEPTH} for this question.",
    )


def _stored(seen: Observation) -> Finding | None:
    if seen.documents < seen.bar:
        return None
    if seen.indexed is Indexed.OLDER:
        return Finding(Cause.STALE_SOURCE, 0.8, "The release's index holds another version of the document.")
    if seen.indexed is Indexed.ABSENT:
        return Finding(Cause.NOT_INDEXED, 0.9, "The document holds the answer, and is not in the release's index.")
    return Finding(
        Cause.NOT_INDEXED,
        _sure(0.85, seen.documents - seen.bar),
        "The document holds the answer, and no chunk of it holds it whole: splitting cut it.",
    )


def _hidden(seen: Observation) -> Finding | None:
    if seen.hidden < seen.bar:
        return None
    summary = "Only documents that this person may not see hold the answer: access labels keep them away."
    return Finding(Cause.NOT_INDEXED, _sure(0.9, seen.hidden - seen.bar), summary)


_IN_SOURCE = {
    SourceState.CHANGED: "The source has changed since it was indexed, and the newer text holds the right answer.",
    SourceState.NEW: "A file of the source that was never ingested holds the answer.",
    SourceState.FAILED: "A file of the source that could not be converted holds the answer.",
    SourceState.MISREAD: "The source's file holds the answer; the text that conversion made of it does not.",
}


def _in_source(seen: Observation) -> Finding | None:
    source = seen.source
    if source is None or source.score < seen.bar:
        return None
    cause = Cause.STALE_SOURCE if source.state is SourceState.CHANGED else Cause.NOT_INDEXED
    return Finding(cause, _sure(0.9, source.score - seen.bar), _IN_SOURCE[source.state])


def _opposed(seen: Observation) -> Finding | None:
    if not seen.opposed:
        return None
    if seen.reason is FeedbackReason.OUT_OF_DATE:
        return Finding(Cause.CORPUS_GAP, 0.6, "The documents say otherwise than the correction, which calls them old.")
    return Finding(Cause.WRONG_VOTE, 0.7, "The documents say otherwise than the correction.")


def _nowhere(seen: Observation) -> Finding:
    if not seen.related:
        return Finding(Cause.WRONG_VOTE, 0.6, "The correction has nothing to do with the question, nor any document.")
    if seen.unread_sources:
        missing = ", ".join(seen.unread_sources)
        return Finding(Cause.CORPUS_GAP, 0.4, f"No stored document holds it; the source {missing} could not be read.")
    if seen.sought is Sought.QUESTION:
        # Of five such that were read by hand, four were in the documents in other words: real-complaints.md.
        return Finding(Cause.CORPUS_GAP, 0.3, "No document seems to hold an answer to the question.")
    summary = "No document, stored or in a source, holds the answer."
    return Finding(Cause.CORPUS_GAP, _sure(0.9, HOLDS - seen.best), summary)


_RULES: tuple[Callable[[Observation], Finding | None], ...] = (
    _no_question,
    _unanswerable,
    _called_old,
    _already_said,
    _in_context,
    _withheld,
    _found_now,
    _ranked,
    _indexed,
    _stored,
    _hidden,
    _in_source,
    _opposed,
)


def _sure(certainty: float, distance: float) -> float:
    """The certainty, less what it loses where the deciding score is near its threshold."""
    return round(certainty - 0.25 * max(0.0, 1 - distance / 0.1), 2)
