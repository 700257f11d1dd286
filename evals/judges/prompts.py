"""What judges are asked, as versioned files beside this package."""

from __future__ import annotations

from pathlib import Path

PROMPTS = Path(__file__).parents[1] / "prompts"
