"""`ragloop eval calibrate`: find out how far the judge can be trusted."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.console import JsonOption, note, print_json, say
from core.errors import SettingsError

if TYPE_CHECKING:
    from evals.gate.comparison import JudgeQuality

# Which answers a sample takes: the same ones each time.
_SEED = 7


def calibrate(
    path: Annotated[Path, typer.Argument(help="JSONL of question, contexts, answer and score.")],
    items: Annotated[int | None, typer.Option(min=1, help="Judge a sample of this many answers.")] = None,
    repeats: Annotated[int, typer.Option(min=1, max=20, help="How often each answer is judged.")] = 2,
    as_json: JsonOption = False,
) -> None:
    """Compare the judge with people who scored the same answers, and with itself.

    The judge scores each answer's faithfulness. The result is kept for this judge and shown in every report; a judge
    that was never calibrated, or that people do not agree with, blocks the gate where its scores count.
    """
    import asyncio

    from core.settings import load_settings
    from evals.calibration import calibration
    from evals.calibration.rated_answers import read_rated_answers
    from evals.gate.thresholds import load_thresholds
    from evals.judges.langchain_judge import open_judge
    from evals.judges.prompts import JudgePrompts
    from serving.prompts.library import own_folder

    settings = load_settings()
    answers = read_rated_answers(path)
    chosen = answers if items is None else random.Random(_SEED).sample(answers, min(items, len(answers)))  # noqa: S311
    judge = open_judge(settings)
    if judge is None:
        raise SettingsError(
            "No judge is set.", hint="Set RAGLOOP_JUDGE_URL and RAGLOOP_JUDGE_MODEL to an OpenAI-compatible endpoint."
        )
    note(f"{judge.name} judges {len(chosen)} answers {repeats} times.")
    prompts = JudgePrompts(own_folder(settings))
    found = asyncio.run(calibration.calibrate(judge, chosen, repeats, prompts))
    stored = calibration.CalibrationStore(settings.home).save(found)
    quality = calibration.quality(found, judge, load_thresholds(settings.gate_file).judge)
    if as_json:
        failures = {"failed": found.failed, "failure": found.failure, "file": str(stored)}
        print_json({**quality.model_dump(mode="json"), **failures})
        return
    _print(quality, stored)


def _print(quality: JudgeQuality, stored: Path) -> None:
    say(f"{quality.model}: {'trusted' if quality.trusted else 'not trusted'}. {quality.reason}")
    if quality.agreement is not None and quality.agreement_value is not None:
        interval = f"{quality.agreement.low:.2f} to {quality.agreement.high:.2f}"
        say(f"Agreement with people: {quality.agreement_value:.2f} ({interval}) over {quality.items} answers")
    if quality.self_agreement is not None:
        say(f"Agreement with itself: {quality.self_agreement:.2f} over {quality.repeats} rounds")
    say(f"Kept in {stored}")
