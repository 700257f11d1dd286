"""Settings of the judge and of prices: whole, or not at all."""

from __future__ import annotations

import pytest

from core.errors import SettingsError
from core.settings import load_settings


@pytest.mark.parametrize(
    "given",
    [
        {"judge_url": "http://judge/v1"},
        {"judge_model": "m"},
        {"judge_url": "file:///etc/passwd", "judge_model": "m"},
        {"price_prompt_tokens": 1.0},
        {"price_completion_tokens": 1.0},
        {"price_prompt_tokens": -1.0, "price_completion_tokens": 1.0},
        {"judge_concurrency": 0},
        {"judge_timeout_seconds": 0},
    ],
)
def test_half_a_judge_or_half_a_price_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        load_settings(**given)


def test_a_judges_key_is_not_shown() -> None:
    settings = load_settings(judge_url="http://judge/v1", judge_model="m", judge_api_key="sk-secret")
    assert "sk-secret" not in repr(settings)
