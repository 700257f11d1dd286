"""Snapshots of answers: taken of the record when a vote comes, and kept with the vote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from core.loop.answer_snapshot import AnswerSnapshot
from core.storage.interactions import Interaction
from core.storage.loop.stored_values import StoredValue


def _checked(snapshot: Mapping[str, Any]) -> Mapping[str, Any]:
    """Answers that were recorded before citations were checked do not say whether one is supported."""
    return {**snapshot, "citations": [{"supported": True, **citation} for citation in snapshot["citations"]]}


def _without_search(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """How each leg of the search found a passage, and which documents say the same, stays with the record alone."""
    left_out = ("ranks", "collapsed")
    passages = [{name: passage[name] for name in passage if name not in left_out} for passage in record["passages"]]
    return {**record, "passages": passages}


SNAPSHOTS = StoredValue("feedback", "interaction", AnswerSnapshot.model_validate, upcasts=(_checked,))
_RECORDS = StoredValue("interactions", "record", AnswerSnapshot.model_validate, upcasts=(_checked, _without_search))


def snapshot_of(interaction: Interaction) -> AnswerSnapshot:
    """The answer as it was given. Raises StoredValueError for a record that is broken."""
    fields = asdict(interaction)
    return _RECORDS.read(interaction.id, {name: fields[name] for name in AnswerSnapshot.model_fields})
