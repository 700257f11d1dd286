"""What follows when a trigger fires: a remedy is proposed with its numbers, and carried out as a candidate release.

    proposal = propose(services, firing)            # loop.remedies.execution: what would be done, and what that brings
    firing = carry_out(services, firing, say)       # does it: a candidate that waits for its evaluation and a person

Each remedy is a module of loop.remedies.catalogue, which loop.remedies.registry finds there; loop.remedies.port says
what it must be able to do. Nothing here touches what is live: a remedy makes a candidate, asks for content, or ends
with why it could not.
"""
