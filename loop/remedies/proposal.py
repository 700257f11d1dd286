"""What would be done about a firing, with its numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core.feedback import Firing, Remedy
from loop.remedies.content import propose_content
from loop.remedies.refit import propose_refit
from loop.remedies.reindex import propose_reindex
from loop.remedies.retune import propose_retune
from serving.factory import Services

# In a proposal: why nothing is done. The firing is closed with it.
NOTHING_BETTER = "nothing_better"

Say = Callable[[str], None]


def propose(services: Services, firing: Firing, say: Say = lambda _line: None) -> Mapping[str, Any]:
    """What the firing's remedy would do, as JSON. `say` is told how far it is. Changes nothing.

    reindex: {"chunk_tokens": n} or {"refresh": sources}; refit: {"changes": {"retrieval.dense_weight": "0.7"}};
    retune: {"rows": path, "method": "sft", …}; content: {"source", "questions"}; or {"nothing_better": why}.
    """
    if firing.remedy is Remedy.REINDEX:
        return propose_reindex(services, firing, say)
    if firing.remedy is Remedy.REFIT:
        return propose_refit(services, firing, say)
    if firing.remedy is Remedy.RETUNE:
        return propose_retune(services, firing)
    return propose_content(services, firing)
