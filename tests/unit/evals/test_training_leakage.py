"""What is trained on and what is measured on stay apart: before a tuning, and when its adapter is evaluated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import AdapterError, InputError
from core.release import GeneratorSpec
from core.storage.database import Database
from evals.cases.cases import Case, GoldEvidence
from evals.cases.dataset_store import DatasetStore
from evals.cases.training_leakage import refuse_leaks, trained_on
from serving.adapters.store import AdapterStore
from serving.finetune.dataset import TrainingSet, read_rows
from tests.support.adapters import write_adapter
from tests.support.training_rows import row, write_rows

QUESTION = "Which colour do the cabinets of the finance team have?"
EVIDENCE = "The cabinets of the finance team are painted in a dark green with golden handles."


def case(**changes: object) -> Case:
    evidence = (GoldEvidence(uri="handbook/cabinets.md", quote=EVIDENCE),)
    return Case.model_validate({"id": "colour", "question": QUESTION, "evidence": evidence, **changes})


def training(tmp_path: Path, **changes: object) -> TrainingSet:
    return read_rows(write_rows(tmp_path / "rows.jsonl", [row(1), row(2, **changes)]))


def stored(database: Database, *cases: Case) -> Database:
    DatasetStore(database).save("cabinets", cases, actor="ann", reason="a test")
    return database


def test_rows_that_no_dataset_asks_are_taken(database: Database, tmp_path: Path) -> None:
    compared = refuse_leaks(stored(database, case()), training(tmp_path))
    assert compared > 50  # the shipped datasets are compared too


@pytest.mark.parametrize(
    "question", [QUESTION, f"Hello! {QUESTION.lower()}", "Which colour do the cabinet of the finance team have"]
)
def test_a_row_that_asks_a_case_is_refused_with_its_line(database: Database, tmp_path: Path, question: str) -> None:
    with pytest.raises(InputError, match="line 2: the question of case colour of cabinets"):
        refuse_leaks(stored(database, case()), training(tmp_path, question=question))


def test_a_case_in_a_rows_history_is_found(database: Database, tmp_path: Path) -> None:
    history = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": "Green."}]
    with pytest.raises(InputError, match="line 2"):
        refuse_leaks(stored(database, case()), training(tmp_path, history=history))


def test_shipped_datasets_are_never_trained_on_even_if_nobody_has_used_them_yet(
    database: Database, tmp_path: Path
) -> None:
    from evals.cases.cases import DATASETS, load_cases

    shipped = load_cases(DATASETS / "handbook.jsonl")[0]
    with pytest.raises(InputError, match=f"case {shipped.id} of handbook"):
        refuse_leaks(database, training(tmp_path, question=shipped.question))


def test_passages_may_hold_the_evidence_and_answers_may_quote_it(database: Database, tmp_path: Path) -> None:
    passages = [{"title": "Cabinets", "text": EVIDENCE}]
    rows = training(tmp_path, passages=passages, answer=f"{EVIDENCE} [1]")
    assert refuse_leaks(stored(database, case()), rows)


def test_the_evidence_of_a_locked_case_may_not_be_taught(database: Database, tmp_path: Path) -> None:
    rows = training(tmp_path, answer=f"{EVIDENCE} [1]")
    with pytest.raises(InputError, match="the evidence of locked case colour"):
        refuse_leaks(stored(database, case(locked=True, origin="feedback")), rows)


# -- when its adapter is evaluated


def test_the_cases_that_an_adapter_was_trained_on_are_named(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "adapter")
    messages = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": "Green."}]
    (folder / "training.jsonl").write_text(json.dumps({"messages": messages}) + "\n")
    store = AdapterStore(tmp_path / "store")
    adapter = store.add(folder)
    cases = [case(), case(id="other", question="Where do the accountants keep their coffee mugs?")]
    llm = {"kind": "llm", "base_model": "base", "adapter_digest": adapter.digest}
    assert trained_on(store, GeneratorSpec.model_validate(llm), cases) == ("colour",)
    assert trained_on(store, GeneratorSpec(kind="llm", base_model="base"), cases) == ()
    assert trained_on(store, GeneratorSpec(), cases) == ()


def test_of_an_adapter_made_elsewhere_nothing_is_known(tmp_path: Path) -> None:
    store = AdapterStore(tmp_path / "store")
    adapter = store.add(write_adapter(tmp_path / "adapter"))
    assert trained_on(store, GeneratorSpec(kind="llm", base_model="b", adapter_digest=adapter.digest), [case()]) == ()


def test_an_adapter_that_is_gone_is_an_error_and_not_an_all_clear(tmp_path: Path) -> None:
    with pytest.raises(AdapterError):
        trained_on(AdapterStore(tmp_path), GeneratorSpec(kind="llm", base_model="b", adapter_digest="0" * 64), [case()])
