"""For probes and scrapers: /healthz, /readyz, /metrics."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from app.auth import ReviewerDep, RuntimeDep
from app.monitoring import readiness

router = APIRouter()


@router.get("/healthz")
async def healthz() -> dict[str, Any]:
    """The process lives."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(runtime: RuntimeDep) -> Response:
    """Whether database, index and model work and documents are ingested; 503 until they do. `model_server` is degraded
    while a served model does not answer, which is no reason to send requests elsewhere."""
    found = readiness.look(runtime)
    content = {
        "status": "ready" if found.ready else "not ready",
        "checks": found.checks,
        "hint": found.hint,
        "model_server": found.model_server,
    }
    return JSONResponse(content, 200 if found.ready else 503, None if found.ready else {"Retry-After": "2"})


@router.get("/metrics")
def metrics(_caller: ReviewerDep, request: Request) -> Response:
    """Prometheus's text format. A scraper's key has the role review, and with it no power over what is live."""
    return Response(request.app.state.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)
