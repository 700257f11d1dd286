"""Days in SQL: what happened when, grouped by day in UTC, on every database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, func

from core.storage.database import Database


def utc_day(database: Database, moment: Column[Any]) -> ColumnElement[str]:
    """The day of the moment in UTC, as YYYY-MM-DD."""
    if database.engine.dialect.name == "postgresql":
        return func.to_char(func.timezone("UTC", moment), "YYYY-MM-DD")
    return func.date(moment)
