"""What a served model's tokens cost."""

from __future__ import annotations

from dataclasses import dataclass

from core.types import Usage


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of a million tokens, in whatever money the installation counts in."""

    prompt: float
    completion: float

    def cost(self, usage: Usage) -> float:
        """What an answer's tokens cost."""
        return (usage.prompt_tokens * self.prompt + usage.completion_tokens * self.completion) / 1_000_000
