"""What each route of the application asks of its caller. A new route belongs into NEEDS."""

from __future__ import annotations

from collections.abc import Mapping

from core.types import Role

ANYONE = None

# What each route asks of its caller: a role (admin has them all), or ANYONE.
NEEDS: Mapping[tuple[str, str], Role | None] = {
    # open to all
    ("GET", "/healthz"): ANYONE,
    ("GET", "/readyz"): ANYONE,
    ("GET", "/openapi.json"): ANYONE,
    ("GET", "/static/{path}"): ANYONE,
    ("GET", "/sign-in"): ANYONE,
    ("POST", "/sign-in"): ANYONE,
    ("POST", "/sign-out"): ANYONE,
    # asking and reading
    ("POST", "/v1/chat/completions"): Role.CHAT,
    ("POST", "/v1/search"): Role.CHAT,
    ("POST", "/v1/feedback"): Role.CHAT,
    ("GET", "/v1/models"): Role.CHAT,
    ("GET", "/v1/models/{model}"): Role.CHAT,
    ("GET", "/v1/documents"): Role.CHAT,
    ("GET", "/v1/documents/{document_id}"): Role.CHAT,
    ("GET", "/"): Role.CHAT,
    ("POST", "/"): Role.CHAT,
    ("GET", "/answers/{interaction_id}"): Role.CHAT,
    ("POST", "/answers/{interaction_id}/vote"): Role.CHAT,
    ("GET", "/documents"): Role.CHAT,
    ("GET", "/documents/{document_id}"): Role.CHAT,
    ("DELETE", "/v1/documents"): Role.INGEST,
    # judging
    ("GET", "/v1/evaluations"): Role.REVIEW,
    ("GET", "/v1/evaluations/{evaluation_id}"): Role.REVIEW,
    ("GET", "/gaps"): Role.REVIEW,
    ("GET", "/gaps.json"): Role.REVIEW,
    ("POST", "/gaps/{firing_id}/close"): Role.REVIEW,
    ("GET", "/ops"): Role.REVIEW,
    ("GET", "/ops.json"): Role.REVIEW,
    ("GET", "/ops/{table}.csv"): Role.REVIEW,
    ("GET", "/feedback"): Role.REVIEW,
    ("GET", "/feedback/decided"): Role.REVIEW,
    ("GET", "/feedback/{feedback_id}"): Role.REVIEW,
    ("POST", "/feedback/{feedback_id}/accept"): Role.REVIEW,
    ("POST", "/feedback/{feedback_id}/dismiss"): Role.REVIEW,
    ("GET", "/reviews"): Role.REVIEW,
    ("GET", "/reviews/cases"): Role.REVIEW,
    ("POST", "/reviews/cases"): Role.REVIEW,
    ("GET", "/reviews/{evaluation_id}"): Role.REVIEW,
    ("GET", "/reviews/{evaluation_id}/cases/{ordinal}"): Role.REVIEW,
    ("GET", "/reviews/{evaluation_id}/report.html"): Role.REVIEW,
    ("GET", "/reviews/{evaluation_id}/report.json"): Role.REVIEW,
    ("POST", "/reviews/{evaluation_id}/reject"): Role.REVIEW,
    ("GET", "/metrics"): Role.REVIEW,
    ("GET", "/v1/releases"): Role.REVIEW,
    ("POST", "/v1/releases"): Role.REVIEW,
    ("GET", "/v1/releases/{release_id}"): Role.REVIEW,
    ("GET", "/v1/releases/{release_id}/history"): Role.REVIEW,
    ("POST", "/v1/releases/{release_id}/reject"): Role.REVIEW,
    # deciding what answers
    ("POST", "/reviews/{evaluation_id}/approve"): Role.APPROVE,
    ("POST", "/reviews/{evaluation_id}/promote"): Role.APPROVE,
    ("POST", "/reviews/rollback"): Role.APPROVE,
    ("POST", "/v1/releases/{release_id}/approve"): Role.APPROVE,
    ("POST", "/v1/releases/{release_id}/promote"): Role.APPROVE,
    ("POST", "/v1/releases/rollback"): Role.APPROVE,
}
