"""The templates, and the responses made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from app.answers.votes import REASONS
from app.pages.figures import figure, in_words
from app.pages.navigation import home_of, places_for
from evals.report.page import TEMPLATES
from evals.report.words import age, day, duration, moment, verdict_words
from loop.feedback.votes import LONGEST_COMMENT, LONGEST_CORRECTION
from serving.releases.summary import in_words as manifest_changes

_environment = Environment(
    loader=FileSystemLoader([Path(__file__).parents[1] / "templates", TEMPLATES]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals.update(
    places_for=places_for,
    home_of=home_of,
    reasons=REASONS,
    longest_comment=LONGEST_COMMENT,
    longest_correction=LONGEST_CORRECTION,
)
_environment.filters.update(moment=moment, day=day, ago=age, took=duration, figure=figure, in_words=in_words)
_environment.filters.update(manifest_changes=manifest_changes, verdict=verdict_words)


def render(template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """A page, or a fragment of one. Every value is escaped unless it is Markup, which only app.pages.markdown
    and evals.report.page make."""
    return HTMLResponse(_environment.get_template(template).render(**context), status)
