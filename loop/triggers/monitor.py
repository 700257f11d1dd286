"""The check of the triggers: what `ragloop triggers check` and the DAG `monitor_feedback` do.

    Monitor(services).check(datetime.now(UTC))      # diagnose what is new, gather the facts, decide, store what fired

A check stores firings and does nothing about them: their remedies are carried out by loop.remedies.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from core.errors import ConflictError
from core.loop.enums import FiringState
from core.loop.feedback import Firing
from core.storage.loop.monitor_checks import MonitorCheckRepository, TriggerReading
from core.storage.releases import ReleaseRepository
from loop.diagnosis.diagnoser import Diagnoser
from loop.remedies.lifecycle import settled
from loop.remedies.registry import open_firings
from loop.triggers.decision import TriggerFacts, Weighed, weigh
from loop.triggers.facts import FactGatherer
from loop.triggers.rules import TriggerRules, load_rules
from serving.factory import Services


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check saw of every trigger, and the firings that it stored. `undiagnosed` votes were not looked at."""

    weighed: Sequence[Weighed]
    firings: Sequence[Firing]
    undiagnosed: int = 0


class Monitor:
    """Checks the triggers over the stores of `services`, by the rules of their settings unless told others."""

    def __init__(self, services: Services, rules: TriggerRules | None = None) -> None:
        self.rules = rules or load_rules(services.settings.triggers_file)
        self._services = services
        self._firings = open_firings(services.database)

    def check(self, now: datetime) -> list[Firing]:
        """Diagnose what is new and store a firing for every trigger that fires. Raises as `examine`."""
        return list(self.examine(now).firings)

    def look(self, now: datetime) -> Checked:
        """How far each trigger is from firing, on what was diagnosed before; stores nothing."""
        weighed = weigh(self.rules, self._facts(now), now)
        return Checked(weighed, (), undiagnosed=len(Diagnoser(self._services).waiting()))

    def examine(self, now: datetime, progress: Callable[[int, int], None] = lambda _done, _of: None) -> Checked:
        """As `check`, telling what was seen too. `progress` is told how many of how many votes are diagnosed.

        Raises UnavailableError when the database, the index or a model that is needed is down: an outage is never
        taken for "nothing fired". What was diagnosed by then is kept.
        """
        diagnoser = Diagnoser(self._services)
        diagnoser.new(progress)
        self.settle(now)
        facts = self._facts(now)
        weighed = weigh(self.rules, facts, now)
        stored = [firing for each in weighed if each.held is None and (firing := self._store(each, facts, now))]
        readings = {each.trigger: TriggerReading(each.value, each.threshold) for each in weighed}
        MonitorCheckRepository(self._services.database).add(now, readings)
        return Checked(weighed, stored, undiagnosed=len(diagnoser.left_out))

    def settle(self, now: datetime) -> None:
        """End the firings whose candidate was decided on, and those whose remedy was killed: until then their triggers
        would wait for them. What somebody else did about one meanwhile stands."""
        releases = ReleaseRepository(self._services.database)
        for firing in self._firings.all():
            ended = settled(firing, releases, now)
            if ended.state is not firing.state:
                with suppress(ConflictError):
                    self._firings.change(firing, ended.state, detail=ended.detail)

    def _facts(self, now: datetime) -> TriggerFacts:
        return FactGatherer(self._services, self.rules).gather(now)

    def _store(self, fires: Weighed, facts: TriggerFacts, now: datetime) -> Firing | None:
        """The firing, unless another check, or a person, has fired the trigger meanwhile."""
        firing = new_firing(fires, now)
        last = next((each.id for each in facts.firings if each.trigger == fires.trigger), None)
        return firing if self._firings.add_next(firing, last) else None


def new_firing(fires: Weighed, now: datetime) -> Firing:
    """A firing about which nothing was done yet."""
    return Firing(
        id=str(uuid.uuid4()),
        trigger=fires.trigger,
        remedy=fires.remedy,
        at=now,
        reason=fires.reason,
        evidence=fires.evidence,
        state=FiringState.OPEN,
        changed_at=now,
    )
