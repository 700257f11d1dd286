"""`ragloop eval leakage`: whether a training set holds what a dataset asks."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from app.cli.console import JsonOption, note, one_line, print_json, say
from app.cli.evals.datasets import open_store


def leakage(
    dataset: Annotated[str, typer.Argument(help="NAME, NAME@VERSION or a JSONL file of cases.")],
    training: Annotated[Path, typer.Option(help="The training set: JSONL of conversations.")],
    as_json: JsonOption = False,
) -> None:
    """Look for a dataset's questions, answers and evidence in a training set. Exits with 1 if any stands in it.

    A model that was trained on a case is measured on its memory. Locked cases come first and are held to a stricter
    measure.
    """
    from evals.cases.leakage import check

    with open_store() as store:
        found = store.resolve(dataset)
    report = check(found.cases, training)
    if as_json:
        print_json(
            {
                "dataset": found.label,
                "cases": report.cases,
                "messages": report.messages,
                "leaked_cases": list(report.leaked_cases),
                "locked_cases": list(report.locked_cases),
                "leaks": [asdict(leak) for leak in report.leaks],
            }
        )
    else:
        for leak in report.leaks:
            how = "to the letter" if leak.exact else f"nearly ({leak.similarity:.2f})"
            locked = ", locked" if leak.locked else ""
            say(f"{leak.case_id}{locked}: its {leak.part} stands {how} in line {leak.line}: {one_line(leak.text, 80)}")
        say(f"{len(report.leaked_cases)} of {report.cases} cases leaked into {report.messages} messages.")
    if report.leaks:
        note("Take these lines out of the training set, or evaluate on other cases.")
        raise typer.Exit(1)
