"""What follows when a trigger fires: a remedy is proposed with its numbers, and carried out as a candidate release.

    proposal = propose(services, firing)            # what would be done, and what that is expected to bring
    firing = carry_out(services, firing, say)       # does it: a candidate that waits for its evaluation and a person

Nothing here touches what is live: a remedy makes a candidate, asks for content, or ends with why it could not.
"""

from __future__ import annotations

from loop.remedies.execution import carry_out
from loop.remedies.proposal import propose

__all__ = ["carry_out", "propose"]
