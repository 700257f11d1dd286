"""The gate's thresholds, read from `gate.yaml` or the file of RAGLOOP_GATE_FILE, each with its reason."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError

from core.errors import InputError
from core.frozen import Frozen
from core.text.strict_yaml import YamlError, load_yaml
from evals.metrics.names import METRICS

GATE = Path(__file__).parent / "gate.yaml"
_HINT = "Begin with a copy of evals/gate/gate.yaml; RAGLOOP_GATE_FILE says where it is."

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class QualityThreshold(Frozen):
    """A metric whose mean may not fall. `margin` is the loss that is put up with."""

    margin: float = Field(gt=0)
    reason: Reason


class CostThreshold(Frozen):
    """A cost, and how many times the baseline's it may be."""

    most_times: float = Field(ge=1)
    reason: Reason


class JudgeThresholds(Frozen):
    """From when on a judge is trusted."""

    agreement: float = Field(ge=0, le=1)
    agreement_reason: Reason
    self_agreement: float = Field(ge=0, le=1)
    self_agreement_reason: Reason


class Thresholds(Frozen):
    """Everything the gate is told."""

    schema_version: Literal[1]
    primary: str
    level: float = Field(gt=0.5, lt=1)
    min_cases: int = Field(ge=1)
    quality: Mapping[str, QualityThreshold]
    zero_tolerance: Mapping[str, Reason]
    costs: Mapping[str, CostThreshold]
    critical_slices: Mapping[str, Reason]
    judge: JudgeThresholds


def load_thresholds(path: Path | None = None) -> Thresholds:
    """The thresholds in `path`, by default those that come with RAGLoop. Raises InputError that names what is wrong."""
    path = path or GATE
    try:
        thresholds = Thresholds.model_validate(load_yaml(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"The gate's file {path}: {place}: {first['msg']}.", hint=_HINT) from error
    except (OSError, UnicodeDecodeError, YamlError) as error:
        raise InputError(f"The gate's file {path} cannot be read: {error}.", hint=_HINT) from error
    if thresholds.primary not in thresholds.quality:
        raise InputError(f"The gate's file {path}: the primary metric {thresholds.primary} has no margin.", hint=_HINT)
    names = [*thresholds.quality, *thresholds.zero_tolerance, *thresholds.costs]
    for name in names:
        if name not in METRICS:
            raise _unknown(path, name)
        if names.count(name) > 1:
            raise InputError(f"The gate's file {path}: {name} stands in two groups.", hint="Keep the one that decides.")
    return thresholds


def _unknown(path: Path, name: str) -> InputError:
    near = difflib.get_close_matches(name, METRICS, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(sorted(METRICS))}."
    return InputError(f"The gate's file {path}: there is no metric {name[:60]}.", hint=hint)
