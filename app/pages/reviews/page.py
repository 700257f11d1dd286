"""/reviews: evaluations, their reports, and the cases behind every number. `decisions` has the deciding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from markupsafe import Markup

from app.auth import Caller, ReviewerDep, ServicesDep
from app.fields import Text
from app.pages.reviews.desk import Review, ReviewDesk
from app.pages.views import render
from core.errors import RagloopError
from core.permissions import Deed, may
from evals.report.file import report_file
from evals.report.page import (
    PageLinks,
    case_body,
    find_row,
    fragment,
    query_string,
    report_body,
    report_json,
)
from evals.report.rows import (
    Outcome,
    RowQuery,
    Sort,
    count_outcomes,
    neighbours,
    select_rows,
)
from evals.report.view import ReportView, view_of

router = APIRouter(include_in_schema=False)

PAGE_LENGTH = 50


@dataclass(frozen=True, slots=True)
class RowsAddress:
    """Addresses of the list of questions: the same list in another order, by another outcome, on another page."""

    path: str
    query: RowQuery
    page: int
    pages: int

    @property
    def sort(self) -> Sort:
        return self.query.sort

    @property
    def narrowed(self) -> bool:
        return replace(self.query, sort="worst") != RowQuery()

    def sorted(self, sort: Sort) -> str:
        return self._to(replace(self.query, sort=sort))

    def showing(self, outcome: Outcome | Literal[""]) -> str:
        return self._to(replace(self.query, outcome=outcome))

    def turned(self, page: int) -> str:
        return self._to(self.query, page)

    def _to(self, query: RowQuery, page: int = 1) -> str:
        fields = {name: str(getattr(query, name)) for name in query.__dataclass_fields__ if name != "locked"}
        fields |= {"locked": "true" if query.locked else "", "page": str(page) if page > 1 else ""}
        if query.sort == "worst":
            fields["sort"] = ""
        return f"{self.path}{query_string(fields)}#rows"


def row_query(
    outcome: Outcome | Literal[""] = "",
    metric: Annotated[Text, Query(max_length=100)] = "",
    tag: Annotated[Text, Query(max_length=200)] = "",
    text: Annotated[Text, Query(max_length=200)] = "",
    origin: Annotated[Text, Query(max_length=200)] = "",
    locked: bool = False,
    sort: Sort = "worst",
) -> RowQuery:
    """The list of questions that an address asks for."""
    return RowQuery(outcome, metric, tag, text.strip(), locked, origin, sort)


RowQueryDep = Annotated[RowQuery, Depends(row_query)]
PageNumber = Annotated[int, Query(ge=1, le=100_000)]


@router.get("/reviews")
def list_page(caller: ReviewerDep, services: ServicesDep) -> Response:
    """Every evaluation, and what is live."""
    return reviews_page(caller, ReviewDesk(services))


@router.get("/reviews/{evaluation_id}")
def review_page(
    evaluation_id: str, caller: ReviewerDep, services: ServicesDep, query: RowQueryDep, page: PageNumber = 1
) -> Response:
    """The report, and what may be decided on it."""
    return one_review(caller, ReviewDesk(services), evaluation_id, query, page)


@router.get("/reviews/{evaluation_id}/cases/{ordinal}")
def case_page(evaluation_id: str, ordinal: int, caller: ReviewerDep, services: ServicesDep) -> Response:
    """One case: both answers beside each other, and the way to the next loss."""
    desk = ReviewDesk(services)
    review = desk.review(evaluation_id)
    links = PageLinks(review.record.id)
    detail = desk.case(review.record, ordinal)
    row = find_row(review.report, ordinal)
    before, after = neighbours(review.report, ordinal, "loss")
    return render(
        "reviews/review_case.html",
        caller=caller,
        links=links,
        question=row.question if row else detail.case.question,
        report=review.report,
        body=case_body(review.report, detail, links, open_scores=True),
        before=before,
        after=after,
    )


@router.get("/reviews/{evaluation_id}/report.html")
def download_html(evaluation_id: str, caller: ReviewerDep, services: ServicesDep) -> Response:  # noqa: ARG001
    """The report as one file that needs nothing else."""
    desk = ReviewDesk(services)
    review = desk.review(evaluation_id)
    content = report_file(review.report, desk.details(review.record).each)
    return _download(content, "text/html; charset=utf-8", f"evaluation-{review.record.id[:8]}.html")


@router.get("/reviews/{evaluation_id}/report.json")
def download_json(evaluation_id: str, caller: ReviewerDep, services: ServicesDep) -> Response:  # noqa: ARG001
    """The report for programs."""
    review = ReviewDesk(services).review(evaluation_id)
    return _download(report_json(review.report), "application/json", f"evaluation-{review.record.id[:8]}.json")


# ---------------------------------------------------------------- what decisions show too


def reviews_page(caller: Caller, desk: ReviewDesk, problem: RagloopError | None = None, reason: str = "") -> Response:
    """The list; with `problem`, a rollback that could not be made."""
    status = problem.status if problem else 200
    may_roll_back = may(caller.actor, Deed.SWITCH_RELEASE)
    context = {"overview": desk.overview(), "may_roll_back": may_roll_back, "problem": problem, "reason": reason}
    return render("reviews/reviews.html", status, caller=caller, **context)


def one_review(
    caller: Caller,
    desk: ReviewDesk,
    evaluation_id: str,
    query: RowQuery | None = None,
    page: int = 1,
    problem: RagloopError | None = None,
    reason: str = "",
) -> Response:
    """The report; with `problem`, a decision that could not be made, and the reason that was typed for it."""
    review = desk.review(evaluation_id)
    links = PageLinks(review.record.id)
    view = view_of(review.report)
    rows = _rows(review, view, links, query or RowQuery(), page)
    return render(
        "reviews/review.html",
        problem.status if problem else 200,
        caller=caller,
        report=review.report,
        links=links,
        body=report_body(view, links, rows, [("decide", "Decide")]),
        decision=desk.decision(review, caller.actor),
        problem=problem,
        reason=reason,
    )


def _rows(review: Review, view: ReportView, links: PageLinks, query: RowQuery, page: int) -> Markup:
    rows = select_rows(review.report, query)
    counts = count_outcomes(select_rows(review.report, replace(query, outcome="")))
    pages = max(1, -(-len(rows) // PAGE_LENGTH))
    page = min(page, pages)
    return fragment(
        "_rows_page.html",
        review.report,
        view=view,
        links=links,
        query=query,
        rows=rows[(page - 1) * PAGE_LENGTH : page * PAGE_LENGTH],
        counts={**counts, "": sum(counts.values())},
        heads=RowsAddress(links.report, query, page, pages),
    )


def _download(content: str, media_type: str, name: str) -> Response:
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
