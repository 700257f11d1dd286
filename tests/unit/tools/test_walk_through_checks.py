"""The walk-through fails where the loop does not do what it says: each of its claims, broken once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from core.loop.feedback import form_json
from core.types import Role
from loop.remedies.catalogue.reindex import ReindexFigures, ReindexProposal
from loop.remedies.figures import ChunkFigures, GainComparison, SizeGain
from tools.walk_through.complaints import complaints
from tools.walk_through.figures import surely_found_more
from tools.walk_through.installation import Installation
from tools.walk_through.narration import Story, StoryError
from tools.walk_through.retrieval_story import Walk

RIGHT = {complaint.question: complaint.says for complaint in complaints()}

SEARCHED = form_json(
    ReindexProposal(
        chunk_tokens=96,
        figures=ReindexFigures(
            search=ChunkFigures(
                live_tokens=48,
                sizes=(SizeGain(chunk_tokens=96, gain=1.0),),
                held_out=GainComparison(questions=5, live=0.0, candidate=1.0),
                chose_on=("feedback:1",),
                held_out_on=("feedback:2",),
                documents=2,
                documents_beside=0,
            )
        ),
    )
)


@dataclass
class Scripted(Installation):
    """An installation that does as it is told: what is in `broken` goes wrong."""

    broken: frozenset[str] = frozenset()
    address: str = "http://127.0.0.1:1"
    champion: str = "old"
    rolled_back: bool = False
    votes: list[str] = field(default_factory=list)

    def ragloop(self, *arguments: str, who: str = "", told: bool = True) -> dict[str, Any]:
        match arguments[:2]:
            case ["ingest", _]:
                return {"documents": {"added": 18, "failed": 0}, "chunks": {"written": 247}, "failures": []}
            case ["feedback", "list"]:
                kept = self.votes[1:] if "a vote is lost" in self.broken else self.votes
                return {"feedback": [{"id": vote} for vote in kept]}
            case ["feedback", "diagnose"]:
                cause = "wrong_vote" if "the diagnosis is wrong" in self.broken else "not_indexed"
                return {"diagnoses": [self._diagnosis(vote, cause) for vote in self.votes]}
            case ["feedback", "accept"]:
                return {"side": "case"}
            case ["triggers", "check"]:
                fired = {"id": "f1", "trigger": "not_indexed", "remedy": "reindex", "reason": "12 answers"}
                return {"fired": [] if "nothing fires" in self.broken else [fired]}
            case ["triggers", "run"]:
                if "the remedy goes live" in self.broken:
                    self.champion = "new"
                state = "failed" if "the remedy fails" in self.broken else "candidate"
                return {"state": state, "release_id": "new", "proposal": SEARCHED}
            case ["eval", "run"]:
                verdict = "no_worse" if "the gate sees no gain" in self.broken else "better"
                return {"evaluation_id": "e1", "verdict": verdict, "passes": True, "blocks": []}
            case ["eval", "show"]:
                scores = {"correct": {"candidate": 1.0, "baseline": 0.0}}
                accepted = 2 if "a complaint is not healed" in self.broken else 3
                return {"rows": [{"origin": o, "scores": scores} for o in ("written", *["feedback"] * accepted)]}
            case ["release", "create"]:
                return {"id": "old"}
            case ["release", "promote"] if "--override" in arguments:
                return {"status": "champion"}
            case ["release", "promote"]:
                self.champion = "new"
                return {"status": "champion"}
            case ["release", "rollback"]:
                self.rolled_back = True
                self.champion = "new" if "the rollback does nothing" in self.broken else "old"
        return {"champion": self.champion}

    def tried(self, *arguments: str, who: str = "", told: bool = True) -> tuple[int, dict[str, Any]]:
        return (0 if "promoted unapproved" in self.broken else 2), {"error": {"message": "It is not approved."}}

    def person(self, name: str, *roles: Role) -> None:
        pass

    @contextmanager
    def serving(self) -> Iterator[None]:
        yield

    def ask(self, who: str, question: str) -> dict[str, Any]:
        healed = self.champion == "new" and "nothing is healed" not in self.broken
        right = healed or "there is no fault" in self.broken
        if healed and "few are healed" in self.broken:
            right = question == complaints()[0].question
        text = RIGHT[question] if right else "Half a sentence, which"
        if self.rolled_back and "the old answer is lost" in self.broken:
            text = "Another half"
        citation = {"marker": 1, "uri": "library/borrowing.md", "start": 0, "end": 9, "quote": text}
        cited = [] if right and "no citation" in self.broken else [citation]
        return {"answer": text, "citations": cited, "release": self.champion, "interaction_id": question}

    def page(self, who: str, path: str) -> str:
        return "" if "there is no report" in self.broken else "Review of new"

    def post(self, who: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self.votes.append(json.dumps(body["interaction_id"]))
        return {"id": self.votes[-1]}

    def _diagnosis(self, vote: str, cause: str) -> dict[str, Any]:
        passage = {"uri": "library/borrowing.md", "start": 0, "end": 9, "quote": "A sentence."}
        evidence = {"passages": [passage]}
        return {"subject": f"feedback:{vote}", "cause": cause, "summary": "It is cut.", "evidence": evidence}


def walk(*broken: str) -> None:
    Walk(Story("Title", "Introduction."), Scripted(broken=frozenset(broken)), follow_seconds=0.5).whole(
        lambda: None, lambda _: None
    )


def test_a_loop_that_does_all_it_says_is_told_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    walk()
    told = capsys.readouterr().out
    assert "the old answer is back" in told
    assert "right answers to 1 questions" in told


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ("there is no fault", "answered badly"),
        ("a vote is lost", "every vote is in the queue, once"),
        ("the diagnosis is wrong", "no passage of the index holds the whole sentence"),
        ("nothing fires", "a trigger fires"),
        ("the remedy fails", "there is a candidate"),
        ("the remedy goes live", "what answers has not changed"),
        ("the gate sees no gain", "the gate calls the candidate better"),
        ("there is no report", "the report is there to be read"),
        ("a complaint is not healed", "was wrong and is right now"),
        ("promoted unapproved", "without an approval nothing is promoted"),
        ("nothing is healed", "the answer is right"),
        ("no citation", "with a citation that holds it"),
        ("few are healed", "1 of the 12 questions are answered right"),
        ("the old answer is lost", "the old answer is back"),
        ("the rollback does nothing", "the server answers by the release that is live"),
    ],
)
def test_a_loop_that_breaks_its_word_fails_the_walk_through(broken: str, expected: str) -> None:
    with pytest.raises(StoryError, match=expected):
        walk(broken)


@pytest.mark.parametrize(
    ("pairs", "surely"),
    [([(0.0, 1.0)] * 20, True), ([(0.0, 1.0)] + [(0.0, 0.0)] * 23, False), ([(1.0, 0.0)] * 20, False)],
)
def test_the_search_has_surely_found_more_only_where_chance_does_not_explain_it(
    pairs: list[tuple[float, float]], surely: bool
) -> None:
    rows = [
        {"origin": "written", "scores": {"recall_at_1": {"baseline": live, "candidate": candidate}}}
        for live, candidate in pairs
    ]
    voted = {"origin": "feedback", "scores": {"recall_at_1": {"baseline": 0.0, "candidate": 1.0}}}
    assert surely_found_more({"rows": [*rows, *[voted] * 50]}) is surely
