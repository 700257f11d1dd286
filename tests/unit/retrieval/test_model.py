"""Finding a model's files, refusing wrong ones, and what its fingerprint depends on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import RagloopError, SettingsError
from retrieval.embedders import model as model_module
from retrieval.embedders.model import BUNDLED, locate_model


@pytest.fixture
def models_folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder as an older sentence-transformers wrote it, with weights that are only a name."""
    folder = tmp_path / "my-model"
    (folder / "1_Pooling").mkdir(parents=True)
    write(folder / "modules.json", [module("", "Transformer"), module("1_Pooling", "Pooling")])
    write(folder / "config.json", {"hidden_size": 32, "max_position_embeddings": 512})
    write(folder / "sentence_bert_config.json", {"max_seq_length": 128, "do_lower_case": False})
    write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": 32, "pooling_mode_cls_token": True})
    write(folder / "tokenizer.json", {"version": "1.0"})
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def module(path: str, kind: str) -> dict[str, str]:
    return {"path": path, "type": f"sentence_transformers.models.{kind}"}


def write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content))


def test_the_bundled_model_is_found_without_importing_its_package(models_folder: Path) -> None:
    model = locate_model(BUNDLED, models_folder)
    assert (model.name, model.dimensions, model.max_tokens, model.pooling) == ("all-MiniLM-L6-v2", 384, 256, "mean")
    assert model.convertible


def test_a_damaged_bundled_model_is_refused(models_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, "_BUNDLED_WEIGHTS", "0" * 64)
    with pytest.raises(RagloopError, match="damaged") as refusal:
        locate_model(BUNDLED, models_folder)
    assert "pip install" in refusal.value.hint


def test_weights_are_hashed_once_and_again_when_the_file_changed(
    folder: Path, models_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    original = model_module._sha256
    monkeypatch.setattr(model_module, "_sha256", lambda path: (hashed.append(path.name), original(path))[1])
    first = locate_model(str(folder), models_folder)
    again = locate_model(str(folder), models_folder)
    assert hashed.count("model.safetensors") == 1
    (folder / "model.safetensors").write_bytes(b"other weights")
    changed = locate_model(str(folder), models_folder)
    assert hashed.count("model.safetensors") == 2
    assert first.fingerprint == again.fingerprint != changed.fingerprint


def test_a_folder_is_described_by_its_files(folder: Path, models_folder: Path) -> None:
    model = locate_model(str(folder), models_folder)
    assert (model.name, model.dimensions, model.max_tokens) == ("my-model", 32, 128)
    assert (model.pooling, model.convertible) == ("cls", True)


def test_pooling_is_read_as_newer_versions_write_it(folder: Path, models_folder: Path) -> None:
    before = locate_model(str(folder), models_folder)
    write(folder / "1_Pooling" / "config.json", {"embedding_dimension": 32, "pooling_mode": "cls"})
    assert locate_model(str(folder), models_folder).fingerprint == before.fingerprint


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("1_Pooling/config.json", {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True}),
        ("sentence_bert_config.json", {"max_seq_length": 64}),
        ("tokenizer.json", {"version": "1.1"}),
        ("modules.json", [module("", "Transformer"), module("1_Pooling", "Pooling"), module("2_Dense", "Dense")]),
        ("config_sentence_transformers.json", {"prompts": {"q": "query: "}, "default_prompt_name": "q"}),
    ],
)
def test_whatever_changes_the_vectors_changes_the_fingerprint(
    folder: Path, models_folder: Path, file: str, content: object
) -> None:
    before = locate_model(str(folder), models_folder).fingerprint
    write(folder / file, content)
    assert locate_model(str(folder), models_folder).fingerprint != before


def test_the_place_of_a_model_does_not_change_its_fingerprint(folder: Path, models_folder: Path) -> None:
    before = locate_model(str(folder), models_folder).fingerprint
    moved = folder.rename(folder.with_name("elsewhere"))
    assert locate_model(str(moved), models_folder).fingerprint == before


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("1_Pooling/config.json", {"embedding_dimension": 32, "pooling_mode": "lasttoken"}),
        ("1_Pooling/config.json", {"embedding_dimension": 32, "pooling_mode": ["mean", "max"]}),
        ("modules.json", [module("", "Transformer"), module("1_Pooling", "Pooling"), module("2_Dense", "Dense")]),
        ("sentence_bert_config.json", {"max_seq_length": 64, "do_lower_case": True}),
    ],
)
def test_what_the_converter_cannot_do_is_known_beforehand(
    folder: Path, models_folder: Path, file: str, content: object
) -> None:
    write(folder / file, content)
    assert not locate_model(str(folder), models_folder).convertible


def test_a_projecting_layer_decides_the_dimensions(folder: Path, models_folder: Path) -> None:
    write(
        folder / "modules.json", [module("", "Transformer"), module("1_Pooling", "Pooling"), module("2_Dense", "Dense")]
    )
    (folder / "2_Dense").mkdir()
    write(folder / "2_Dense" / "config.json", {"in_features": 32, "out_features": 8})
    assert locate_model(str(folder), models_folder).dimensions == 8


@pytest.mark.parametrize("missing", ["modules.json", "tokenizer.json", "model.safetensors"])
def test_an_incomplete_folder_is_refused(folder: Path, models_folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(SettingsError):
        locate_model(str(folder), models_folder)


def test_a_name_that_is_neither_bundled_nor_a_folder_is_refused_with_the_setting(models_folder: Path) -> None:
    with pytest.raises(SettingsError) as refusal:
        locate_model("sentence-transformers/all-mpnet-base-v2", models_folder)
    assert "RAGLOOP_EMBEDDER" in refusal.value.hint


def test_broken_json_names_its_file(folder: Path, models_folder: Path) -> None:
    (folder / "modules.json").write_text("{")
    with pytest.raises(SettingsError, match=r"modules\.json"):
        locate_model(str(folder), models_folder)


@pytest.mark.parametrize(
    ("configured", "prompts"),
    [
        ({}, ("", "")),
        ({"prompts": {"query": "query: ", "passage": "passage: "}}, ("query: ", "passage: ")),
        ({"prompts": {"query": "ask: ", "document": "read: "}, "default_prompt_name": "document"}, ("ask: ", "read: ")),
        ({"prompts": {"q": "both: "}, "default_prompt_name": "q"}, ("both: ", "both: ")),
        ({"prompts": {"query": "", "document": ""}}, ("", "")),
    ],
)
def test_the_prompts_for_questions_and_documents_are_the_models_own(
    folder: Path, models_folder: Path, configured: object, prompts: tuple[str, str]
) -> None:
    write(folder / "config_sentence_transformers.json", configured)
    model = locate_model(str(folder), models_folder)
    assert (model.question_prompt, model.document_prompt) == prompts


def test_other_prompts_make_other_vectors_and_none_keep_the_fingerprint(folder: Path, models_folder: Path) -> None:
    before = locate_model(str(folder), models_folder).fingerprint
    write(folder / "config_sentence_transformers.json", {"prompts": {"query": "", "document": ""}})
    assert locate_model(str(folder), models_folder).fingerprint == before
    write(folder / "config_sentence_transformers.json", {"prompts": {"query": "query: ", "passage": "passage: "}})
    assert locate_model(str(folder), models_folder).fingerprint != before


def test_a_model_without_a_tokenizer_is_refused_in_one_sentence(folder: Path, models_folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(SettingsError) as refusal:
        locate_model(str(folder), models_folder)
    assert "tokenizer.json is missing" in refusal.value.message
