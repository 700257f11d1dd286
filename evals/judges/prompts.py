"""What judges are asked: versioned files, in place of the prompts that Ragas brings.

Each of Ragas's metrics asks its judge one or two things. Which of our prompts each asks is listed here; their hashes
are part of the metric's version and stand in the evaluation's record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.storage.prompt_ledger import PromptLedger
from serving.prompts.ledger import keep_file
from serving.prompts.library import PromptFile, load_prompts
from serving.prompts.template import PromptTemplate

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


class JudgePrompts:
    """What judges are asked: the newest version of each prompt, be it RAGLoop's or of the `own` folder. Each is read
    when it is first asked for; one that cannot be used is an InputError then."""

    def __init__(self, own: Path | None = None) -> None:
        self._versions = load_prompts(PROMPTS, own)
        self._read: dict[str, PromptFile] = {}

    def __getitem__(self, name: str) -> PromptTemplate:
        return self.file(name).template

    def file(self, name: str) -> PromptFile:
        """The newest version with its file."""
        if name not in self._read:
            versions = self._versions[name]
            self._read[name] = versions.file(max(versions))
        return self._read[name]

    def asked_by(self, metric: str) -> list[PromptTemplate]:
        """The prompts that the metric asks."""
        return [self[step.prompt] for step in STEPS[metric]]

    def put_into(self, metric: Any, name: str) -> None:
        """Put our prompts in the place of those of Ragas's metric. Raises AttributeError where a release of Ragas keeps
        them elsewhere, so that nothing is asked in other words than the record says."""
        for step in STEPS[name]:
            theirs = getattr(metric, step.attribute)
            setattr(metric, step.attribute, _Prompt(self[step.prompt], theirs.output_model, step.renamed))


def keep_asked(prompts: JudgePrompts, ledger: PromptLedger) -> None:
    """Enter all prompts that metrics ask: an evaluation begins. Raises ConflictError for a version that was asked in
    other words before."""
    for name in sorted({step.prompt for steps in STEPS.values() for step in steps}):
        keep_file(ledger, prompts.file(name))


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
