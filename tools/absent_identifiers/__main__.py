"""Ask a folder's pages about identifiers that they hold and about such as they do not hold, and say what is declined.

    python -m tools.absent_identifiers ../data/handbook/handbook --cache var/quality [--pages 200] [--show]

The identifiers are the pages' own: codes, versions, settings, numbered things and years. The absent ones are made of
those, by other digits or other words, so that they stand nowhere. "By the rule" is what is declined because the
question's identifier is in no passage; the rest of the declined ones are so by the abstention model.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.types import AccessScope
from serving.answerer import Answerer, Question
from serving.grounding.evidence import confidence
from serving.grounding.named import plain
from serving.releases.first import default_abstention
from tools.absent_identifiers.identifiers import IdentifierQuestion, questions_about
from tools.answer_quality.installation import opened
from tools.answer_quality.measures import figure
from tools.answer_quality.question_sets import QuestionSet
from tools.importers.research_set import SetDocument

_SEED = 7
_EVERYTHING = AccessScope.everything()
# Questions about codes, names and settings, whose chunk is to be first.
_EXACT = frozenset({"code", "name with digits", "version", "setting"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a question: declined by the rule, or without it; and whether a chunk that holds the identifier
    came first."""

    question: IdentifierQuestion
    by_rule: bool
    without_rule: bool
    first: bool


def main(arguments: Sequence[str]) -> int:
    """Ask, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="markdown pages")
    parser.add_argument("--cache", type=Path, required=True, help="where the index is kept between runs")
    parser.add_argument("--pages", type=int, default=200, help="a sample of so many pages")
    parser.add_argument("--pairs", type=int, default=100, help="so many present and as many absent identifiers")
    parser.add_argument("--seed", type=int, default=_SEED, help="for other pages and identifiers")
    parser.add_argument("--show", action="store_true", help="print the questions that came out wrong")
    chosen = parser.parse_args(arguments)
    documents = _documents(chosen.folder, chosen.pages, chosen.seed)
    asked = questions_about(documents, chosen.pairs, chosen.seed)
    source = f"identifiers-{chosen.pages}-{chosen.seed}"
    with opened(QuestionSet(source, source, (), documents=documents), chosen.cache) as (answerer, _):
        outcomes = [_outcome(question, answerer) for question in asked]
    for kind in ("all", *dict.fromkeys(question.kind for question in asked)):
        print(_lines(kind, [one for one in outcomes if kind in ("all", one.question.kind)]))
    if chosen.show:
        print("\n".join(f"{one}" for one in outcomes if one.by_rule is one.question.present))
    return 0


def _documents(folder: Path, pages: int, seed: int) -> tuple[SetDocument, ...]:
    paths = sorted(folder.rglob("*.md"))
    drawn = sorted(random.Random(seed).sample(paths, min(pages, len(paths))))  # noqa: S311 - a sample, no secret
    found = []
    for path in drawn:
        name, text = str(path.relative_to(folder)), path.read_text(encoding="utf-8", errors="replace")
        heading = next((line[2:].strip() for line in text.splitlines() if line.startswith("# ")), path.stem)
        found.append(SetDocument(name, heading, text))
    return tuple(found)


def _outcome(question: IdentifierQuestion, answerer: Answerer) -> Outcome:
    answer = asyncio.run(answerer.ask(Question(question.text, _EVERYTHING, origin="evaluation")))
    found = answerer.retriever.retrieve(question.text, _EVERYTHING)
    features = answerer.scorer.score(question.text, found.passages, found.vector).features
    model, first = default_abstention(), answer.retrieval.passages[:1]
    return Outcome(
        question,
        by_rule=answer.abstained,
        without_rule=confidence(model, features) < model.threshold,
        first=any(plain(question.identifier) in plain(passage.chunk.indexed_text) for passage in first),
    )


def _lines(kind: str, outcomes: Sequence[Outcome]) -> str:
    absent = [one for one in outcomes if not one.question.present]
    present = [one for one in outcomes if one.question.present]
    exact = [one for one in present if one.question.kind in _EXACT]
    rates = {
        "absent, declined by the rule": figure(float(one.by_rule) for one in absent),
        "absent, declined with the rule": figure(float(one.by_rule or one.without_rule) for one in absent),
        "absent, declined without it": figure(float(one.without_rule) for one in absent),
        "present, declined by the rule": figure(float(one.by_rule) for one in present),
        "present, declined without it": figure(float(one.without_rule) for one in present),
        "present, its chunk first": figure(float(one.first) for one in exact),
    }
    return "\n".join((kind, *(f"  {label:34}{rate}  n={rate.count}" for label, rate in rates.items() if rate)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
