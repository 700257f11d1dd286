"""The walk-through of an index fault: passages so short that sentences are cut in two, healed by re-indexing. Then what
tools.walk_through.own_words_story tells, and back.

The pages are those of a tool library that does not exist, written with the long sentences of real rules. The complaints
are about other facts than the questions of the evaluation, so what the report shows was never seen by the remedy.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from core.loop.diagnosis import DiagnosisSubject
from core.settings import Settings
from core.types import Role
from tools.walk_through.complaints import APPROVER, MEMBERS, REVIEWER, MemberComplaint, complaints
from tools.walk_through.figures import held_out, place, searched
from tools.walk_through.installation import Installation, fresh_folder
from tools.walk_through.narration import Story
from tools.walk_through.own_words_story import HELD_OUT, OwnWords

_HERE = Path(__file__).parent
_PAGES = "library"
_QUESTIONS = "questions.jsonl"

# What someone chose who had read that short passages, and single sentences, make exact citations.
_TOO_FEW_TOKENS = 32
_SINGLE_SENTENCES = {"reading.whole": "false", "reading.passages": "5", "reading.prior": "0", "reading.named": "false"}

# Complaints that the reviewer decides on; each takes a command.
_ACCEPTED = 3

# The share of the complaints that have to be healed. Chunks are chosen on some of them, so not all need to be.
_HEALED = 0.8


def tell(settings: Settings, between: Callable[[], None], stay: Callable[[str], None]) -> None:
    """Tells the story; `stay` is given the server's address before the server is stopped.

    Raises StoryError where it does not come about as told.
    """
    story = Story(
        "The loop, once: an index that cuts sentences in two",
        """A tool library has put its rules into RAGLoop. Someone who had read that short passages make exact citations
        set the length of a passage to 32 tokens, and had single sentences quoted instead of what belongs together.
        What follows is done by the commands and requests shown, on this machine, with no model server and no
        provider's key. Commands are run with --json, and the lines below them are taken from what they print.""",
        between,
    )
    home = fresh_folder(settings, "retrieval")
    shutil.copytree(_HERE / "pages", home / _PAGES)
    for questions in (_HERE / _QUESTIONS, HELD_OUT):
        shutil.copy(questions, home)
    installation = Installation(home, story, {"chunk_tokens": str(_TOO_FEW_TOKENS)})
    Walk(story, installation).whole(OwnWords(story, installation).whole, stay)


class Walk:
    """The steps, in order, with what later ones need of earlier ones. `follow_seconds` is how long a server may take to
    answer by another release: two seconds, and what an answer takes on a busy machine."""

    def __init__(self, story: Story, installation: Installation, follow_seconds: float = 20) -> None:
        self._follow_seconds = follow_seconds
        self._story = story
        self._at = installation
        self._complaints = complaints()
        self._before: list[dict[str, Any]] = []
        self._votes: list[str] = []
        self._cases = 0

    def whole(self, healed: Callable[[], None], stay: Callable[[str], None]) -> None:
        """From an empty folder to the rollback; `healed` goes on before it, and ends with the release it began with."""
        with ExitStack() as running:
            self._set_up()
            self._serve(running)
            self._ask()
            self._complain()
            self._diagnose()
            self._accept()
            firing = self._check_triggers()
            candidate = self._remedy(firing)
            evaluation = self._evaluate(candidate)
            self._decide(candidate, evaluation)
            self._ask_again(candidate)
            healed()
            self._roll_back()
            self._story.end()
            stay(self._at.address)

    def _set_up(self) -> None:
        with self._story.step(
            "Bring the documents in", "The rules of the library, 18 pages, and the people, each with a key."
        ):
            report = self._at.ragloop("ingest", _PAGES)
            documents, chunks = report["documents"], report["chunks"]
            self._story.came(f"{documents['added']} documents, {chunks['written']} passages")
            self._story.check(documents["failed"] == 0, "every page is read", report["failures"])
            settings = [word for name, value in _SINGLE_SENTENCES.items() for word in ("--set", f"{name}={value}")]
            first = self._at.ragloop("release", "create", *settings, "--reason", "Exact citations.")["id"]
            self._at.ragloop("release", "promote", first[:12], "--override", "--reason", "The first release.")
            for member in MEMBERS:
                self._at.person(member, Role.CHAT)
            self._at.person(REVIEWER, Role.CHAT, Role.REVIEW)
            self._at.person(APPROVER, Role.CHAT, Role.REVIEW, Role.APPROVE)

    def _serve(self, running: ExitStack) -> None:
        with self._story.step("Start the server", "The page and the API, for as long as the walk-through lasts."):
            running.enter_context(self._at.serving())
            self._story.tell(f"It is at {self._at.address}")

    def _ask(self) -> None:
        first = self._complaints[0]
        with self._story.step("Ask", "Members ask what they want to know, in the page or through the API."):
            self._before = [self._asked(each, told=each is first) for each in self._complaints]
            wrong = self._wrong(self._before)
            self._story.check(
                wrong == len(self._complaints), f"all {len(self._complaints)} questions are answered badly", wrong
            )

    def _asked(self, complaint: MemberComplaint, told: bool) -> dict[str, Any]:
        """The answer to the question, in the name of the member who complains."""
        who = self._author(complaint)
        if told:
            self._story.tell(f"{who} asks: {complaint.question}")
        answer = self._at.ask(who, complaint.question)
        if told:
            self._story.came(answer["answer"])
            for citation in answer["citations"]:
                self._story.came(f"[{citation['marker']}] {place(citation)}")
        return answer

    def _author(self, complaint: MemberComplaint) -> str:
        return MEMBERS[self._complaints.index(complaint) % len(MEMBERS)]

    def _wrong(self, answers: Sequence[Mapping[str, Any]]) -> int:
        pairs = zip(self._complaints, answers, strict=True)
        return sum(complaint.says not in " ".join(answer["answer"].split()) for complaint, answer in pairs)

    def _complain(self) -> None:
        with self._story.step(
            "Vote the answers down",
            "Each member says what is wrong with their answers, and what is right. A vote is on disk before it is "
            "acknowledged, with a copy of the answer.",
        ):
            for complaint, answer in zip(self._complaints, self._before, strict=True):
                self._votes.append(self._voted(complaint, answer, told=not self._votes))
            self._story.tell(f"{len(self._votes)} votes by {len(MEMBERS)} members.")
            listed = self._at.ragloop("feedback", "list", who=REVIEWER)["feedback"]
            self._story.check(
                {each["id"] for each in listed} == set(self._votes), "every vote is in the queue, once", len(listed)
            )

    def _voted(self, complaint: MemberComplaint, answer: Mapping[str, Any], told: bool) -> str:
        who = self._author(complaint)
        body = {
            "interaction_id": answer["interaction_id"],
            "vote": "down",
            "reason": complaint.reason,
            "correction": complaint.correction,
        }
        if told:
            self._story.tell(f"{who} sends POST {self._at.address}/v1/feedback with")
            self._story.came(json.dumps(body, ensure_ascii=False))
        return str(self._at.post(who, "/v1/feedback", body)["id"])

    def _diagnose(self) -> None:
        with self._story.step(
            "Find out why",
            "For each bad answer it is looked whether the right one stands in the documents, in the index, among the "
            "passages found, and what the generator makes of it. No diagnosis is sure: each shows its evidence.",
        ):
            diagnosed = self._at.ragloop("feedback", "diagnose", who=REVIEWER)["diagnoses"]
            causes = Counter(str(each["cause"]) for each in diagnosed)
            self._story.came("\n".join(f"{cause}: {count}" for cause, count in causes.most_common()))
            first = next(each for each in diagnosed if each["subject"] == str(DiagnosisSubject.of_vote(self._votes[0])))
            self._story.tell("The evidence for the first of them:")
            self._story.came(first["summary"])
            for passage in first["evidence"].get("passages", ()):
                self._story.came(f"{place(passage)}: {passage['quote']}")
            self._story.check(
                causes["not_indexed"] * 2 > len(self._votes),
                "most of the answers are bad because no passage of the index holds the whole sentence",
                dict(causes),
            )

    def _accept(self) -> None:
        with self._story.step(
            "A person reads the complaints",
            f"{REVIEWER} accepts three of them, and marks the words that were missing. Each becomes a locked case, "
            "which every later evaluation asks, or an example to train on, never both.",
        ):
            sides = Counter[str]()
            for vote, complaint in list(zip(self._votes, self._complaints, strict=True))[:_ACCEPTED]:
                words = ["feedback", "accept", vote[:8], "--evidence", f"{complaint.uri}#{complaint.says}"]
                side = str(self._at.ragloop(*words, who=REVIEWER)["side"])
                self._story.came(f"accepted as {'a locked case' if side == 'case' else 'an example to train on'}")
                sides[side] += 1
            self._cases = sides["case"]
            self._story.check(self._cases > 0, f"{self._cases} of them will be asked by every later evaluation", sides)

    def _check_triggers(self) -> str:
        with self._story.step(
            "Watch the trigger",
            "The DAG monitor_feedback does this every half hour: bad answers of one cause, by several people, open a "
            "candidate. Nothing that is live is touched.",
        ):
            fired = self._at.ragloop("triggers", "check", who=REVIEWER)["fired"]
            for firing in fired:
                self._story.came(f"{firing['trigger']} → {firing['remedy']}: {firing['reason']}")
            found = [firing for firing in fired if firing["remedy"] == "reindex"]
            self._story.check(bool(found), "a trigger fires that asks for a new index", fired)
            return str(found[0]["id"])

    def _remedy(self, firing: str) -> str:
        with self._story.step(
            "Carry the remedy out",
            "A few lengths of passages are tried on some of the complaints, the best is checked on the others, and an "
            "index is built with it beside the live one.",
        ):
            done = self._at.ragloop("triggers", "run", firing, who=REVIEWER)
            self._story.check(done["state"] == "candidate", "there is a candidate", done)
            self._story.came(searched(done["proposal"]))
            champion = self._at.ragloop("release", "list", told=False)["champion"]
            self._story.check(champion == self._before[0]["release"], "what answers has not changed", champion)
            return str(done["release_id"])

    def _evaluate(self, candidate: str) -> str:
        with self._story.step(
            "Evaluate it",
            "The candidate and what is live are asked 73 questions that nobody complained about, so the remedy has "
            "never seen them, and those that were accepted.",
        ):
            words = ["eval", "run", candidate[:12], "--dataset", _QUESTIONS, "--no-track"]
            evaluated = self._at.ragloop(*words, who=REVIEWER)
            evaluation = str(evaluated["evaluation_id"])
            self._read(candidate, evaluation)
            self._story.check(
                evaluated["verdict"] == "better" and evaluated["passes"],
                "the gate calls the candidate better, and nothing blocks it",
                [evaluated["verdict"], evaluated["blocks"]],
            )
            return evaluation

    def _read(self, candidate: str, evaluation: str) -> None:
        """The report, as the approver reads it: what counts in it, and where its page is."""
        report = self._at.ragloop("eval", "show", evaluation, told=False)
        self._story.came(held_out(report))
        page = f"/reviews/{evaluation}"
        self._story.tell(f"The report: {self._at.address}{page}")
        self._story.check(candidate[:8] in self._at.page(APPROVER, page), "the report is there to be read")
        locked = [row["scores"]["correct"] for row in report["rows"] if row["origin"] == "feedback"]
        healed = [score for score in locked if (score["baseline"], score["candidate"]) == (0, 1)]
        self._story.check(
            len(healed) == self._cases, "what was complained of, and accepted, was wrong and is right now", locked
        )

    def _decide(self, candidate: str, evaluation: str) -> None:
        with self._story.step(
            "Approve and promote",
            f"{APPROVER} has read the report. Who made a candidate may not approve it; an installation of one person "
            "allows that with RAGLOOP_ALLOW_SELF_APPROVAL=true.",
        ):
            short = candidate[:12]
            code, refused = self._at.tried("release", "promote", short, who=APPROVER)
            self._story.check(code != 0, "without an approval nothing is promoted", refused)
            words = ["release", "approve", short, "--evaluation", evaluation[:12], "--reason", "whole sentences"]
            self._at.ragloop(*words, who=APPROVER)
            promoted = self._at.ragloop("release", "promote", short, who=APPROVER)
            self._story.check(promoted["status"] == "champion", "the candidate is live", promoted["status"])

    def _ask_again(self, candidate: str) -> None:
        with self._story.step("Ask again", "The same questions, by the same members, of the same server."):
            self._follow(candidate)
            after = [self._asked(each, told=each is self._complaints[0]) for each in self._complaints]
            first = self._complaints[0]
            quotes = [" ".join(citation["quote"].split()) for citation in after[0]["citations"]]
            self._story.check(
                first.says in " ".join(after[0]["answer"].split()) and any(first.says in quote for quote in quotes),
                "the answer is right, with a citation that holds it",
                after[0]["answer"],
            )
            right = len(after) - self._wrong(after)
            self._story.check(
                right >= len(after) * _HEALED, f"{right} of the {len(after)} questions are answered right", right
            )

    def _roll_back(self) -> None:
        with self._story.step("Roll back", "Every promotion can be undone: one pointer flips back."):
            before = self._before[0]
            self._at.ragloop("release", "rollback", "--reason", "to see the old answer", who=APPROVER)
            self._follow(before["release"])
            again = self._asked(self._complaints[0], told=True)
            self._story.check(again["answer"] == before["answer"], "the old answer is back", again["answer"])

    def _follow(self, release: str) -> None:
        follows = self._at.follow(release, REVIEWER, self._complaints[0].question, self._follow_seconds)
        self._story.check(follows, "the server answers by the release that is live")
