"""The report as one HTML file: for a mail, an archive, or paper. It loads nothing and needs no script to be read.

It stays below about 12 MB: up to MOST_LISTED questions are listed, and the answers are in it of all that were left
without a score, are locked, were lost or won, in this order, and of MOST_TIES equal ones, until they take MOST_BYTES.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from core.types import digest
from evals.gate.comparison import MetricComparison
from evals.report.case_detail import CaseDetail
from evals.report.page import (
    SHEETS,
    STATIC,
    case_body,
    find_row,
    fragment,
    report_body,
)
from evals.report.report import Report, ReportRow
from evals.report.rows import ListedRow, Outcome, RowQuery, select_rows
from evals.report.view import ReportView, rows_by_outcome, view_of

MOST_BYTES = 8_000_000
MOST_LISTED = 2_000
MOST_TIES = 20
# Of a passage that is neither gold nor cited, this many characters are shown.
_MOST_PASSAGE = 300
# Questions named for one metric or tag.
_MOST_INDEXED = 100

ReadCases = Callable[[Sequence[int]], Iterable[CaseDetail]]
"""The cases at these places, in this order: CaseDetails.each."""


@dataclass(frozen=True, slots=True)
class FileLinks:
    """Links inside the file. A case whose answers are not in it is found in the list."""

    embedded: frozenset[int]

    def case(self, ordinal: int) -> str:
        return f"#case-{ordinal}" if ordinal in self.embedded else f"#row-{ordinal}"

    def rows(self, **filters: str) -> str:
        for name in ("metric", "tag", "origin"):
            if filters.get(name):
                return f"#{_anchor(name, filters[name])}"
        return f"#rows-{filters['outcome']}" if filters.get("outcome") else "#rows"


@dataclass(frozen=True, slots=True)
class Article:
    """One case in the file. One that was answered `equal` is left out on paper."""

    ordinal: int
    question: str
    body: Markup
    equal: bool


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """The questions behind one metric, tag or origin."""

    anchor: str
    title: str
    metric: bool
    groups: tuple[tuple[str, tuple[ReportRow, ...]], ...]


def report_file(report: Report, read: ReadCases) -> str:
    """The whole file."""
    view = view_of(report)
    wanted = _wanted(report)
    articles = list(_articles(report, read, wanted))
    links = FileLinks(frozenset(article.ordinal for article in articles))
    style = Markup("".join((STATIC / sheet).read_text("utf-8") for sheet in SHEETS))  # noqa: S704
    script = Markup((STATIC / "report.js").read_text("utf-8"))  # noqa: S704
    return fragment(
        "report_file.html",
        report,
        view=view,
        style=style,
        script=script,
        body=report_body(view, links, _rows(view, links), [("cases", "The answers")]),
        articles=articles,
        left_out=len(wanted) - len(articles),
        most_ties=MOST_TIES,
    )


def _wanted(report: Report) -> list[int]:
    """The places of the cases whose answers belong into the file, the most important first."""
    by_outcome = dict(rows_by_outcome(report))
    locked = [row.ordinal for row in report.rows if row.locked]
    ties = [listed.row.ordinal for listed in by_outcome["tie"]][:MOST_TIES]
    names: tuple[Outcome, ...] = ("loss", "win")
    decided = [listed.row.ordinal for name in names for listed in by_outcome[name]]
    unscored = [listed.row.ordinal for listed in by_outcome["unscored"]]
    missing = {row.case_id for row in report.unscored}
    unscored += [row.ordinal for row in report.rows if row.case_id in missing]
    return list(dict.fromkeys([*unscored, *locked, *decided, *ties]))


def _articles(report: Report, read: ReadCases, wanted: Sequence[int]) -> Iterator[Article]:
    links, size = FileLinks(frozenset()), 0
    for detail in read(wanted):
        body = case_body(report, detail, links, most=_MOST_PASSAGE)
        size += len(body.encode())
        if size > MOST_BYTES:
            return
        row = find_row(report, detail.ordinal)
        equal = row is not None and row.outcome == "tie" and not row.locked
        yield Article(detail.ordinal, row.question if row else detail.case.question, body, equal)


def _rows(view: ReportView, links: FileLinks) -> Markup:
    room = MOST_LISTED
    listed: list[tuple[Outcome, list[ListedRow]]] = []
    order: tuple[Outcome, ...] = ("unscored", "loss", "win", "tie")
    by_outcome = dict(rows_by_outcome(view.report))
    for outcome in order:
        listed.append((outcome, by_outcome[outcome][:room]))
        room -= len(listed[-1][1])
    return fragment(
        "_rows_file.html",
        view.report,
        view=view,
        links=links,
        listed=listed,
        unlisted=len(view.report.rows) - (MOST_LISTED - room),
        index=list(_index(view)),
        most_indexed=_MOST_INDEXED,
    )


def _index(view: ReportView) -> Iterator[IndexEntry]:
    report = view.report
    for metric in report.metrics:
        yield _by_metric(report, metric)
    for tag in view.tags:
        yield _by_label("tag", tag, tag, (row for row in report.rows if tag in row.tags))
    for origin in sorted({row.origin for row in report.rows}):
        yield _by_label("origin", origin, f"From {origin}", (row for row in report.rows if row.origin == origin))


def _by_metric(report: Report, metric: MetricComparison) -> IndexEntry:
    listed = select_rows(report, RowQuery(metric=metric.name))

    def having(outcome: Outcome) -> tuple[ReportRow, ...]:
        return tuple(found.row for found in listed if found.outcome == outcome)

    groups = (("Lost", having("loss")), ("Won", having("win")), ("Equal", having("tie")), ("None", having("unscored")))
    return IndexEntry(_anchor("metric", metric.name), metric.name, True, groups)


def _by_label(kind: str, label: str, title: str, rows: Iterable[ReportRow]) -> IndexEntry:
    return IndexEntry(_anchor(kind, label), title, False, (("", tuple(rows)),))


def _anchor(kind: str, label: str) -> str:
    """An id that is the same for the same label and needs no escaping, whatever the label holds."""
    slug = re.sub(r"[^a-z0-9]+", "-", label.lower())[:40].strip("-")
    return f"rows-{kind}-{slug}-{digest(label)[:6]}"
