"""The remedy for questions that the documents do not answer: whoever owns them is asked to write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from core.feedback import Firing
from loop.remedies.diagnosed import Diagnosed, DiagnosedQuestions
from serving.factory import Services


def propose_content(services: Services, firing: Firing) -> dict[str, Any]:
    """{"source": where the answers would belong, as far as the questions tell, "questions": what was asked}."""
    return content_request(DiagnosedQuestions(services.database).of(firing))


def content_request(questions: Sequence[Diagnosed]) -> dict[str, Any]:
    """The request as JSON. The source is the one that most of the documents near the questions are from. Pure."""
    sources = Counter(uri.partition("/")[0] for each in questions for uri in each.documents)
    asked = list(dict.fromkeys(each.question for each in questions))
    return {"source": sources.most_common(1)[0][0] if sources else None, "questions": asked}
