"""The gate's thresholds, read from `gate.yaml`, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import InputError

GATE = Path(__file__).parent / "gate.yaml"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class QualityThreshold(_Frozen):
    """A metric whose mean may not fall. `margin` is the loss that is put up with."""

    margin: float = Field(gt=0)
    reason: str = Field(min_length=1)


class CostThreshold(_Frozen):
    """A cost, and how many times the baseline's it may be."""

    most_times: float = Field(ge=1)
    reason: str = Field(min_length=1)


class JudgeThresholds(_Frozen):
    """From when on a judge is trusted."""

    agreement: float = Field(ge=0, le=1)
    agreement_reason: str
    self_agreement: float = Field(ge=0, le=1)
    self_agreement_reason: str


class Thresholds(_Frozen):
    """Everything the gate is told."""

    schema_version: Literal[1]
    primary: str
    level: float = Field(gt=0.5, lt=1)
    min_cases: int = Field(ge=1)
    quality: Mapping[str, QualityThreshold]
    zero_tolerance: Mapping[str, str]
    costs: Mapping[str, CostThreshold]
    critical_slices: Mapping[str, str]
    judge: JudgeThresholds


def load_thresholds(path: Path = GATE) -> Thresholds:
    """The thresholds in `path`. Raises InputError that names what is wrong with the file."""
    try:
        thresholds = Thresholds.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"The gate's file {path} cannot be read: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"The gate's file {path}: {place}: {first['msg']}.") from error
    if thresholds.primary not in thresholds.quality:
        raise InputError(f"The gate's file {path}: the primary metric {thresholds.primary} has no margin.")
    return thresholds
