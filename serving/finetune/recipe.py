"""What a tuning is made of: the rows, the model, the prompt and the numbers. Equal orders are one tuning."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from core.errors import InputError
from core.frozen import Frozen
from core.settings import Settings
from core.storage.database import Database
from core.storage.releases import ReleaseRepository
from core.types import digest
from serving.finetune.base_model import BaseModel, find_base
from serving.finetune.dataset import TrainingSet, read_rows, require_rejected
from serving.prompts.library import load_prompts, newest, own_folder
from serving.prompts.template import PromptTemplate

Method = Literal["sft", "dpo"]
# The steps of DPO are smaller: its loss is about the difference of two answers, and soon forgets how to write either.
LEARNING_RATES: dict[str, float] = {"sft": 2e-4, "dpo": 2e-5}
PROMPT = "answer"
# Served names become part of a model's name in requests and of an adapter's.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")


class Recipe(Frozen):
    """The numbers of a tuning. `rows_at_once` only decides what fits into memory; a step is of `batch` rows."""

    method: Method = "sft"
    epochs: float = Field(3, gt=0, le=1000)
    learning_rate: float = Field(LEARNING_RATES["sft"], gt=0, le=1)
    rank: int = Field(16, ge=1, le=512)
    batch: int = Field(8, ge=1, le=4096)
    rows_at_once: int = Field(4, ge=1, le=1024)
    held_out: float = Field(0.1, gt=0, le=0.5)
    patience: int = Field(3, ge=1, le=100)
    beta: float = Field(0.1, gt=0, le=10)
    seed: int = Field(7, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _whole_steps(self) -> Recipe:
        if self.batch % min(self.batch, self.rows_at_once):
            raise ValueError("batch is no multiple of rows_at_once")
        return self

    def parameters(self) -> dict[str, Any]:
        """The numbers that the method uses."""
        return self.model_dump(exclude=set() if self.method == "dpo" else {"beta"})


def make_recipe(method: str, **numbers: Any) -> Recipe:
    """A recipe of the numbers that are given; None stands for the method's own. Raises InputError."""
    if method not in LEARNING_RATES:
        raise InputError(f"There is no method {method[:40]!r}.", hint="There are sft and dpo.")
    given = {name: value for name, value in numbers.items() if value is not None}
    try:
        return Recipe(method=method, **{"learning_rate": LEARNING_RATES[method], **given})
    except ValidationError as error:
        first = error.errors()[0]
        place = "".join(f"{part}: " for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{place}{reason[:1].lower()}{reason[1:]}.", hint="`ragloop tune --help` explains.") from error


@dataclass(frozen=True, slots=True)
class TuningOrder:
    """One tuning. `base_name` is the name that the model server offers the base model under."""

    training: TrainingSet
    base: BaseModel
    base_name: str
    recipe: Recipe
    prompt: PromptTemplate
    language: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.base_name):
            raise InputError(
                f"{self.base_name[:100]!r} cannot be the name of a served model.",
                hint="Give the name that the model server lists under /v1/models.",
            )

    @property
    def id(self) -> str:
        """Orders of the same id come to the same adapter, and go on where another was stopped."""
        return digest({**self.facts(), "parameters": self.recipe.parameters()})

    def facts(self) -> dict[str, Any]:
        """What the adapter is made of, besides the numbers. Raises InputError where the libraries are not installed."""
        return {
            "base_model": self.base_name,
            "base_digest": self.base.digest,
            "dataset_sha256": self.training.sha256,
            "prompt": f"{PROMPT} {self.prompt.version}",
            "prompt_sha256": self.prompt.sha256,
            "language": self.language,
            "libraries": _versions("torch", "transformers", "trl", "peft"),
        }


def _versions(*libraries: str) -> dict[str, str]:
    try:
        return {name: importlib.metadata.version(name) for name in libraries}
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError(
            f"Tuning needs {error.name}, which is not installed here.",
            hint="pip install 'ragloop[tune]'; of the containers those of Airflow's tasks have it.",
        ) from error


def make_order(
    settings: Settings, rows: Path, base: Path, base_name: str, recipe: Recipe, prompt_version: int | None = None
) -> TuningOrder:
    """An order from files. Raises InputError for what cannot be used."""
    training = read_rows(rows)
    if recipe.method == "dpo":
        require_rejected(training)
    prompt = answer_prompt(prompt_version, own_folder(settings))
    return TuningOrder(training, find_base(base), base_name, recipe, prompt, settings.language)


def order_of(settings: Settings, params: Mapping[str, Any]) -> TuningOrder:
    """The order that the parameters of a run of the DAG `tune_generator` describe."""
    recipe = make_recipe(
        params["method"], epochs=params["epochs"], rank=params["rank"], learning_rate=params["learning_rate"]
    )
    rows, base = Path(params["dataset"]), Path(params["base"])
    return make_order(settings, rows, base, params["base_name"], recipe, params["prompt"])


def live_prompt(database: Database) -> int | None:
    """The version of the prompt that the live release answers with: what a model should be tuned to. None while no
    release is live."""
    champion = ReleaseRepository(database).champion()
    return champion.manifest.prompts[PROMPT].version if champion is not None else None


def answer_prompt(version: int | None, own: Path | None = None) -> PromptTemplate:
    """This version of the prompt that answers, which may lie in the `own` folder, or the newest that comes with
    RAGLoop. Raises InputError if there is none."""
    if version is None:
        return newest(load_prompts())[PROMPT]
    versions = load_prompts(own=own)[PROMPT]
    if version not in versions:
        known = ", ".join(str(known) for known in sorted(versions))
        raise InputError(f"There is no version {version} of the prompt {PROMPT}.", hint=f"There is {known}.")
    return versions[version]


def run_folder(home: Path, order_id: str) -> Path:
    """Where a tuning keeps its checkpoints while it runs, and what came of it."""
    return home / "tuning" / order_id[:16]
