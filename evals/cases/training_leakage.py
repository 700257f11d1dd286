"""Keeping what is trained on and what is measured on apart: before a tuning, and again when its adapter is evaluated.

A question or an answer that stands on both sides is a leak, and for locked cases also their evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.errors import InputError
from core.release import GeneratorSpec
from core.storage.database import Database
from evals.cases.cases import DATASETS, Case, load_cases
from evals.cases.dataset_store import DatasetStore
from evals.cases.leakage import Leak, TaughtMessage, check, find_leaks
from serving.adapters.checks import TRAINING
from serving.adapters.store import AdapterStore
from serving.finetune.dataset import TrainingSet
from serving.finetune.template import taught

_MOST_TOLD = 10


def refuse_leaks(database: Database, training: TrainingSet) -> int:
    """Compare the rows with every dataset: the newest version of each that is stored, and the shipped ones. Returns how
    many cases these have; raises InputError that names the rows that hold any."""
    cases = 0
    found: list[tuple[Leak, str]] = []
    for name, dataset in all_datasets(database):
        cases += len(dataset)
        found += [(leak, name) for leak in find_leaks(dataset, _messages(training)).serious]
    if not found:
        return cases
    lines = sorted({leak.line for leak, _ in found})
    told = "\n  ".join(
        f"line {leak.line}: the {leak.part} of {'locked ' if leak.locked else ''}case {leak.case_id} of {name}"
        for leak, name in sorted(found, key=lambda each: each[0].line)[:_MOST_TOLD]
    )
    more = f"\n  and {len(found) - _MOST_TOLD} more" if len(found) > _MOST_TOLD else ""
    raise InputError(
        f"{len(lines)} training rows hold what an evaluation asks:\n  {told}{more}",
        hint="Take these rows out: a model that was trained on a case is measured on its memory.",
    )


def trained_on(adapters: AdapterStore, generator: GeneratorSpec, cases: Sequence[Case]) -> tuple[str, ...]:
    """The ids of the cases that the generator's adapter was trained on, as far as its training is known.

    Raises AdapterError if the adapter is gone.
    """
    if generator.kind != "llm" or generator.adapter_digest is None:
        return ()
    path = adapters.get(generator.adapter_digest).folder / TRAINING
    if not path.exists():
        return ()
    return tuple(dict.fromkeys(leak.case_id for leak in check(cases, path).serious))


def all_datasets(database: Database) -> Iterator[tuple[str, Sequence[Case]]]:
    """Name and cases of every dataset: the newest version of each that is stored, and the shipped ones."""
    store = DatasetStore(database)
    stored = {summary.name for summary in store.all()}
    for name in sorted(stored):
        yield name, store.get(name).cases
    for path in sorted(DATASETS.glob("*.jsonl")):
        if path.stem not in stored:
            yield path.stem, load_cases(path)


def _messages(training: TrainingSet) -> Iterator[TaughtMessage]:
    for numbered in training.rows:
        for turn in taught(numbered.row):
            yield TaughtMessage(numbered.line, turn.role, turn.content)
