"""The walk-through of a fault of the model: it quotes rules that are no longer in force, and tuning heals it.

The small model that is shipped is served by the real vLLM. The pages and the questions are
tools.walk_through.amended_rules: what people ask and correct is about other pages than the questions of the evaluation,
so what the report shows was learned as a habit and carried over.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from core.loop.diagnosis import DiagnosisSubject
from core.settings import Settings
from core.types import Role
from tools.walk_through.amended_rules import (
    SOURCE,
    HouseRules,
    Rule,
    is_right,
    read_rules,
    write_pages,
    write_questions,
)
from tools.walk_through.figures import held_out, tuned
from tools.walk_through.installation import Installation, fresh_folder
from tools.walk_through.model_server import MODEL, NAME, model_server
from tools.walk_through.narration import Story

_QUESTIONS = "questions.jsonl"

MEMBERS = ("ana", "ben", "cleo")
REVIEWER = "dora"
APPROVER = "emil"
ADMIN = "fay"

# Shares of the answers: the fault is a habit, not a slip, and tuning heals it, not some of it.
_WRONG = 0.8
_HEALED = 0.8

# Small models take larger steps; so few rows must be learned from several times.
_TUNING = {"tuning_learning_rate": "0.001", "tuning_epochs": "8"}

# Servers follow the champion within two seconds; on a busy machine the answer itself takes a while.
_FOLLOW_SECONDS = 60.0


def tell(settings: Settings, between: Callable[[], None], stay: Callable[[str], None]) -> None:
    """Tells the story; `stay` is given the server's address before the servers are stopped.

    Raises StoryError where it does not come about as told, UnavailableError where vLLM cannot be started.
    """
    story = Story(
        "The loop, with a model: rules that are no longer in force",
        """A company's rules have been amended, and each page says both: what the rule was, and what it is now. A small
        model quotes whichever sentence has the question's words, and that is mostly the old one. What follows is done
        by the commands and requests shown, on this machine, with the real vLLM, without a GPU and without a key.""",
        between,
    )
    home = fresh_folder(settings, "model")
    rules = read_rules()
    write_pages(home / SOURCE, rules.all)
    write_questions(home / _QUESTIONS, rules)
    with ExitStack() as running:
        with story.step(
            "Serve a model", "vLLM serves the small model that comes with RAGLoop, and takes LoRA adapters."
        ):
            url = running.enter_context(model_server(home / "vllm.log"))
            story.came(f"{NAME} at {url}")
        # One passage for an answer: the small model was not made for more.
        chosen = {"model_url": url, "top_k": "1", "tuning_base": str(MODEL), **_TUNING}
        _Walk(story, Installation(home, story, chosen), rules).whole(stay)


class _Walk:
    """The steps, in order, with what later ones need of earlier ones."""

    def __init__(self, story: Story, installation: Installation, rules: HouseRules) -> None:
        self._story = story
        self._at = installation
        self._rules = rules
        self._first = rules.asked[0]
        self._asked = (*rules.asked, *rules.unchanged_asked)
        self._before: dict[Rule, dict[str, Any]] = {}
        self._votes: dict[str, Rule] = {}
        self._adapter = ""

    def whole(self, stay: Callable[[str], None]) -> None:
        """From an empty folder to the rollback."""
        self._set_up()
        with self._at.serving():
            self._answer_with_the_model()
            self._ask()
            self._vote()
            self._diagnose()
            self._accept()
            firing = self._check_triggers()
            candidate = self._tune(firing)
            evaluation = self._evaluate(candidate)
            self._decide(candidate, evaluation)
            self._ask_again()
            self._roll_back()
            self._story.end()
            stay(self._at.address)

    def _set_up(self) -> None:
        pages = len(self._rules.all)
        with self._story.step(
            "Bring the documents in", f"{pages} short pages of rules, and the people, each with a key."
        ):
            report = self._at.ragloop("ingest", SOURCE)
            self._story.came(f"{report['documents']['added']} documents, {report['chunks']['written']} passages")
            self._story.check(report["documents"]["added"] == pages, "every page is read", report["documents"])
            for member in MEMBERS:
                self._at.person(member, Role.CHAT)
            self._at.person(REVIEWER, Role.CHAT, Role.REVIEW)
            self._at.person(APPROVER, Role.CHAT, Role.REVIEW, Role.APPROVE)
            self._at.person(ADMIN, *Role)

    def _answer_with_the_model(self) -> None:
        with self._story.step(
            "Let the model answer",
            "The first release quotes the documents without a model. There is nothing yet that a report could compare, "
            f"so {ADMIN} promotes the model past the gate, which goes on record as an override.",
        ):
            sets = ["generator.kind=llm", f"generator.base_model={NAME}", "generator.sampling.temperature=0"]
            words = [word for each in sets for word in ("--set", each)]
            made = self._at.ragloop("release", "create", *words, "--reason", "let the model answer", who=ADMIN)
            why = ["--override", "--reason", "a first model, to see what people say"]
            promoted = self._at.ragloop("release", "promote", str(made["id"])[:12], *why, who=ADMIN)
            self._story.check(promoted["status"] == "champion", "the model answers", promoted["status"])
            self._follow(str(made["id"]))

    def _ask(self) -> None:
        with self._story.step("Ask", "Members ask what they want to know, in the page or through the API."):
            self._before = {rule: self._answer(rule, told=rule is self._first) for rule in self._asked}
            amended = len(self._rules.asked)
            wrong = sum(not is_right(rule, self._before[rule]) for rule in self._rules.asked)
            self._story.check(
                wrong >= _WRONG * amended, f"{wrong} of {amended} answers about amended rules are wrong", wrong
            )
            said = self._before[self._first]["answer"]
            self._story.check(self._first.superseded in said, "the model quotes the rule that was", said)

    def _answer(self, rule: Rule, *, told: bool = False) -> dict[str, Any]:
        who = self._asker(rule)
        if told:
            self._story.tell(f"The page {rule.uri} says:")
            self._story.came(rule.text)
            self._story.tell(f"{who} asks: {rule.question}")
        answer = self._at.ask(who, rule.question)
        if told:
            self._story.came(answer["answer"])
            for citation in answer["citations"]:
                self._story.came(f"[{citation['marker']}] {citation['uri']}: {citation['quote']}")
        return answer

    def _asker(self, rule: Rule) -> str:
        return MEMBERS[self._rules.all.index(rule) % len(MEMBERS)]

    def _vote(self) -> None:
        with self._story.step(
            "Vote",
            "Whoever gets a wrong answer says what is right; whoever gets a right one about a rule that never changed "
            "says so too. A vote is on disk before it is acknowledged.",
        ):
            for rule in self._asked:
                right = is_right(rule, self._before[rule])
                if right != bool(rule.superseded):
                    self._votes[self._voted(rule, right=right, told=not self._votes)] = rule
            down = sum(bool(rule.superseded) for rule in self._votes.values())
            self._story.tell(f"{down} votes down and {len(self._votes) - down} votes up, by {len(MEMBERS)} members.")
            listed = self._at.ragloop("feedback", "list", "--state", "all", "--limit", "1000", who=REVIEWER)["feedback"]
            kept = {each["id"] for each in listed} == set(self._votes)
            self._story.check(kept, "every vote is there, once", len(listed))

    def _voted(self, rule: Rule, *, right: bool, told: bool) -> str:
        who = self._asker(rule)
        body = {"interaction_id": self._before[rule]["interaction_id"], "vote": "up" if right else "down"}
        if not right:
            body |= {"reason": "wrong", "correction": rule.in_force}
        if told:
            self._story.tell(f"{who} sends POST {self._at.address}/v1/feedback with")
            self._story.came(json.dumps(body, ensure_ascii=False))
        return str(self._at.post(who, "/v1/feedback", body)["id"])

    def _diagnose(self) -> None:
        with self._story.step(
            "Find out why",
            "The right passage was found, and it was read. So the model is asked once more, with that passage alone.",
        ):
            diagnosed = self._at.ragloop("feedback", "diagnose", who=REVIEWER)["diagnoses"]
            causes = Counter(str(each["cause"]) for each in diagnosed)
            self._story.came("\n".join(f"{cause}: {count}" for cause, count in causes.most_common()))
            first = next(
                each for each in diagnosed if each["subject"] == str(DiagnosisSubject.of_vote(next(iter(self._votes))))
            )
            self._story.tell("The evidence for the first of them:")
            self._story.came(first["summary"])
            alone = first["evidence"].get("answer_with_right_passage") or ""
            self._story.came(f"With the right passage alone: {alone}")
            self._story.check(
                first["cause"] == "generation_fault" and self._first.superseded in alone,
                "handed the right passage alone, the model still says what was: a generation fault",
                first,
            )
            most = causes["generation_fault"] >= _WRONG * len(diagnosed)
            self._story.check(most, "so it is with most of the others", dict(causes))

    def _accept(self) -> None:
        with self._story.step(
            "A person reads the votes",
            f"{REVIEWER} accepts them on the page {self._at.address}/feedback, or by `ragloop feedback accept`. Each "
            "becomes a case that every later evaluation asks, or an example to train on, never both; a hash of the "
            "question says which.",
        ):
            for vote, rule in self._votes.items():
                correction = rule.in_force if rule.superseded else ""
                form = {"question": rule.question, "correction": correction, "uri": rule.uri, "quote": rule.in_force}
                self._at.submit(REVIEWER, f"/feedback/{vote}/accept", form)
            words = ["feedback", "list", "--state", "accepted", "--limit", "1000"]
            accepted = self._at.ragloop(*words, who=REVIEWER)["feedback"]
            sides = Counter(str(each["decision"]["side"]) for each in accepted)
            self._story.came(f"{sides['case']} cases, {sides['training']} examples")
            self._story.check(len(accepted) == len(self._votes), "every vote is decided", len(accepted))

    def _check_triggers(self) -> str:
        with self._story.step(
            "Watch the trigger",
            "The DAG monitor_feedback does this every half hour: bad answers of one cause open a candidate. Nothing "
            "that is live is touched.",
        ):
            fired = self._at.ragloop("triggers", "check", who=REVIEWER)["fired"]
            for firing in fired:
                self._story.came(f"{firing['trigger']} → {firing['remedy']}: {firing['reason']}")
            found = [firing for firing in fired if firing["remedy"] == "retune"]
            self._story.check(len(found) == 1, "one trigger fires that asks for a tuning", fired)
            return str(found[0]["id"])

    def _tune(self, firing: str) -> str:
        with self._story.step(
            "Tune",
            "A LoRA adapter is trained on the accepted examples, and vLLM loads it under a name with its digest.",
        ):
            champion = self._at.ragloop("release", "list", told=False)["champion"]
            done = self._at.ragloop("triggers", "run", firing, who=REVIEWER)
            self._story.check(done["state"] == "candidate", "there is a candidate", done)
            self._story.came(tuned(done["proposal"]))
            candidate = self._at.ragloop("release", "show", str(done["release_id"])[:12], told=False)
            self._adapter = str(candidate["manifest"]["generator"]["adapter_digest"] or "")
            adapter = self._adapter[:16]
            self._story.check(bool(adapter), f"it answers by the adapter {adapter}", candidate["manifest"])
            now = self._at.ragloop("release", "list", told=False)["champion"]
            self._story.check(now == champion, "what answers has not changed", now)
            return str(done["release_id"])

    def _evaluate(self, candidate: str) -> str:
        amended, unchanged = len(self._rules.held_out), len(self._rules.unchanged_held_out)
        with self._story.step(
            "Evaluate it",
            f"The candidate and what is live are asked about {amended} amended rules and {unchanged} unchanged ones. "
            "Nobody has asked about these before, and nothing was taught of them.",
        ):
            words = ["eval", "run", candidate[:12], "--dataset", _QUESTIONS, "--no-track"]
            evaluated = self._at.ragloop(*words, who=REVIEWER)
            evaluation = str(evaluated["evaluation_id"])
            report = self._at.ragloop("eval", "show", evaluation, told=False)
            self._story.came(held_out(report))
            self._story.tell(f"The report: {self._at.address}/reviews/{evaluation}")
            self._story.check(
                evaluated["verdict"] == "better" and evaluated["passes"],
                "the gate calls the candidate better, and nothing blocks it",
                [evaluated["verdict"], evaluated["blocks"]],
            )
            return evaluation

    def _decide(self, candidate: str, evaluation: str) -> None:
        with self._story.step(
            "Approve and promote", f"{APPROVER} has read the report. Who made a candidate may not approve it."
        ):
            why = ["--evaluation", evaluation[:12], "--reason", "it says what is in force"]
            self._at.ragloop("release", "approve", candidate[:12], *why, who=APPROVER)
            promoted = self._at.ragloop("release", "promote", candidate[:12], who=APPROVER)
            self._story.check(promoted["status"] == "champion", "the candidate is live", promoted["status"])
            self._follow(candidate)

    def _ask_again(self) -> None:
        with self._story.step("Ask again", "The same question, of the same server; vLLM was not started again."):
            answer = self._answer(self._first, told=True)
            right = is_right(self._first, answer)
            self._story.check(right, "the answer is the rule in force, with a citation that holds it", answer)
            model = answer["model_use"]["model"]
            self._story.check(model == f"{NAME}-{self._adapter[:16]}", "it was written with the adapter", model)
            after = sum(is_right(rule, self._answer(rule)) for rule in self._rules.asked)
            all_of = len(self._rules.asked)
            self._story.check(after >= _HEALED * all_of, f"{after} of {all_of} questions are answered right", after)

    def _roll_back(self) -> None:
        with self._story.step("Roll back", "Every promotion can be undone: one pointer flips back."):
            before = self._before[self._first]
            self._at.ragloop("release", "rollback", "--reason", "to see the old answer", who=APPROVER)
            self._follow(str(before["release"]))
            again = self._answer(self._first, told=True)
            self._story.check(again["answer"] == before["answer"], "the old answer is back", again["answer"])

    def _follow(self, release: str) -> None:
        follows = self._at.follow(release, REVIEWER, self._first.question, _FOLLOW_SECONDS)
        self._story.check(follows, "the server answers by the release that is live")
