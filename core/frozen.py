"""The base of every value that is checked when it is made and never changes afterwards."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Refuses fields that it does not know, and numbers that JSON has no word for: what holds infinity could not be
    read back."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
