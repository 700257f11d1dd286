"""An answer as the public surface shows it: `ragloop ask --json`, and beside OpenAI's fields over HTTP."""

from __future__ import annotations

from typing import Any

from core.storage.interactions import citation_json
from core.types import Answer


def answer_json(answer: Answer) -> dict[str, Any]:
    """The fields that DESIGN's public surface promises."""
    return {
        "answer": answer.text,
        "abstained": answer.abstained,
        "degraded": answer.degraded,
        "citations": [citation_json(citation) for citation in answer.citations],
        "release": answer.release,
        "interaction_id": answer.interaction_id,
        "timings": dict(answer.timings),
    }
