"""/ops: how the installation does. Each plot's figures are also a table, a CSV file, and part of /ops.json."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from app.auth import Caller, ReviewerDep, ServicesDep
from app.pages.ops.day_charts import drawn, stacked
from app.pages.ops.desk import Operations, OpsDesk
from app.pages.views import render
from core.errors import NotFoundError
from serving.factory import Services

router = APIRouter(include_in_schema=False)

RANGES = (7, 30, 90)
_JSON_VERSION = 1

Days = Annotated[int, Query(ge=1, le=366)]


@router.get("/ops")
def ops_page(caller: ReviewerDep, services: ServicesDep, days: Days = 30) -> Response:
    """The page."""
    found = _open(caller, services, days)
    charts = {name: stacked(found.tables[name]) for name in ("answers", "votes", "causes", "costs")}
    charts["times"] = drawn(found.tables["times"])
    return render("ops.html", caller=caller, ops=found, charts=charts, ranges=RANGES)


@router.get("/ops.json")
def ops_json(caller: ReviewerDep, services: ServicesDep, days: Days = 30) -> Response:
    """Everything on the page, for programs."""
    content = json.dumps(_as_json(_open(caller, services, days)), indent=1, default=str)
    return Response(content, media_type="application/json", headers=_as_file(f"operations-{days}-days.json"))


@router.get("/ops/{table}.csv")
def ops_csv(table: str, caller: ReviewerDep, services: ServicesDep, days: Days = 30) -> Response:
    """The figures of one plot. Raises NotFoundError."""
    tables = _open(caller, services, days).tables
    if table not in tables:
        raise NotFoundError("There are no such figures.", hint=f"There are {', '.join(tables)}.")
    headers = _as_file(f"{table}-{days}-days.csv")
    return Response(tables[table].csv(), media_type="text/csv; charset=utf-8", headers=headers)


def _open(caller: Caller, services: Services, days: int) -> Operations:
    return OpsDesk(services, caller.scope).open(days)


def _as_json(found: Operations) -> dict[str, Any]:
    """The figures by day, and the lists without what is only drawn."""
    return {
        "schema_version": _JSON_VERSION,
        "days": found.days,
        "tables": {name: table.as_json() for name, table in found.tables.items()},
        "votes_waiting": found.waiting,
        "triggers": {
            "checked": found.checked,
            "readings": {line.name: dataclasses.asdict(line.reading) for line in found.triggers},
        },
        "firings": [
            {"id": each.id, "trigger": each.trigger, "remedy": each.remedy, "state": each.state, "at": each.at,
             "reason": each.reason, "detail": each.detail, "release": each.release_id}
            for each in found.firings
        ],
        "candidates": [
            {"release": line.release.id, "made_at": line.release.created_at, "made_by": line.release.created_by,
             "evaluation": line.evaluation.record.id if line.evaluation else None,
             "approved": line.evaluation is not None and line.evaluation.approved,
             "firing": line.firing.id if line.firing else None}
            for line in found.candidates
        ],
        "sources": [dataclasses.asdict(line.health) | {"old": line.old} for line in found.corpus.sources],
        "runs": [
            {"id": line.run.id, "source": line.run.source, "collection": line.run.collection, "state": line.run.state,
             "started_at": line.run.started_at, "seconds": line.seconds, "documents": line.counts, "error": line.error}
            for line in found.corpus.runs
        ],
        "failures": {"documents": [dataclasses.asdict(each) for each in found.corpus.failures],
                     "hidden": found.corpus.hidden},
        "erasures": found.erasures,
        "prompts": found.prompts,
    }  # fmt: skip


def _as_file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
