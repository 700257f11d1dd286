"""The table of what was measured, and of how it differs from an earlier run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median

from tools.answer_quality.measures import AskedQuestion, Figure, declined_at, figure

_Rows = Sequence[AskedQuestion]
_MEANS: Mapping[str, Callable[[AskedQuestion], float | None]] = {
    "gold characters in 60 words": lambda one: one.characters_60,
    "gold characters in 120 words": lambda one: one.characters_120,
    "gold words in 60 words": lambda one: one.words_60,
    "gold words in 120 words": lambda one: one.words_120,
    "answerable, evidence found, declined": lambda one: float(one.declined) if one.answerable and one.found else None,
    "recall@5": lambda one: one.recall_5,
    "nDCG@10": lambda one: one.ndcg_10,
}
_RATES: Mapping[str, Callable[[_Rows], Figure | None]] = {
    "unanswerable declined at 5 %": lambda rows: declined_at(rows, 0.05, removed=False),
    "unanswerable declined at 10 %": lambda rows: declined_at(rows, 0.10, removed=False),
    "evidence removed, declined at 5 %": lambda rows: declined_at(rows, 0.05, removed=True),
    "evidence removed, declined at 10 %": lambda rows: declined_at(rows, 0.10, removed=True),
}


def table(asked: Mapping[str, _Rows]) -> str:
    """One block a set, one line a figure: mean, interval, and of how many questions."""
    lines = []
    for name, rows in asked.items():
        lines.append(f"\n{name}: {len(rows)} questions, median {median(one.seconds for one in rows) * 1000:.0f} ms")
        figures = {label: figure(map(value, rows)) for label, value in _MEANS.items()}
        figures |= {label: rate(rows) for label, rate in _RATES.items()}
        lines += [f"  {label:40}{found}  n={found.count}" for label, found in figures.items() if found]
    return "\n".join(lines)


def comparison(asked: Mapping[str, _Rows], before: Mapping[str, _Rows]) -> str:
    """The differences to the run before, of the questions that both asked."""
    lines = []
    for name, rows in asked.items():
        earlier = {one.id: one for one in before.get(name, ())}
        pairs = [(one, earlier[one.id]) for one in rows if one.id in earlier]
        lines.append(f"\n{name}: {len(pairs)} pairs, difference to the run before")
        for label, value in _MEANS.items():
            if found := figure(_difference(value(now), value(then)) for now, then in pairs):
                lines.append(f"  {label:40}{found.mean:+.3f} ({found.low:+.3f} to {found.high:+.3f})  n={found.count}")
        for label, rate in _RATES.items():
            now, then = rate([pair[0] for pair in pairs]), rate([pair[1] for pair in pairs])
            if now and then:
                lines.append(f"  {label:40}{now.mean - then.mean:+.3f}  n={now.count}")
    return "\n".join(lines)


def _difference(now: float | None, then: float | None) -> float | None:
    return None if now is None or then is None else now - then
