"""What a diagnosis is about, written and read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.loop.diagnosis import DiagnosisSubject, SubjectKind

IDS = st.uuids().map(str)
SUBJECTS = st.builds(DiagnosisSubject.of_vote, IDS) | st.builds(
    DiagnosisSubject.of_case, IDS, st.integers(0, 20_000), st.sampled_from(["candidate", "baseline"])
)


@given(SUBJECTS)
def test_a_subject_is_read_as_it_was_written(subject: DiagnosisSubject) -> None:
    assert DiagnosisSubject.parse(str(subject)) == subject
    assert str(subject).startswith(subject.kind.prefix)


def test_subjects_are_written_as_they_always_were() -> None:
    assert str(DiagnosisSubject.of_vote("6c0f")) == "feedback:6c0f"
    assert str(DiagnosisSubject.of_case("6c0f", 3, "candidate")) == "evaluation:6c0f:3:candidate"
    found = DiagnosisSubject.parse("evaluation:6c0f:3:candidate")
    assert (found.kind, found.vote_id, found.ordinal) == (SubjectKind.EVALUATION, None, 3)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "feedback:",
        "feedback:a:b",
        "interaction:1",
        "evaluation:1",
        "evaluation:1:x:candidate",
        "evaluation:1:2:live",
    ],
)
def test_what_is_no_subject_is_refused_by_name(text: str) -> None:
    with pytest.raises(InputError, match="no subject of a diagnosis") as refused:
        DiagnosisSubject.parse(text)
    assert repr(text) in refused.value.message
