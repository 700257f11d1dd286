"""A report's values in words and figures for people. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from evals.gate.comparison import Interval, MetricComparison, Verdict
from evals.metrics.metric import Group
from evals.report.report import Report

_VERDICTS = {
    Verdict.BETTER: "better",
    Verdict.NO_WORSE: "no worse",
    Verdict.WORSE: "worse",
    Verdict.INCONCLUSIVE: "undecided",
}

GROUPS = {
    Group.QUALITY: "Quality",
    Group.RETRIEVAL: "Retrieval",
    Group.ANSWER: "Answers",
    Group.CITATION: "Citations",
    Group.JUDGED: "Judged by a model",
    Group.SAFETY: "Safety",
    Group.CONSISTENCY: "Consistency",
    Group.OPERATION: "Latency and cost",
}

BLOCKS = {
    "unscored": "Rows without a score",
    "judge": "The judge cannot be trusted",
    "locked_case": "A locked case got worse",
    "critical_slice": "A critical slice got worse",
    "safety": "An unsafe answer",
    "too_few_cases": "Too few cases",
    "leakage": "The adapter was trained on cases",
}

_HEADLINES = {
    Verdict.BETTER: "The candidate is better",
    Verdict.NO_WORSE: "The candidate is no worse",
    Verdict.WORSE: "The candidate is worse",
    Verdict.INCONCLUSIVE: "It cannot be told which is better",
}


def verdict_words(found: str | None) -> str:
    """A verdict, or what the gate finds of a metric, also as it is stored; nothing where there is none."""
    return _VERDICTS[Verdict(found)] if found else ""


_NAMES = {"rouge_l": "ROUGE-L"}
_SPELLED = {"ndcg": "nDCG", "mrr": "MRR", "bleu": "BLEU", "chrf": "chrF", "f1": "F1", "llm": "LLM"}


def label(metric: str) -> str:
    """A metric's name as people write it: nDCG@10 for ndcg_at_10."""
    if metric in _NAMES:
        return _NAMES[metric]
    words = metric.replace("_at_", "@").replace("_", " ").split(" ")
    spelled = " ".join("@".join(_SPELLED.get(part, part) for part in word.split("@")) for word in words)
    return spelled[:1].upper() + spelled[1:] if words[0].partition("@")[0] not in _SPELLED else spelled


def headline(report: Report) -> str:
    """The verdict, in a sentence that stands alone."""
    if report.baseline is None:
        return "The candidate was measured, with nothing to compare it with"
    return _HEADLINES[report.verdict] + (", but it is blocked" if report.blocks and report.verdict.passes else "")


def consequence(report: Report) -> str:
    """What follows from it for whoever decides."""
    if report.passes:
        return "It may be approved and promoted."
    if report.baseline is None:
        return "It may not be approved: approval needs a comparison with what is live."
    if report.blocks:
        several = len(report.blocks) > 1
        return f"It may not be approved: {len(report.blocks)} reason{'s block' if several else ' blocks'} it."
    if report.verdict is Verdict.INCONCLUSIVE:
        return "It may not be approved on this report: more cases, or a larger difference, would decide."
    return "It may not be approved."


def because(report: Report) -> str:
    """What the verdict rests on, in a sentence or two."""
    primary = next((metric for metric in report.metrics if metric.name == report.primary), None)
    if primary is None or primary.candidate is None:
        return report.summary
    mean = value(primary.candidate, primary.unit)
    if primary.difference is None or primary.interval is None:
        return f"{label(primary.name)}: {mean} over {primary.rows} questions."
    between = interval(primary.interval, primary.unit).replace(" to ", " and ")
    said = (
        f"{label(primary.name)}: {mean} against {value(primary.baseline, primary.unit)} over {primary.rows} questions. "
        f"The difference is {change(primary.difference, primary.unit)}; with {primary.interval.level * 100:.0f} % "
        f"certainty it lies between {between}."
    )
    worse = [label(metric.name) for metric in report.metrics if metric.finding is Verdict.WORSE and metric != primary]
    if worse:
        said += f" Worse: {', '.join(worse)}."
    if report.verdict is Verdict.INCONCLUSIVE and primary.margin is not None:
        said += f" A loss of more than {difference_size(primary.margin, primary.unit)} cannot be ruled out."
    return said


def value(number: float | None, unit: str) -> str:
    """A metric's value with its unit; a dash where there is none."""
    match unit:
        case _ if number is None:
            return "–"
        case "share":
            return f"{_signless(number * 100, 1)} %"
        case "seconds":
            return f"{_signless(number, 3)} s"
        case "tokens":
            return _signless(number, 1)
        case "money":
            return _signless(number, 5)
        case _:
            return _signless(number, 3)


def row_value(number: float | None, unit: str) -> str:
    """The value of one row, which is often all or nothing: no decimals where there are none."""
    return value(number, unit).replace(".0 %", " %").replace(".000", "")


def row_change(number: float | None, unit: str) -> str:
    return change(number, unit).replace(".0 points", " points").replace(".000", "")


def change(number: float | None, unit: str) -> str:
    """A difference with its sign. Shares differ by points of a hundred."""
    if number is None:
        return "–"
    text = difference_size(number, unit)
    if not any(digit in text for digit in "123456789"):
        return f"±{text}" if number else text
    return ("+" if number > 0 else "−") + text


def difference_size(number: float, unit: str) -> str:
    """How large a difference is, without its sign."""
    text = value(abs(number), unit)
    return text.replace(" %", " points") if unit == "share" else text


def interval(found: Interval | None, unit: str) -> str:
    """`−0.5 to +2.1`, without the unit, which the difference beside it has."""
    if found is None:
        return ""
    return f"{_bare(found.low, unit)} to {_bare(found.high, unit)}"


def chart_words(metric: MetricComparison) -> str:
    """What the metric's plot shows, for those who do not see it."""
    if metric.difference is None:
        return f"{label(metric.name)}: nothing to compare with."
    words = f"{label(metric.name)}: difference {change(metric.difference, metric.unit)}"
    if metric.interval:
        words += f", {metric.interval.level * 100:.0f} % interval {interval(metric.interval, metric.unit)}"
    if metric.margin is not None:
        words += f"; a loss of up to {difference_size(metric.margin, metric.unit)} is tolerated"
    return words + "; above 0 is better."


def moment(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def day(on: date) -> str:
    return f"{on.day} {on:%B %Y}"


def age(since: timedelta) -> str:
    """How long ago something was."""
    if since < timedelta(days=2):
        return f"{duration(since.total_seconds())} ago"
    return f"{since.days} days ago"


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _bare(number: float, unit: str) -> str:
    return change(number, unit).removesuffix(" points").removesuffix(" s")


def _signless(number: float, digits: int) -> str:
    return f"{number:,.{digits}f}".replace("-", "−")
