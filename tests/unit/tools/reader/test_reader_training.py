"""The reader's recipe, from rows to scores, on a toy: a base model of two thin layers and a dozen questions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel

from core.settings import load_settings
from retrieval.embedders.model import locate_model
from tools.reader.low_rank import cut, joined, size
from tools.reader.prepare import make_table
from tools.reader.rows import ReaderRow, RowLabel, Split
from tools.reader.table import ReaderTable
from tools.reader.train import main

PLACES = ("harbour", "museum", "library", "station", "market", "bridge")


def rows_of(split: Split, label: RowLabel = RowLabel.POSITIVE) -> list[ReaderRow]:
    found = []
    for number, place in enumerate(PLACES):
        passage = f"The {place} lies by the river. It opens at {number + 5} o'clock on {split.name} days."
        span = (passage.index("It opens"), len(passage))
        question = f"When does the {place} open?"
        group = f"{split.name} {place}"
        found.append(ReaderRow("boolq", question, place, passage, (span,), label, group, split))
        other = f"The {place} of {split.name} was built long ago. Nobody knows by whom."
        negative = RowLabel.UNANSWERED if label == RowLabel.POSITIVE else label
        found.append(ReaderRow("boolq", question, place, other, (), negative, group, split))
    return found


@pytest.fixture(scope="module")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = load_settings()
    return locate_model(settings.embedder, tmp_path_factory.mktemp("models")).tokenizer_file


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tokenizer_file: Path) -> Path:
    folder = tmp_path_factory.mktemp("reader")
    rows = [row for split in (Split.TRAIN, Split.DEV, Split.HELD_OUT) for row in rows_of(split)]
    make_table([*rows, *rows_of(Split.MEASURED, RowLabel.UNKNOWN)], tokenizer_file).save(folder / "table.safetensors")
    torch.manual_seed(7)
    config = BertConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
    base = folder / "base"
    base.mkdir()
    config.to_json_file(str(base / "config.json"))
    save_file(BertModel(config, add_pooling_layer=False).state_dict(), base / "model.safetensors")
    arguments = [str(folder / "table.safetensors"), str(base), str(folder / "out")]
    assert main([*arguments, "--device", "cpu", "--steps", "2", "--tokens", "2048", "--looks", "1"]) == 0
    return folder


@pytest.mark.slow
def test_a_training_leaves_curves_parameters_and_the_scores_of_every_measured_pair(trained: Path) -> None:
    curves = json.loads((trained / "out" / "curves.json").read_text())
    assert {line["variant"] for line in curves if "variant" in line} == {"full", "rank-16", "rank-48"}
    assert [line["done"] for line in curves if "done" in line][-1] == 1
    scores = load_file(trained / "out" / "scores-full.safetensors")
    assert len(scores["relevance"]) == 2 * len(PLACES)
    assert scores["sentences"].tolist() == [2] * (2 * len(PLACES))
    assert scores["sentence"].isfinite().all()


@pytest.mark.slow
def test_the_word_embeddings_are_not_trained_and_not_kept(trained: Path) -> None:
    kept = [
        name
        for part in ("encoder-1", "encoder-2", "heads")
        for name in load_file(trained / "out" / f"{part}.safetensors")
    ]
    assert not any("word_embeddings" in name for name in kept)
    assert any(".layer.1." in name for name in kept)


@pytest.mark.slow
def test_a_table_is_read_as_it_was_written(trained: Path) -> None:
    table = ReaderTable.load(trained / "table.safetensors")
    answers = table.row_gold[table.row_label == RowLabel.POSITIVE].tolist()
    assert set(answers) == {0b10}  # the second sentence, "It opens"


def test_a_change_of_low_rank_survives_the_cut_and_costs_less() -> None:
    base = {"layer": torch.zeros(40, 60), "bias": torch.zeros(40)}
    thin = torch.randn(40, 3) @ torch.randn(3, 60)
    trained = {"layer": thin, "bias": torch.ones(40), "head": torch.ones(2)}
    kept = cut(base, trained, rank=4)
    whole = joined(base, kept)
    assert torch.allclose(whole["layer"], thin, atol=0.1)
    assert torch.equal(whole["bias"], trained["bias"])
    assert torch.equal(whole["head"], trained["head"])
    assert size(kept) < size({"layer": thin.bfloat16()})
