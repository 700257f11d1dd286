"""The rules of the triggers, read from `triggers.yaml`, each number with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from core.errors import InputError, NotFoundError
from core.frozen import Frozen
from core.loop.diagnosis import Cause
from core.text.strict_yaml import YamlError, load_yaml
from loop.remedies.catalogue import remedy_names

TRIGGERS = Path(__file__).parent / "triggers.yaml"

MEASURES = ("drift_questions", "drift_scores", "staleness_days", "refusal_rate", "latency_p95", "cost_per_answer")
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Days = Annotated[float, Field(ge=0, le=3650)]
Window = Annotated[float, Field(gt=0, le=3650)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
Measure = Annotated[str, Field(pattern=f"^({'|'.join(MEASURES)})$")]


def _known(name: str) -> str:
    """Raises ValueError for the name of no remedy."""
    if name not in remedy_names():
        raise ValueError(f"there is no remedy {name[:60]!r}; there are {', '.join(remedy_names())}")
    return name


RemedyName = Annotated[str, AfterValidator(_known)]


class VoteRules(Frozen):
    """What votes weigh that nobody has accepted: nothing until they and the accepted ones have so many `authors`, and
    of one author at most `per_author`."""

    authors: int = Field(ge=1)
    authors_reason: Reason
    per_author: int = Field(ge=1)
    per_author_reason: Reason


class Defaults(Frozen):
    """For triggers that do not say otherwise."""

    window_days: Window
    window_reason: Reason
    cool_down_days: Days
    cool_down_reason: Reason


class ComparisonRules(Frozen):
    """How answers in a window are compared with those before it: how many, of whom, and how surely."""

    reference_days: Window
    reference_reason: Reason
    least: int = Field(ge=2)
    least_reason: Reason
    most: int = Field(ge=2, le=5000)
    most_reason: Reason
    per_asker: int = Field(ge=1)
    per_asker_reason: Reason
    level: float = Field(ge=0.001, lt=1)
    level_reason: Reason


class _Trigger(Frozen):
    remedy: RemedyName
    says: Reason
    threshold: float = Field(gt=0)
    reason: Reason
    window_days: Window | None = None
    cool_down_days: Days | None = None


class CauseTrigger(_Trigger):
    """Fires when complaints of these causes weigh as much as its threshold."""

    counts: tuple[Cause, ...] = Field(min_length=1)


class MeasureTrigger(_Trigger):
    """Fires when what is measured reaches its threshold, and chance does not explain it."""


class TriggerRules(Frozen):
    """Everything the triggers are told. Triggers that a file leaves out are switched off."""

    schema_version: Literal[1]
    votes: VoteRules
    defaults: Defaults
    comparison: ComparisonRules
    causes: Mapping[Name, CauseTrigger] = Field(default_factory=dict)
    measures: Mapping[Measure, MeasureTrigger] = Field(default_factory=dict)

    @property
    def triggers(self) -> Mapping[str, CauseTrigger | MeasureTrigger]:
        """Every trigger by name: those of causes first."""
        return {**self.causes, **self.measures}

    def trigger(self, name: str) -> CauseTrigger | MeasureTrigger:
        """Raises NotFoundError with the names there are."""
        found = self.triggers.get(name)
        if found is None:
            raise NotFoundError(
                f"There is no trigger {name[:60]!r}.", hint=f"There are {', '.join(self.triggers) or 'none'}."
            )
        return found

    def window(self, name: str) -> timedelta:
        """How far back the trigger looks."""
        days = self.trigger(name).window_days
        return timedelta(days=self.defaults.window_days if days is None else days)

    def cool_down(self, name: str) -> timedelta:
        """How long the trigger is quiet after it fired."""
        days = self.trigger(name).cool_down_days
        return timedelta(days=self.defaults.cool_down_days if days is None else days)

    @property
    def reference(self) -> timedelta:
        """How long the time is that a window is compared with."""
        return timedelta(days=self.comparison.reference_days)


def load_rules(path: Path | None = None) -> TriggerRules:
    """The rules in `path`, by default those that come with RAGLoop. Raises InputError that names what is wrong."""
    path = path or TRIGGERS
    try:
        rules = TriggerRules.model_validate(load_yaml(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"The triggers' file {path}: {place}: {first['msg']}.", hint=_HINT) from error
    except (OSError, UnicodeDecodeError, YamlError) as error:
        raise InputError(f"The triggers' file {path} cannot be read: {error}.", hint=_HINT) from error
    if both := sorted(rules.causes.keys() & set(rules.measures)):
        raise InputError(f"The triggers' file {path}: {both[0]} is a cause and a measure.", hint=_HINT)
    return rules


_HINT = "Begin with a copy of loop/triggers/triggers.yaml; RAGLOOP_TRIGGERS_FILE says where it is."
