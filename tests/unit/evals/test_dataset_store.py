"""Datasets are found by name, by version, as they ship and as files; what was saved never changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import InputError, NotFoundError
from core.storage.database import Database
from evals.cases.cases import MOST_CASES, Case
from evals.cases.dataset_store import DatasetStore


def case(name: str, **more: object) -> Case:
    return Case.model_validate({"id": name, "question": f"What is {name}?", "answer": f"It is {name}.", **more})


@pytest.fixture
def store(database: Database) -> DatasetStore:
    return DatasetStore(database)


def test_what_is_saved_comes_back_as_it_was(store: DatasetStore) -> None:
    cases = (
        case("a", tags=("x",), evidence=[{"uri": "docs/a.md", "quote": "A"}]),
        Case(id="b", question="?", unanswerable=True),
    )
    saved = store.save("mine", cases, actor="ann", reason="first")
    assert store.get("mine") == saved == store.get("mine", 1)
    assert saved.cases == cases
    assert store.cases([cases[0].sha256, "unknown"]) == {cases[0].sha256: cases[0]}


def test_saving_the_same_again_is_the_same_version(store: DatasetStore) -> None:
    first = store.save("mine", [case("a")], actor="ann", reason="first")
    store.save("mine", [case("b")], actor="ann", reason="second")
    assert store.save("mine", [case("a")], actor="bob", reason="again") == first


def test_a_list_counts_what_matters(store: DatasetStore) -> None:
    cases = [
        case("a", tags=("x", "y"), locked=True),
        case("b", tags=("x",)),
        Case(id="c", question="?", unanswerable=True),
    ]
    store.save("mine", cases[:1], actor="ann", reason="first")
    store.save("mine", cases, actor="ann", reason="second")
    (summary,) = store.all()
    assert (summary.version, summary.cases, summary.unanswerable, summary.locked) == (2, 3, 1, 1)
    assert summary.tags == {"x": 2, "y": 1}
    assert [version.reason for version in store.versions("mine")] == ["first", "second"]


@pytest.mark.parametrize("name", ["", "a b", "../etc", "a@1", "ü", "a" * 101, "-x", "a\n"])
def test_a_name_that_could_not_be_asked_for_again_is_refused(store: DatasetStore, name: str) -> None:
    with pytest.raises(InputError, match="name of a dataset"):
        store.save(name, [case("a")], actor="ann", reason="")


def test_nothing_is_stored_of_cases_that_cannot_be_a_dataset(store: DatasetStore) -> None:
    for cases in ([], [case("a"), case("a")], [case("a")] * (MOST_CASES + 1)):
        with pytest.raises(InputError, match="mine"):
            store.save("mine", cases, actor="ann", reason="")
    assert store.all() == []


def test_a_file_becomes_a_version_under_its_own_name(store: DatasetStore, tmp_path: Path) -> None:
    path = tmp_path / "My cases (new).jsonl"
    path.write_text(case("a").model_dump_json() + "\n")
    dataset = store.resolve(str(path))
    assert dataset.label == "My-cases-new@1"
    assert store.resolve("My-cases-new") == dataset == store.resolve("My-cases-new@1")


def test_a_shipped_dataset_is_stored_until_people_change_it(store: DatasetStore) -> None:
    shipped = store.resolve("handbook")
    assert shipped.version == 1
    assert store.resolve("handbook") == shipped
    changed = store.save("handbook", [*shipped.cases, case("mine")], actor="ann", reason="one more")
    assert store.resolve("handbook") == changed
    assert store.resolve("handbook@1") == shipped


@pytest.mark.parametrize(
    "name", ["unknown", "unknown@1", "handbook@9", "handbook@" + "9" * 5000, "missing.jsonl", "", "/", "a/b"]
)
def test_what_is_not_there_is_said_with_a_hint(store: DatasetStore, name: str) -> None:
    with pytest.raises(InputError) as refused:
        store.resolve(name)
    assert refused.value.hint


def test_a_version_that_is_not_there_is_not_found(store: DatasetStore) -> None:
    with pytest.raises(NotFoundError, match="mine@3"):
        store.get("mine", 3)
