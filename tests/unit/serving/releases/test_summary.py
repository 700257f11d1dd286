"""What lists tell of a release."""

from __future__ import annotations

from typing import Any

import pytest

from core.release import ManifestChange
from serving.releases.summary import in_words


def changes(*told: tuple[str, Any, Any]) -> list[ManifestChange]:
    return [ManifestChange(path=path, baseline=before, candidate=after) for path, before, after in told]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([], ""),
        ([("retrieval.dense_weight", 0.5, 0.7)], "retrieval.dense_weight 0.5 → 0.7"),
        (
            [("prompts.answer.sha256", "a" * 64, "b" * 64), ("prompts.answer.version", 2, 3)],
            "prompts.answer 2 → 3",
        ),
        (
            [("collection.name", "documents-1", "documents-2"), ("collection.splitter_fingerprint", "x", "y")],
            "collection documents-1 → documents-2",
        ),
        ([("prompts.answer.sha256", "a" * 64, "b" * 64)], f"prompts.answer.sha256 {'a' * 12}… → {'b' * 12}…"),
        ([("generator.adapter_digest", None, "c" * 64)], f"generator.adapter_digest – → {'c' * 12}…"),
        (
            [(f"retrieval.{name}", 1, 2) for name in "abcde"],
            "retrieval.a 1 → 2, retrieval.b 1 → 2, retrieval.c 1 → 2 and 2 more",
        ),
    ],
)
def test_changes_are_told_by_what_leads_and_the_first_few(found: list[tuple[str, Any, Any]], words: str) -> None:
    assert in_words(changes(*found)) == words
