"""The rules of releases: who may create, approve, promote and roll back, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.release import Release, ReleaseEvent
from core.types import Actor
from serving.factory import Services


@dataclass(frozen=True, slots=True)
class Verification:
    """What was tried before a release was taken for loadable."""

    release_id: str
    collection: str
    revision: int
    chunks: int
    probes: tuple[str, ...]
    seconds: float


class ReleaseService:
    """Creates, decides on and switches releases. Everything it does is on record."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def create(self, actor: Actor, *, base: str = "champion", changes: Mapping[str, str], reason: str = "") -> Release:
        raise NotImplementedError

    def verify(self, release_id: str) -> Verification:
        raise NotImplementedError

    def approve(self, release_id: str, actor: Actor, *, reason: str, evaluation_id: str | None = None) -> Release:
        raise NotImplementedError

    def reject(self, release_id: str, actor: Actor, *, reason: str, evaluation_id: str | None = None) -> Release:
        raise NotImplementedError

    def promote(self, release_id: str, actor: Actor, *, reason: str = "", override: bool = False) -> Release:
        raise NotImplementedError

    def rollback(self, actor: Actor, *, reason: str = "") -> Release:
        raise NotImplementedError

    def history(self, release_id: str | None = None) -> list[ReleaseEvent]:
        raise NotImplementedError
