"""A model in a GGUF file becomes a folder that is served and tuned; what can't become one is said, and nothing is left."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pytest

from core.errors import InputError
from serving.finetune.base_model import find_base, load_model, load_tokenizer
from serving.finetune.gguf_model import convert
from tests.support.gguf_file import pack_gguf
from tests.support.tiny_model import tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def packed(model: Path) -> Path:
    return pack_gguf(model, model.parent / "tiny.gguf")


def test_the_folder_answers_as_the_packed_model_does(model: Path, packed: Path, tmp_path: Path) -> None:
    assert convert(packed, tmp_path / "out")

    before, after = find_base(model), find_base(tmp_path / "out")
    question = load_tokenizer(before).apply_chat_template(
        [{"role": "user", "content": "Where is the pier?"}], add_generation_prompt=True, return_tensors="pt"
    )
    tokens = question["input_ids"]
    assert load_tokenizer(after).decode(tokens[0]) == load_tokenizer(before).decode(tokens[0])
    expected, got = (load_model(base)(tokens).logits for base in (before, after))
    assert got.allclose(expected, atol=1e-4)
    assert after.context_tokens == before.context_tokens


def test_a_folder_that_was_made_of_the_same_file_is_left_as_it_is(packed: Path, tmp_path: Path) -> None:
    convert(packed, tmp_path / "out")
    made = find_base(tmp_path / "out").digest

    assert not convert(packed, tmp_path / "out")
    assert find_base(tmp_path / "out").digest == made


def test_another_file_than_was_asked_for_is_refused(packed: Path, tmp_path: Path) -> None:
    known = hashlib.sha256(packed.read_bytes()).hexdigest()
    with pytest.raises(InputError, match=known):
        convert(packed, tmp_path / "out", sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []
    assert convert(packed, tmp_path / "out", sha256=known.upper())


def test_a_folder_with_something_else_is_not_written_over(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="exists already"):
        convert(packed, tmp_path / "out")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"PK\x03\x04", "no GGUF file"),
        (b"GGUF" + bytes(60), "cannot be read"),
        (b"GGUF", "cannot be read"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**40), "cannot be read"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**40, 0), "cannot be read"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**62) + b"a", "cannot be read"),
    ],
)
def test_what_is_no_model_is_refused_and_nothing_is_left(data: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(data)
    with pytest.raises(InputError, match=reason):
        convert(tmp_path / "a.gguf", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.gguf"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.gguf"):
        convert(tmp_path / "nowhere.gguf", tmp_path / "out")


def test_an_architecture_that_transformers_does_not_know_is_refused(model: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        convert(pack_gguf(model, tmp_path / "a.gguf", architecture="rwkv9"), tmp_path / "out")


def test_a_model_without_a_chat_template_is_refused(model: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no chat template"):
        convert(pack_gguf(model, tmp_path / "a.gguf", chat_template=None), tmp_path / "out")


def test_a_disk_that_is_full_is_said_and_nothing_is_left(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import PreTrainedModel

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PreTrainedModel, "save_pretrained", full)
    with pytest.raises(InputError, match="No space left on device"):
        convert(packed, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
