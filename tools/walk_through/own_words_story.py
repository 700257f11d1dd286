"""The second part of the walk-through: members call things what no page calls them, and votes teach it to the search.

They say "the giraffe" and mean the scaffold tower. The questions of the evaluation are others than those voted on, for
the same eight sentences, three for each: what is learned is what a name stands for, measured on questions that nobody
voted on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.walk_through.complaints import APPROVER, MEMBERS, REVIEWER, MemberComplaint, own_words
from tools.walk_through.figures import found_first, held_out, surely_found_more, taught
from tools.walk_through.installation import Installation
from tools.walk_through.narration import Story

HELD_OUT = Path(__file__).parent / "own_words" / "held_out.jsonl"

# What the documents do not hold, and is answered from what they hold about other courses.
_NOT_THERE = "What does the evening course on pottery cost?"
# Asked before and after: nobody votes on it.
_TOLD = "How many euros do I pay for the mules a day?"
_TOLD_SAYS = "six euros a day"


class OwnWords:
    """The steps, in order. They begin and end with the same release live."""

    def __init__(self, story: Story, installation: Installation, follow_seconds: float = 20) -> None:
        self._story = story
        self._at = installation
        self._follow_seconds = follow_seconds
        self._complaints = own_words()
        self._votes: dict[str, MemberComplaint] = {}
        self._not_there = ""
        self._before: Mapping[str, Any] = {}

    def whole(self) -> None:
        """From the first question in words of the members' own to the rollback."""
        self._ask_and_vote()
        self._accept()
        candidate = self._remedy(self._check_triggers())
        evaluation = self._evaluate(candidate)
        self._decide(candidate, evaluation)
        self._ask_again(candidate)
        self._roll_back()

    def _ask_and_vote(self) -> None:
        with self._story.step(
            "Ask in words of one's own",
            "Members say the giraffe for the scaffold tower, the mules for the cargo bikes, the helmet hour for the "
            "safety talk. No page does, and no embedder can know. They vote on what they get, and on what it cites.",
        ):
            self._before = self._told()
            for number, complaint in enumerate(self._complaints):
                who = MEMBERS[number % len(MEMBERS)]
                self._votes[self._voted(who, complaint, self._at.ask(who, complaint.question))] = complaint
            self._not_there = self._say_not_there()
            listed = self._at.ragloop("feedback", "list", "--state", "all", "--limit", "1000", who=REVIEWER)["feedback"]
            kept = {each["id"]: each["vote"] for each in listed}
            votes = Counter(kept.get(vote, "lost") for vote in self._votes)
            self._story.came(f"{votes['down']} votes down with a correction, {votes['up']} up")
            self._story.check(not votes["lost"] and votes["down"] > votes["up"], "most are not answered", dict(votes))

    def _told(self) -> Mapping[str, Any]:
        """The answer to the question that is asked before and after, as a member sees it."""
        answer = self._at.ask(MEMBERS[0], _TOLD)
        self._story.tell(f"{MEMBERS[0]} asks: {_TOLD}")
        self._story.came(answer["answer"])
        return answer

    def _voted(self, who: str, complaint: MemberComplaint, answer: Mapping[str, Any]) -> str:
        right = complaint.says in " ".join(answer["answer"].split())
        cited = [
            {"marker": each["marker"], "vote": "up" if complaint.says in " ".join(each["quote"].split()) else "down"}
            for each in answer["citations"]
        ]
        body = {"interaction_id": answer["interaction_id"], "vote": "up" if right else "down", "citations": cited}
        if not right:
            body |= {"reason": complaint.reason, "correction": complaint.correction}
        return str(self._at.post(who, "/v1/feedback", body)["id"])

    def _say_not_there(self) -> str:
        answer = self._at.ask(MEMBERS[1], _NOT_THERE)
        self._story.tell(f"{MEMBERS[1]} asks: {_NOT_THERE}")
        self._story.came(answer["answer"])
        body = {"interaction_id": answer["interaction_id"], "vote": "down", "reason": "not_in_documents"}
        return str(self._at.post(MEMBERS[1], "/v1/feedback", body)["id"])

    def _accept(self) -> None:
        with self._story.step(
            "A person reads the votes",
            f"{REVIEWER} accepts them on the page {self._at.address}/feedback, each with the sentence that answers, or "
            "as not in the documents. A hash says which half of the subjects teaches and which measures.",
        ):
            self._at.ragloop("feedback", "diagnose", who=REVIEWER)
            for vote, complaint in self._votes.items():
                form = {"question": complaint.question, "correction": complaint.correction}
                form |= {"uri": complaint.uri, "quote": complaint.says}
                self._at.submit(REVIEWER, f"/feedback/{vote}/accept", form)
            form = {"question": _NOT_THERE, "correction": "", "unanswerable": "yes"}
            self._at.submit(REVIEWER, f"/feedback/{self._not_there}/accept", form)
            words = ["feedback", "list", "--state", "accepted", "--limit", "1000"]
            accepted = self._at.ragloop(*words, who=REVIEWER)["feedback"]
            ours = [each for each in accepted if each["id"] in {*self._votes, self._not_there}]
            sides = Counter(str(each["decision"]["side"]) for each in ours)
            self._story.came(f"{sides['training']} may teach, {sides['case']} are cases of every later evaluation")
            self._story.check(len(ours) == len(self._votes) + 1, "every vote is decided", len(ours))

    def _check_triggers(self) -> str:
        with self._story.step(
            "Watch the trigger", "What was found, and stood too low to be read, asks for another fit."
        ):
            fired = self._at.ragloop("triggers", "check", who=REVIEWER)["fired"]
            for firing in fired:
                self._story.came(f"{firing['trigger']} → {firing['remedy']}: {firing['reason']}")
            found = [firing for firing in fired if firing["remedy"] == "refit"]
            self._story.check(bool(found), "a trigger fires that asks for the search to be fitted", fired)
            return str(found[0]["id"])

    def _remedy(self, firing: str) -> str:
        with self._story.step(
            "Let the votes teach",
            "Which passages answer questions like these is learned, and how far the search relies on it, each only if "
            "it surely helps questions that had no part in it. Passages keep their vectors, so nothing is built anew.",
        ):
            done = self._at.ragloop("triggers", "run", firing, who=REVIEWER)
            self._story.check(done["state"] == "candidate", "there is a candidate", done)
            self._story.came(taught(done["proposal"]))
            learned = "retrieval.question_map" in done["proposal"]["changes"]
            self._story.check(learned, "it has learned from the votes", done["proposal"]["changes"])
            return str(done["release_id"])

    def _evaluate(self, candidate: str) -> str:
        with self._story.step(
            "Evaluate it",
            "On 24 other questions in the members' words, which nobody voted on, and on what was accepted.",
        ):
            words = ["eval", "run", candidate[:12], "--dataset", HELD_OUT.name, "--no-track"]
            evaluated = self._at.ragloop(*words, who=REVIEWER)
            evaluation = str(evaluated["evaluation_id"])
            report = self._at.ragloop("eval", "show", evaluation, told=False)
            self._story.came(found_first(report))
            self._story.came(held_out(report))
            self._story.tell(f"The report: {self._at.address}/reviews/{evaluation}")
            self._story.check(surely_found_more(report), "the search surely finds more of the right places first")
            self._story.check(bool(evaluated["passes"]), "the gate lets it through", evaluated)
            return evaluation

    def _decide(self, candidate: str, evaluation: str) -> None:
        with self._story.step("Approve and promote", f"{APPROVER} has read that report, too."):
            short = candidate[:12]
            words = ["release", "approve", short, "--evaluation", evaluation[:12], "--reason", "finds our own words"]
            self._at.ragloop(*words, who=APPROVER)
            promoted = self._at.ragloop("release", "promote", short, who=APPROVER)
            self._story.check(promoted["status"] == "champion", "the candidate is live", promoted["status"])

    def _ask_again(self, candidate: str) -> None:
        with self._story.step("Ask again", "A question that nobody voted on, of the same server."):
            self._follow(candidate)
            answer = " ".join(self._told()["answer"].split())
            self._story.check(_TOLD_SAYS in answer, "it is answered with what the page says", answer)

    def _roll_back(self) -> None:
        with self._story.step("Roll back", "One command, as for any other release; the index was never touched."):
            back = self._at.ragloop("release", "rollback", "--reason", "to see what it was", who=APPROVER)
            self._follow(str(back["id"]))
            answer = self._told()["answer"]
            self._story.check(answer == self._before["answer"], "it is answered as before", answer)

    def _follow(self, release: str) -> None:
        follows = self._at.follow(release, REVIEWER, _TOLD, self._follow_seconds)
        self._story.check(follows, "the server answers by the release that is live")
