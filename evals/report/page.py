"""A report as HTML: the parts that the review page shows, and one file that needs nothing else.

The same templates serve both; what differs is where links lead. Everything in a report is data: every value is escaped,
and nothing in it becomes markup.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from pydantic import ValidationError

from core.errors import ConflictError
from evals.report import words as report_words
from evals.report.case_detail import CaseDetail
from evals.report.chart import BAR_PLANE, PLANE
from evals.report.passage_marks import passage_views, wordings
from evals.report.report import Report, ReportRow
from evals.report.rows import decisive_metrics
from evals.report.view import ReportView, score_lines
from serving.releases.summary import manifest_value

STATIC = Path(__file__).parent / "static"
TEMPLATES = Path(__file__).parent / "templates"
# What a metric noted of a score is shown up to here: it may hold whole lists.
_MOST_DETAIL = 400


class Links(Protocol):
    """Where a report's links lead. Filters are the fields of report_rows.RowQuery."""

    def case(self, ordinal: int) -> str: ...

    def rows(self, **filters: str) -> str: ...


@dataclass(frozen=True, slots=True)
class PageLinks:
    """Links of the review page."""

    evaluation_id: str

    @property
    def report(self) -> str:
        return f"/reviews/{self.evaluation_id}"

    def case(self, ordinal: int) -> str:
        return f"{self.report}/cases/{ordinal}"

    def rows(self, **filters: str) -> str:
        return f"{self.report}{query_string(filters)}#rows"


def query_string(filters: Mapping[str, str]) -> str:
    """`?name=value&…` of the filters that have a value; nothing if none has."""
    given = {name: text for name, text in filters.items() if text}
    return f"?{urlencode(given)}" if given else ""


def report_body(view: ReportView, links: Links, rows: Markup, sections: Sequence[tuple[str, str]] = ()) -> Markup:
    """The report. `rows` is its list of questions; `sections` are (anchor, label) of what the page puts below it."""
    return fragment("_report.html", view.report, view=view, links=links, rows=rows, sections=sections)


def case_body(
    report: Report, detail: CaseDetail, links: Links, *, most: int | None = None, open_scores: bool = False
) -> Markup:
    """One case with both answers; `most` limits the passages that are neither gold nor cited, in characters."""
    row = find_row(report, detail.ordinal)
    answers = {side: found.answer for side, found in detail.sides if found.answer}
    texts = [answer.text for answer in answers.values()]
    others = dict(zip(answers, reversed(texts), strict=True))
    return fragment(
        "_case.html",
        report,
        detail=detail,
        row=row,
        decided_by=decisive_metrics(report, row) if row else (),
        links=links,
        passages={side: passage_views(detail, answer, most) for side, answer in answers.items()},
        wordings={side: wordings(answer.text, others[side]) for side, answer in answers.items()},
        same=len(texts) == 2 and texts[0] == texts[1],
        scores=score_lines(report, detail),
        open_scores=open_scores,
    )


def find_row(report: Report, ordinal: int) -> ReportRow | None:
    return next((row for row in report.rows if row.ordinal == ordinal), None)


def report_json(report: Report) -> str:
    """The report for programs."""
    return report.model_dump_json(indent=2)


def load_report(stored: Mapping[str, Any]) -> Report:
    """The report out of the database. Raises ConflictError for one that this version does not read."""
    try:
        return Report.model_validate(stored)
    except ValidationError as error:
        raise ConflictError(
            "This report was written by another version of RAGLoop.", hint="Evaluate the release again."
        ) from error


def fragment(template: str, report: Report, **context: Any) -> Markup:
    """A part of a page. Every value in it was escaped by the template."""
    units = {metric.name: metric.unit for metric in report.metrics}
    text = _environment.get_template(template).render(units=units, **context)
    return Markup(text)  # noqa: S704 - autoescaped by the environment below


def standalone(template: str, **context: Any) -> str:
    """A page of its own that loads nothing, in the style of the reports."""
    sheets = (STATIC / sheet for sheet in SHEETS)
    style = Markup("".join(sheet.read_text("utf-8") for sheet in sheets))  # noqa: S704 - our own files
    return _environment.get_template(template).render(style=style, **context)


def source_hash(text: str) -> str:
    """What a Content-Security-Policy calls an inline style or script of this text."""
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()


def _detail(detail: Mapping[str, Any]) -> str:
    text = "; ".join(f"{name.replace('_', ' ')}: {_plain(value)}" for name, value in detail.items())
    return text if len(text) <= _MOST_DETAIL else f"{text[:_MOST_DETAIL].rstrip()} …"


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if value in ([], {}, None, ""):
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


SHEETS = ("colours.css", "file.css", "report.css")
"""The sheets of a file that loads nothing."""

_environment = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals.update(plot_plane=PLANE, bar_plane=BAR_PLANE)
_environment.filters.update(
    label=report_words.label,
    because=report_words.because,
    value=report_words.value,
    size=report_words.difference_size,
    row_value=report_words.row_value,
    row_change=report_words.row_change,
    change=report_words.change,
    interval=report_words.interval,
    chart_words=report_words.chart_words,
    verdict=report_words.verdict_words,
    headline=report_words.headline,
    consequence=report_words.consequence,
    manifest_value=manifest_value,
    duration=report_words.duration,
    block=lambda code: report_words.BLOCKS[code],
    moment=report_words.moment,
    detail=_detail,
    source_hash=source_hash,
)
