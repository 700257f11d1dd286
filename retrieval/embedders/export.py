"""Convert a sentence-transformers model to OpenVINO's format: `python -m retrieval.embedders.export MODEL POOLING OUT`.

Runs in a process of its own, started by `conversion`, so that torch is loaded once per model and never by those who
use the result. Writes OUT/model.xml and OUT/model.bin: inputs `input_ids` and `attention_mask`, int64, shape
(batch, tokens); one output, float32, shape (batch, dimensions), unit length. Never asks a model hub.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

from retrieval.embedders.openvino_runtime import import_converter


def export(model_folder: Path, pooling: str, out: Path) -> None:
    """Trace the transformer with its pooling and normalisation, and save it in float32 under `out`."""
    openvino = import_converter()
    import torch
    from transformers import AutoModel

    class Sentence(torch.nn.Module):  # type: ignore[misc]
        """Transformer, pooling and normalisation as one graph."""

        def __init__(self, transformer: Any) -> None:
            super().__init__()
            self.transformer = transformer

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            states = self.transformer(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            if pooling == "cls":
                pooled = states[:, 0]
            else:
                weights = attention_mask.unsqueeze(-1).to(states.dtype)
                pooled = (states * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(pooled, dim=1)

    transformer = AutoModel.from_pretrained(model_folder, local_files_only=True, dtype=torch.float32).eval()
    # A padded row in the example, so that the trace keeps the attention mask.
    example = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    shape = openvino.PartialShape([-1, -1])
    with torch.no_grad(), warnings.catch_warnings():
        # The tracer's remarks on transformers' code; that the vectors are right is held by a contract test.
        warnings.simplefilter("ignore")
        converted = openvino.convert_model(
            Sentence(transformer),
            example_input={"input_ids": torch.ones_like(example), "attention_mask": example},
            input=[("input_ids", shape, openvino.Type.i64), ("attention_mask", shape, openvino.Type.i64)],
        )
    openvino.save_model(converted, out / "model.xml", compress_to_fp16=False)


if __name__ == "__main__":
    model_argument, pooling_argument, out_argument = sys.argv[1:]
    export(Path(model_argument), pooling_argument, Path(out_argument))
