"""What diagnoses, remedies and reports come to, in a few lines for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evals.gate.statistics import bootstrap_interval
from loop.remedies.catalogue.refit import REMEDY as REFIT
from loop.remedies.catalogue.refit import RefitProposal
from loop.remedies.catalogue.reindex import ReindexProposal
from loop.remedies.catalogue.retune import RetuneProposal

_LEVEL = 0.95


def place(found: Mapping[str, Any]) -> str:
    """Where a citation, or a passage of a diagnosis, stands."""
    return f"{found['uri']}, characters {found['start']}–{found['end']}"


def searched(proposal: Mapping[str, Any]) -> str:
    """What the remedy has tried, and what it chose."""
    chosen = ReindexProposal.model_validate(proposal)
    search = chosen.figures.search
    if search is None:
        return f"chosen: {chosen.chunk_tokens} tokens"
    tried = ", ".join(f"{size.chunk_tokens} tokens {size.gain:.2f}" for size in search.sizes)
    lines = [
        f"right passages found whole, on {len(search.chose_on)} complaints: {tried}",
        f"chosen: {chosen.chunk_tokens} tokens",
    ]
    held = search.held_out
    if held.candidate is not None and held.live is not None:
        scores = f"{held.candidate:.2f}, live {held.live:.2f}"
        lines.append(f"on the {held.questions} complaints that did not choose: {scores}")
    return "\n".join(lines)


def tuned(proposal: Mapping[str, Any]) -> str:
    """What was trained on, and what came of it."""
    trained = RetuneProposal.model_validate(proposal)
    result = trained.result
    if result is None:
        return f"{trained.method}, {trained.count} rows; not trained yet"
    return (
        f"{trained.method}, {result.train_rows} examples to train on and {result.held_out_rows} held out,"
        f" {result.steps} steps in {result.seconds:.0f} s\n"
        f"perplexity of the held-out answers: {result.perplexity_before:.3f} before,"
        f" {result.perplexity_after:.3f} after"
    )


def held_out(report: Mapping[str, Any]) -> str:
    """The share of right answers on both sides, each with its interval, and of their difference, over the questions
    that came from no complaint."""
    pairs = _held_out(report, "correct")
    return "\n".join([f"right answers to {len(pairs)} questions that the remedy has never seen:", *_shares(pairs)])


def found_first(report: Mapping[str, Any]) -> str:
    """The same for the share of the right places that the search found first."""
    pairs = _held_out(report, "recall_at_1")
    return "\n".join([f"right passage found first, for {len(pairs)} questions that nobody voted on:", *_shares(pairs)])


def surely_found_more(report: Mapping[str, Any]) -> bool:
    """Whether the search finds more of the right places first, with 95 % certainty."""
    pairs = _held_out(report, "recall_at_1")
    return bootstrap_interval([candidate - live for live, candidate in pairs], _LEVEL)[0] > 0


def taught(proposal: Mapping[str, Any]) -> str:
    """What the votes taught the search."""
    return REFIT.in_words(RefitProposal.model_validate(proposal))


def _held_out(report: Mapping[str, Any], metric: str) -> list[tuple[float, float]]:
    """What the live release and the candidate score at each question that came from no complaint."""
    rows = [row["scores"][metric] for row in report["rows"] if row["origin"] != "feedback"]
    return [(score["baseline"], score["candidate"]) for score in rows if None not in score.values()]


def _shares(pairs: Sequence[tuple[float, float]]) -> list[str]:
    lines = []
    for name, values in (
        ("live", [live for live, _ in pairs]),
        ("candidate", [candidate for _, candidate in pairs]),
        ("difference", [candidate - live for live, candidate in pairs]),
    ):
        low, high = bootstrap_interval(values, _LEVEL)
        lines.append(f"{name:12}{sum(values) / len(values):.3f}   95 % between {low:.3f} and {high:.3f}")
    return lines
