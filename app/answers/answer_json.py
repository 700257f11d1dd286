"""An answer as the public surface shows it: `ragloop ask --json`, and beside OpenAI's fields over HTTP."""

from __future__ import annotations

from typing import Any

from app.answers.places_to_look import place_json, places_to_look
from core.storage.interactions import citation_json, model_json
from core.types import Answer, DifferingSource


def answer_json(answer: Answer, *, with_cost: bool) -> dict[str, Any]:
    """The fields that the public surface promises. What the model did is `model_use`, for `model` is OpenAI's. The cost
    is for those who look after the system, not for everyone who asks."""
    cost = {"cost": answer.cost} if with_cost else {}
    return {
        "answer": answer.text,
        "abstained": answer.abstained,
        "degraded": answer.degraded,
        "language": answer.language,
        "citations": [citation_json(citation) for citation in answer.citations],
        "differences": [{"sources": [_differing(each) for each in pair]} for pair in answer.differences],
        "places_to_look": [place_json(chunk) for chunk in places_to_look(answer)],
        "release": answer.release,
        "interaction_id": answer.interaction_id,
        "timings": dict(answer.timings),
        "model_use": model_json(answer.model),
        **cost,
    }


def _differing(source: DifferingSource) -> dict[str, Any]:
    chunk = source.citation.chunk
    return {
        "marker": source.citation.marker,
        "uri": chunk.uri,
        "title": chunk.title,
        "date": source.date.isoformat() if source.date else None,
        "says": source.says,
    }
