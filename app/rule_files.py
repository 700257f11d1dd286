"""The files that operators tune by, read when a process starts: what is wrong with one is said then, by name."""

from __future__ import annotations

from pathlib import Path

from core.settings import Settings
from evals.gate.thresholds import load_thresholds
from loop.triggers.rules import load_rules


def check_rule_files(settings: Settings) -> dict[str, Path | None]:
    """Which file rules the gate and which the triggers, None standing for the one that comes with RAGLoop. Raises
    InputError that names file, place and mend."""
    load_thresholds(settings.gate_file)
    load_rules(settings.triggers_file)
    return {"gate": settings.gate_file, "triggers": settings.triggers_file}
