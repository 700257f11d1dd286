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


# How each leg of the search found a passage, which documents say the same, and how what is quoted is shown, stays with
# the record alone.
_LEFT_OUT = frozenset({"ranks", "collapsed", "language", "marked"})


def _without_search(record: Mapping[str, Any]) -> Mapping[str, Any]:
    lists = ("passages", "citations")
    return {**record, **{name: [_kept(each) for each in record[name]] for name in lists}}


def _kept(place: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in place.items() if name not in _LEFT_OUT}


SNAPSHOTS = StoredValue("feedback", "interaction", AnswerSnapshot.model_validate, upcasts=(_checked,))
_RECORDS = StoredValue("interactions", "record", AnswerSnapshot.model_validate, upcasts=(_checked, _without_search))


def snapshot_of(interaction: Interaction) -> AnswerSnapshot:
    """The answer as it was given. Raises StoredValueError for a record that is broken."""
    fields = asdict(interaction)
    return _RECORDS.read(interaction.id, {name: fields[name] for name in AnswerSnapshot.model_fields})
