"""What a remedy must be able to do. Each is a module of loop/remedies/catalogue."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from core.errors import ConflictError
from core.loop.diagnosis import Cause
from core.loop.feedback import Firing, NothingBetter, RemedyProposal
from core.storage.loop.stored_values import Upcast

if TYPE_CHECKING:
    from core.storage.database import Database
    from serving.factory import Services

Say = Callable[[str], None]
"""Is told how far a remedy is."""


@dataclass(frozen=True, slots=True)
class Built:
    """What a candidate needs is there: the champion with these `changes`, as `ragloop release create --set` takes them.
    `proposal` is what was done, with what was measured meanwhile."""

    changes: Mapping[str, str]
    proposal: RemedyProposal


@dataclass(frozen=True, slots=True)
class AskedPeople:
    """People were asked to do something: `words` say whom and what."""

    words: str


Ending: TypeAlias = Built | AskedPeople | NothingBetter[Any]

Proposed = TypeVar("Proposed", bound=RemedyProposal)


class Remedy(Protocol[Proposed]):
    """What is done about the causes of bad answers that it can mend.

    `name` is stored and is the module's; at most 20 characters. A remedy is carried out by the task of the DAG
    `monitor_feedback` that is named as it, unless it `has_dag` of its own, which the asset ragloop://trigger/<name>
    starts. One that `asks_people` builds nothing and makes no candidate; its firings stand on the page /gaps.
    `upcasts` make proposals of older shapes those of now (core.storage.loop.stored_values).
    """

    name: str
    causes: frozenset[Cause]
    has_dag: bool = False
    asks_people: bool = False
    upcasts: tuple[Upcast, ...] = ()

    @abstractmethod
    def propose(self, services: Services, firing: Firing, say: Say) -> Proposed | NothingBetter[Any]:
        """What would be done about the firing, with its numbers. Changes nothing that answers."""

    @abstractmethod
    def in_words(self, proposal: Proposed) -> str:
        """What is proposed, in a sentence for people."""

    @abstractmethod
    def carry_out(self, services: Services, firing: Firing, proposal: Proposed, say: Say) -> Ending:
        """Do what is proposed, in this process."""

    @abstractmethod
    def read(self, form: Any) -> Proposed | NothingBetter[Any]:
        """A proposal of its own from JSON of the present form. Raises pydantic's ValidationError."""

    # -- for one that has a DAG

    def order(self, database: Database, firing: Firing, proposal: Proposed) -> Mapping[str, Any]:
        """What the DAG's run is to do, over its own parameters. What the run reads besides is written down."""
        raise ConflictError(f"The remedy {self.name} has no DAG.", hint="`ragloop triggers run` carries it out.")

    def ended(self, services: Services, proposal: Proposed, made: Mapping[str, Any]) -> Ending:
        """What came of the DAG's run, which has `made` this."""
        raise ConflictError(f"The remedy {self.name} has no DAG.", hint="`ragloop triggers run` carries it out.")

    def tidy(self, proposal: Proposed) -> None:
        """Remove what `order` wrote down, however the run has ended."""
        return
