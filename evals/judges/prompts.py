"""What judges are asked: versioned files beside this package, in place of the prompts that Ragas brings.

Each of Ragas's metrics asks its judge one or two things. Which of our prompts each asks is listed here; their hashes
are part of the metric's version and stand in the evaluation's record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.prompts.library import PromptTemplate, newest_released

if TYPE_CHECKING:
    from pydantic import BaseModel

PROMPTS = Path(__file__).parents[1] / "prompts"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a metric asks: the attribute of Ragas's metric that holds its prompt, and the name of ours.
    `renamed` are fields that Ragas's metric calls otherwise than our prompt."""

    attribute: str
    prompt: str
    renamed: Mapping[str, str] = field(default_factory=dict)


STEPS: Mapping[str, tuple[Step, ...]] = {
    "faithfulness": (
        Step("statement_generator_prompt", "judge_statements"),
        Step("nli_statement_prompt", "judge_support"),
    ),
    "answer_relevancy": (Step("prompt", "judge_question"),),
    "context_precision": (Step("prompt", "judge_usefulness"),),
    "context_recall": (Step("prompt", "judge_attribution"),),
    "factual_correctness": (Step("prompt", "judge_claims"), Step("nli_prompt", "judge_support")),
    "noise_sensitivity": (
        Step("statement_prompt", "judge_statements", {"text": "answer"}),
        Step("faithfulness_prompt", "judge_support"),
    ),
}

# Settings of Ragas's own prompts, which ours say in words.
_NOT_SHOWN = {"atomicity", "coverage"}


@lru_cache
def judge_prompt(name: str) -> PromptTemplate:
    """The newest released version of a judge's prompt."""
    return newest_released(PROMPTS)[name]


def prompts_of(metric: str) -> list[dict[str, object]]:
    """Name, version and hash of each prompt that the metric asks, as evaluations record them."""
    prompts = [judge_prompt(step.prompt) for step in STEPS[metric]]
    return [{"name": prompt.name, "version": prompt.version, "sha256": prompt.sha256} for prompt in prompts]


def put_ours(metric: Any, name: str) -> None:
    """Put our prompts in the place of those of Ragas's metric. Raises AttributeError where a release of Ragas keeps
    them elsewhere, so that nothing is asked in other words than the record says."""
    for step in STEPS[name]:
        theirs = getattr(metric, step.attribute)
        setattr(metric, step.attribute, _Prompt(judge_prompt(step.prompt), theirs.output_model, step.renamed))


@dataclass(frozen=True, slots=True)
class _Prompt:
    """Stands where Ragas expects one of its prompts. What is judged reaches the template as JSON, out of which no text
    can break."""

    template: PromptTemplate
    output_model: type[BaseModel]
    renamed: Mapping[str, str]

    def to_string(self, data: BaseModel) -> str:
        values = data.model_dump(exclude=_NOT_SHOWN)
        given = {self.renamed.get(name, name): value for name, value in values.items()}
        return self.template.render(form=_json(_bare(self.output_model.model_json_schema())), given=_json(given))


def _bare(schema: Any) -> Any:
    """The JSON Schema without Ragas's explanations of its fields: ours stand in the prompt."""
    if isinstance(schema, list):
        return [_bare(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: _bare(part) for name, part in schema.items() if name not in ("description", "title")}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
