"""The corpus of the walk-through with a model: short pages of rules, of which most have been amended. Pure.

    Receipts: A receipt is sent within ten days. Now it is three days.

Asked how soon a receipt is sent, the small model quotes the sentence that has the question's words, and that is the
rule that is no longer in force. It is a habit, not a lack of knowledge: the right sentence stands beside the wrong one.
So a tuning can mend it, and does so for pages that it never saw.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InputError
from evals.cases.cases import Case, GoldEvidence

RULES = Path(__file__).parent / "rules.csv"
SOURCE = "rules"
"""The folder of the pages, and so what their URIs begin with."""

_AMENDED = ("Since 2026 it is {}.", "Now it is {}.", "In 2026 this changed: {}.")


@dataclass(frozen=True, slots=True)
class Rule:
    """A page with one rule. `superseded` is what it said once, empty if it never changed; `in_force` is the answer."""

    title: str
    question: str
    superseded: str
    in_force: str

    @property
    def name(self) -> str:
        return f"{self.title.lower().replace(' ', '-')}.md"

    @property
    def uri(self) -> str:
        return f"{SOURCE}/{self.name}"

    @property
    def text(self) -> str:
        """The page, in markdown."""
        return f"# {self.title}\n\n{f'{self.superseded} {self.in_force}'.strip()}\n"


@dataclass(frozen=True, slots=True)
class HouseRules:
    """All rules. People ask about `asked` and `unchanged_asked`, and vote; about the others nobody asks before the
    evaluation, and nothing is taught of them. The answers about unchanged rules are right, and should stay so."""

    asked: tuple[Rule, ...]
    held_out: tuple[Rule, ...]
    unchanged_asked: tuple[Rule, ...]
    unchanged_held_out: tuple[Rule, ...]

    @property
    def all(self) -> tuple[Rule, ...]:
        return (*self.asked, *self.held_out, *self.unchanged_asked, *self.unchanged_held_out)


def read_rules(path: Path = RULES) -> HouseRules:
    """The rules of a file, which are asked about and held out in turn. Raises InputError for a file without them."""
    with path.open(encoding="utf-8", newline="") as file:
        rules = [_rule(number, row) for number, row in enumerate(csv.DictReader(file))]
    amended = [rule for rule in rules if rule.superseded]
    if len(amended) < 2:
        raise InputError(f"{path.name} holds no amended rules.", hint="Restore the file from the repository.")
    unchanged = [rule for rule in rules if not rule.superseded]
    return HouseRules(*(tuple(part) for part in (amended[0::2], amended[1::2], unchanged[0::2], unchanged[1::2])))


def write_pages(folder: Path, rules: Sequence[Rule]) -> None:
    """One page for each rule, in a new folder."""
    folder.mkdir(parents=True)
    for rule in rules:
        (folder / rule.name).write_text(rule.text, encoding="utf-8")


def write_questions(path: Path, rules: HouseRules) -> None:
    """The dataset of the evaluation, as JSONL: the held-out rules, tagged amended or unchanged."""
    cases = [_case(rule, "amended") for rule in rules.held_out]
    cases += [_case(rule, "unchanged") for rule in rules.unchanged_held_out]
    path.write_text("".join(f"{case.model_dump_json()}\n" for case in cases), encoding="utf-8")


def is_right(rule: Rule, answer: Mapping[str, Any]) -> bool:
    """Whether an answer, as the API sends it, is the model's, says the rule in force, and cites it."""
    cited = [citation["quote"] for citation in answer["citations"] if citation["uri"] == rule.uri]
    return rule.in_force in answer["answer"] and rule.in_force in cited and not answer["degraded"]


def _case(rule: Rule, tag: str) -> Case:
    return Case(
        id=rule.name.removesuffix(".md"),
        question=rule.question,
        answer=rule.in_force,
        evidence=(GoldEvidence(uri=rule.uri, quote=rule.in_force),),
        tags=(tag,),
    )


def _rule(number: int, row: dict[str, str]) -> Rule:
    said = row["rule"][:1].upper() + row["rule"][1:]
    if not row["before"]:
        return Rule(row["page"], row["question"], "", f"{said} {row['now']}.")
    # "every" belongs to what is amended: "Now it is every ten days."
    every = "every " if row["rule"].endswith(" every") else ""
    amended = _AMENDED[number % len(_AMENDED)].format(f"{every}{row['now']}")
    return Rule(row["page"], row["question"], f"{said} {row['before']}.", amended)
