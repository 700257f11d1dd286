"""Which folders can be tuned: what is refused before anything in them is read by a model library."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import InputError
from serving.finetune.base_model import find_base, load_tokenizer
from tests.support.tiny_model import tiny_model


def test_the_digest_is_that_of_weights_config_and_tokenizer(tmp_path: Path) -> None:
    one, same, other = (tiny_model(tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert find_base(one).digest == find_base(same).digest != find_base(other).digest
    (same / "README.md").write_text("A model.")
    assert find_base(one).digest == find_base(same).digest
    (same / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    assert find_base(one).digest != find_base(same).digest


def folder_with(folder: Path, config: object, *files: str) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    for name in files:
        (folder / name).write_bytes(b"")
    return folder


@pytest.mark.parametrize(
    ("config", "files", "reason"),
    [
        ({"max_position_embeddings": 8}, (), "holds no weights"),
        ({"max_position_embeddings": 8}, ("pytorch_model.bin",), "pytorch_model.bin, which can run code"),
        ({"max_position_embeddings": 8, "auto_map": {"AutoConfig": "evil.py"}}, ("a.safetensors",), "code of its own"),
        ({}, ("a.safetensors",), "how long a context is"),
        ({"max_position_embeddings": "many"}, ("a.safetensors",), "how long a context is"),
        ("{", ("a.safetensors",), "cannot be read"),
        ("[]", ("a.safetensors",), "not a JSON object"),
    ],
)
def test_what_is_no_model_or_not_to_be_trusted_is_refused(
    tmp_path: Path, config: object, files: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        find_base(folder_with(tmp_path / "model", config, *files))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no model in"):
        find_base(tmp_path / "nowhere")


def test_a_model_without_chat_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no chat template"):
        load_tokenizer(find_base(tiny_model(tmp_path / "model", chat_template=None)))


def test_a_model_without_tokenizer_is_refused(tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "model")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    with pytest.raises(InputError, match="tokenizer"):
        load_tokenizer(find_base(folder))
