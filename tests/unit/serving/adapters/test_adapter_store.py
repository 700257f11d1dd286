"""The adapter store: what is kept stays what it was, and nothing unsound gets in."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import AdapterError
from serving.adapters.store import AdapterStore
from tests.support.adapters import (
    MODULES,
    lora_config,
    lora_tensors,
    write_adapter,
    write_base,
)


@pytest.fixture
def store(tmp_path: Path) -> AdapterStore:
    return AdapterStore(tmp_path / "adapters")


def test_an_adapter_is_kept_under_the_digest_of_its_files(store: AdapterStore, tmp_path: Path) -> None:
    adapter = store.add(write_adapter(tmp_path / "out"))
    again = store.add(write_adapter(tmp_path / "elsewhere"))
    other = store.add(write_adapter(tmp_path / "other", seed=1))

    assert adapter == again
    assert adapter.digest != other.digest
    assert store.digests() == sorted([adapter.digest, other.digest])
    assert store.get(adapter.digest) == adapter
    assert store.find(adapter.digest[:8]) == adapter
    assert (adapter.rank, adapter.base_model) == (4, "somewhere/base")


def test_facts_lie_beside_the_adapter_and_do_not_change_its_digest(store: AdapterStore, tmp_path: Path) -> None:
    bare = store.add(write_adapter(tmp_path / "bare"))
    told = store.add(write_adapter(tmp_path / "told", facts={"base_model": "base", "rows": 40}))
    assert told.digest == bare.digest
    assert store.get(bare.digest).facts == {"base_model": "base", "rows": 40}

    store.add(tmp_path / "bare")
    assert store.get(bare.digest).facts["rows"] == 40, "facts are not lost when a copy without them is added"


def test_what_is_kept_does_not_depend_on_the_folder_that_was_added(store: AdapterStore, tmp_path: Path) -> None:
    source = write_adapter(tmp_path / "out")
    adapter = store.add(source)
    (source / "adapter_model.safetensors").write_bytes(b"")
    assert store.get(adapter.digest) == adapter


def test_the_model_server_may_be_another_user(store: AdapterStore, tmp_path: Path) -> None:
    folder = store.add(write_adapter(tmp_path / "out", facts={})).folder
    assert folder.stat().st_mode & 0o777 == 0o755
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}


def test_an_adapter_whose_files_changed_is_not_handed_out(store: AdapterStore, tmp_path: Path) -> None:
    source = write_adapter(tmp_path / "out")
    adapter = store.add(source)
    with (adapter.folder / "adapter_model.safetensors").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(AdapterError, match="not what it was") as raised:
        store.get(adapter.digest)
    assert "ragloop adapters add" in raised.value.hint
    assert store.all() == []

    assert store.add(source) == adapter, "adding it again mends it"
    assert store.all() == [adapter]


@pytest.mark.parametrize("missing", ["adapter_model.safetensors", "adapter_config.json"])
def test_an_adapter_that_lost_a_file_is_not_handed_out(store: AdapterStore, tmp_path: Path, missing: str) -> None:
    adapter = store.add(write_adapter(tmp_path / "out"))
    (adapter.folder / missing).unlink()
    with pytest.raises(AdapterError):
        store.get(adapter.digest)


@pytest.mark.parametrize("name", ["", "0" * 64, "../outside", "a" * 64 + "/..", "zz"])
def test_an_adapter_that_is_not_there_is_named_with_the_way_to_add_it(store: AdapterStore, name: str) -> None:
    with pytest.raises(AdapterError, match="There is no adapter") as raised:
        store.get(name)
    assert "ragloop adapters" in raised.value.hint


def test_a_process_killed_while_it_copied_leaves_nothing_to_find(store: AdapterStore, tmp_path: Path) -> None:
    left = store.folder / ".incoming-abc"
    left.mkdir(parents=True)
    (left / "adapter_config.json").write_text("{")
    assert store.digests() == []
    adapter = store.add(write_adapter(tmp_path / "out"))
    assert not left.exists()
    assert store.all() == [adapter]


def test_removing_takes_the_adapter_and_nothing_else(store: AdapterStore, tmp_path: Path) -> None:
    adapter = store.add(write_adapter(tmp_path / "out"))
    other = store.add(write_adapter(tmp_path / "other", seed=1))
    store.remove("..")
    store.remove(adapter.digest)
    store.remove(adapter.digest)
    assert store.digests() == [other.digest]


def refused(store: AdapterStore, folder: Path, match: str, base: Path | None = None) -> str:
    with pytest.raises(AdapterError, match=match) as raised:
        store.add(folder, base=base)
    assert store.digests() == []
    assert not list(store.folder.glob(".incoming-*"))
    assert raised.value.hint
    return raised.value.hint


def test_a_folder_that_is_not_there_is_refused(store: AdapterStore, tmp_path: Path) -> None:
    refused(store, tmp_path / "nowhere", "There is no folder")


@pytest.mark.parametrize("name", ["adapter_model.bin", "training_args.bin", "optimizer.pt", "state.pkl"])
def test_pickled_files_are_refused(store: AdapterStore, tmp_path: Path, name: str) -> None:
    folder = write_adapter(tmp_path / "out")
    (folder / name).write_bytes(b"\x80\x04.")
    assert "safetensors" in refused(store, folder, "pickled")


def test_files_that_belong_to_no_adapter_are_refused_with_what_to_copy(store: AdapterStore, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "out")
    (folder / "modeling.py").write_text("")
    assert "adapter_model.safetensors" in refused(store, folder, "modeling.py")


def test_links_are_not_followed(store: AdapterStore, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "out")
    (folder / "adapter_config.json").rename(tmp_path / "config")
    (folder / "adapter_config.json").symlink_to(tmp_path / "config")
    refused(store, folder, "not a plain file")


@pytest.mark.parametrize("missing", ["adapter_model.safetensors", "adapter_config.json"])
def test_half_an_adapter_is_refused(store: AdapterStore, tmp_path: Path, missing: str) -> None:
    folder = write_adapter(tmp_path / "out")
    (folder / missing).unlink()
    refused(store, folder, missing)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"peft_type": "IA3"}, "peft_type"),
        ({"peft_type": None}, "peft_type"),
        ({"r": 0}, "no rank"),
        ({"r": True}, "no rank"),
        ({"r": "4"}, "no rank"),
        ({"r": 513}, "at most 512"),
        ({"lora_alpha": 0}, "lora_alpha"),
        ({"lora_alpha": float("nan")}, "lora_alpha"),
        ({"lora_alpha": float("inf")}, "lora_alpha"),
        ({"lora_alpha": None}, "lora_alpha"),
        ({"target_modules": "(a+)+$"}, "target_modules"),
        ({"target_modules": []}, "target_modules"),
        ({"target_modules": ["../q"]}, "target_modules"),
        ({"bias": "all"}, "bias"),
        ({"use_dora": True}, "use_dora"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"rank_pattern": {"q_proj": 512}}, "rank_pattern"),
    ],
)
def test_a_configuration_that_would_not_be_served_as_trained_is_refused(
    store: AdapterStore, tmp_path: Path, change: dict[str, Any], match: str
) -> None:
    refused(store, write_adapter(tmp_path / "out", config=lora_config(**change)), match)


@pytest.mark.parametrize("text", ["", "{", "[]", '"LORA"', "[" * 100_000, "\ud800"])
def test_a_configuration_that_is_no_json_object_is_refused(store: AdapterStore, tmp_path: Path, text: str) -> None:
    folder = write_adapter(tmp_path / "out")
    (folder / "adapter_config.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    refused(store, folder, "adapter_config.json")


def test_facts_that_are_no_json_object_are_refused(store: AdapterStore, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "out")
    (folder / "ragloop.json").write_text("[1]")
    refused(store, folder, "ragloop.json")


@pytest.mark.parametrize("worst", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_numbers_that_are_not_finite_are_refused(store: AdapterStore, tmp_path: Path, worst: float, dtype: str) -> None:
    tensors = lora_tensors(dtype=dtype)
    tensors[f"base_model.model.{MODULES[1]}.lora_B.weight"][3, 1] = worst
    assert "diverged" in refused(store, write_adapter(tmp_path / "out", tensors=tensors), "not finite")


def test_numbers_of_bfloat16_are_looked_at_too(store: AdapterStore, tmp_path: Path) -> None:
    name = f"base_model.model.{MODULES[0]}.lora_"
    ones = struct.pack("<H", 0x3F80) * 64
    nan = struct.pack("<H", 0x7FC0) + ones[2:]
    store.add(_raw(write_adapter(tmp_path / "out"), {f"{name}A.weight": (4, 16), f"{name}B.weight": (16, 4)}, ones * 2))
    for digest in store.digests():
        store.remove(digest)
    folder = _raw(tmp_path / "out", {f"{name}A.weight": (4, 16), f"{name}B.weight": (16, 4)}, ones + nan)
    refused(store, folder, "not finite")


def _raw(folder: Path, shapes: dict[str, tuple[int, int]], data: bytes) -> Path:
    """The folder with a bfloat16 file, which numpy cannot write."""
    header, start = {}, 0
    for name, shape in shapes.items():
        end = start + shape[0] * shape[1] * 2
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, end]}
        start = end
    text = json.dumps(header).encode()
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    return folder


@pytest.mark.parametrize("dtype", ["int8", "float64"])
def test_weights_of_other_kinds_are_refused(store: AdapterStore, tmp_path: Path, dtype: str) -> None:
    refused(store, write_adapter(tmp_path / "out", tensors=lora_tensors(dtype=dtype)), "only F32, F16, BF16")


def test_tensors_that_are_no_pairs_of_matrices_of_the_rank_are_refused(store: AdapterStore, tmp_path: Path) -> None:
    sound = lora_tensors()
    first = f"base_model.model.{MODULES[0]}.lora_A.weight"
    wrong: dict[str, dict[str, np.ndarray]] = {
        "no matrix": {**sound, "lm_head.weight": sound[first]},
        "is no matrix": {**sound, first: sound[first].reshape(-1)},
        "only one of": {name: tensor for name, tensor in sound.items() if name != first},
        "is of rank": lora_tensors(rank=8),
        "holds nothing": {},
    }
    for number, (match, tensors) in enumerate(wrong.items()):
        refused(store, write_adapter(tmp_path / str(number), tensors=tensors), match)


@given(cut=st.integers(min_value=0, max_value=300), junk=st.binary(max_size=40))
def test_a_damaged_file_of_weights_is_refused(tmp_path_factory: pytest.TempPathFactory, cut: int, junk: bytes) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    weights = write_adapter(folder / "out") / "adapter_model.safetensors"
    whole = weights.read_bytes()
    damaged = whole[:cut] + junk
    if damaged == whole:
        return
    weights.write_bytes(damaged)
    refused(AdapterStore(folder / "adapters"), folder / "out", "safetensors")


def test_an_adapter_of_another_base_model_is_refused_where_the_base_is_at_hand(
    store: AdapterStore, tmp_path: Path
) -> None:
    folder = write_adapter(tmp_path / "out")
    hint = refused(store, folder, "another base model", base=write_base(tmp_path / "larger", outputs=32))
    assert "trained on" in hint
    refused(store, folder, "no base model to compare", base=tmp_path / "larger" / "nothing")
    shallow = write_base(tmp_path / "shallow", modules=[MODULES[0], MODULES[1].replace(".1.", ".0.")])
    refused(store, folder, "has no such layer", base=shallow)
    store.add(folder, base=write_base(tmp_path / "base"))
    assert len(store.digests()) == 1


def test_a_base_model_that_names_its_matrices_otherwise_is_left_to_the_model_server(
    store: AdapterStore, tmp_path: Path
) -> None:
    quantised = write_base(tmp_path / "base", modules=[f"{module}.packed" for module in MODULES])
    assert store.add(write_adapter(tmp_path / "out"), base=quantised)
