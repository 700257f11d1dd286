"""`ragloop eval generate`: drafts of cases out of the documents, for a person to accept or discard."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.console import JsonOption, note, print_json, say
from app.cli.evals.datasets import open_database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.settings import Settings
    from core.types import Document
    from evals.drafting.judged import Drafted


def generate(
    dataset: Annotated[str, typer.Option(help="The dataset that accepted drafts join.")] = "drafted",
    count: Annotated[int, typer.Option(min=1, max=200, help="How many drafts to make at most.")] = 20,
    seed: Annotated[int, typer.Option(help="Which documents and sentences come first.")] = 7,
    as_json: JsonOption = False,
) -> None:
    """Draft questions with answers and quotes from the documents that are indexed.

    With a judge model set they are written by it, and what it quotes is checked against the document. Without one they
    come from headings that ask or instruct. A draft joins the dataset only when someone accepts it on the
    page /reviews/cases.
    """
    from app.cli.actor import current_actor
    from evals.cases.drafts import CaseDrafts
    from evals.drafting.corpus import champions_documents

    with open_database() as (settings, database):
        actor = current_actor(settings, database)
        drafts = CaseDrafts(database)
        documents = champions_documents(database, seed)
        drafted = _draft(settings, documents, count, seed, drafts.known_questions(dataset))
        added = drafts.add(dataset, drafted.cases, actor=actor.name)
        waiting = drafts.counts().get(dataset, 0)
    if as_json:
        print_json({"dataset": dataset, "drafts": added, "dropped": dict(drafted.dropped), "waiting": waiting})
        return
    for case in drafted.cases:
        say(case.question)
    for reason, dropped in drafted.dropped.items():
        note(f"{dropped} dropped: {reason}.")
    note(f"{added} drafts of {dataset}; {waiting} wait on the page /reviews/cases.")


def _draft(settings: Settings, documents: Sequence[Document], count: int, seed: int, known: Sequence[str]) -> Drafted:
    import asyncio

    from evals.drafting.from_documents import draft
    from evals.drafting.judged import Drafted, draft_with
    from evals.judges.langchain_judge import open_judge
    from evals.judges.prompts import JudgePrompts
    from serving.prompts.library import own_folder

    judge = open_judge(settings)
    if judge is None:
        return Drafted(tuple(draft(documents, count=count, seed=seed, known=known)), Counter())
    note(f"{judge.name} reads passages of {len(documents)} documents.")
    prompts = JudgePrompts(own_folder(settings))
    return asyncio.run(draft_with(judge, documents, count=count, seed=seed, known=known, prompts=prompts))
