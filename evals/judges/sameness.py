"""Whether an answer says what a correction says, weighed by a judge: words are compared where there is none."""

from __future__ import annotations

import json

from pydantic import BaseModel, Field

from core.ports import Judge
from evals.judges.prompts import JudgePrompts

PROMPT = "judge_sameness"


class Sameness(BaseModel):
    """What the judge answers."""

    reason: str = Field(max_length=2000)
    says: bool


async def says_the_same(
    judge: Judge, question: str, answer: str, right: str, prompts: JudgePrompts | None = None
) -> bool:
    """Whether the answer says all that `right` says. Raises JudgeError."""
    given = json.dumps({"question": question, "answer": answer, "right": right}, ensure_ascii=False)
    form = json.dumps(Sameness.model_json_schema(), ensure_ascii=False)
    prompt = (prompts or JudgePrompts())[PROMPT]
    return (await judge.ask(prompt.render(form=form, given=given), Sameness)).says
