"""The default embedder: OpenVINO on the processor, with neither torch nor transformers in the process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Literal

import numpy as np

from core.types import Vector
from retrieval.embedders.conversion import converted_model
from retrieval.embedders.model import EmbeddingModel
from retrieval.embedders.model_tokenizer import ModelTokenizer, Tokens
from retrieval.embedders.openvino_runtime import import_runtime

# Measured on 2 cores with 250-token texts: 8 and 16 are equal, 4 and 32 slower.
_BATCH = 16
# Up to this many texts, a question or the sentences of its passages, are embedded batch by batch with the model that
# is compiled for latency: a process that answers never holds the other one, which takes some 300 MB.
_FEW = 128
# Texts tokenised and sorted by length at a time: enough for even batches, little enough to keep memory flat.
_WINDOW = 1024
# The vectors of the last single texts: a question is embedded to search with it, and again to weigh what was found.
_QUESTIONS_KEPT = 128

_Hint = Literal["LATENCY", "THROUGHPUT"]


class OpenVinoEmbedder:
    """Embeds with a converted model, in bfloat16 where the processor has it. Safe to call from many threads.

    The model is compiled at first use for what is asked: for latency (one inference on all cores) when the texts are
    few, and for throughput (one inference per core) when they are many.
    """

    def __init__(self, model: EmbeddingModel, models_folder: Path) -> None:
        self.name = model.name
        self.fingerprint = model.fingerprint
        self.dimensions = model.dimensions
        self.max_tokens = model.max_tokens
        self._question_prompt = model.question_prompt
        self._document_prompt = model.document_prompt
        self._graph = converted_model(model, models_folder) / "model.xml"
        self._tokenizer = ModelTokenizer(model)
        self._openvino = import_runtime()
        self._core = self._openvino.Core()
        self._compiled: dict[_Hint, _Compiled] = {}
        self._lock = threading.Lock()
        self._single = lru_cache(maxsize=_QUESTIONS_KEPT)(self._embed_one)

    def embed(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vector:
        """Shape (len(texts), dimensions), float32, unit length, in the order given."""
        prompted = [self._document_prompt + text for text in texts] if self._document_prompt else texts
        if len(prompted) == 1 and progress is None:
            return self._single(prompted[0]).copy()
        return self._embed(prompted, progress)

    def embed_question(self, question: str) -> Vector:
        """Shape (dimensions,), float32, unit length."""
        vector: Vector = self._single(self._question_prompt + question)[0].copy()
        return vector

    def _embed_one(self, text: str) -> Vector:
        return self._embed([text], None)

    def _embed(self, texts: Sequence[str], progress: Callable[[int], None] | None) -> Vector:
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        if len(texts) <= _FEW:
            compiled = self._compiled_for("LATENCY")
            self._fill(vectors, texts, lambda batches: map(compiled.infer, batches), progress)
            return vectors
        compiled = self._compiled_for("THROUGHPUT")
        with ThreadPoolExecutor(compiled.streams, thread_name_prefix="embed") as pool:
            for start in range(0, len(texts), _WINDOW):
                window = slice(start, start + _WINDOW)
                self._fill(vectors[window], texts[window], lambda batches: pool.map(compiled.infer, batches), progress)
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens in each text, without the special tokens and without truncation."""
        return self._tokenizer.count(texts)

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """The (start, end) character span of each token, without special tokens and without truncation."""
        return self._tokenizer.offsets(text)

    def _fill(
        self,
        vectors: Vector,
        texts: Sequence[str],
        run: Callable[[Iterator[tuple[Tokens, Tokens]]], Iterator[Vector]],
        progress: Callable[[int], None] | None,
    ) -> None:
        encoded = self._tokenizer.encode(texts)
        # Texts of like length share a batch, so little is padded; the longest first, so that no core ends alone on one.
        order = sorted(range(len(texts)), key=lambda index: -len(encoded[index]))
        groups = [order[start : start + _BATCH] for start in range(0, len(order), _BATCH)]
        batches = (self._tokenizer.batch([encoded[index] for index in group]) for group in groups)
        for group, result in zip(groups, run(batches), strict=True):
            vectors[group] = result
            if progress is not None:
                progress(len(group))

    def _compiled_for(self, hint: _Hint) -> _Compiled:
        with self._lock:
            if hint not in self._compiled:
                compiled = _Compiled(self._core.compile_model(self._graph, "CPU", self._properties(hint)))
                # OpenVINO's binding sets up its bridge to numpy at the first use of a tensor, and two threads that do
                # so at once wait for each other for ever. So the first inference is this one, behind the lock.
                compiled.infer(self._tokenizer.batch(self._tokenizer.encode(["first"])))
                self._compiled[hint] = compiled
            return self._compiled[hint]

    def _properties(self, hint: _Hint) -> dict[str, Any]:
        types = self._openvino.Type
        has_bf16 = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return {
            "PERFORMANCE_HINT": hint,
            "INFERENCE_PRECISION_HINT": types.bf16 if has_bf16 else types.f32,
            # Pinned threads of two processes, the app's and an ingestion's, would sit on the same cores.
            "ENABLE_CPU_PINNING": False,
        }


class _Compiled:
    """A compiled model and its idle inference requests: each serves one thread at a time and is kept for the next."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self._idle: SimpleQueue[Any] = SimpleQueue()
        self.streams = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))

    def infer(self, batch: tuple[Tokens, Tokens]) -> Vector:
        """Vectors of shape (batch, dimensions) for token ids and mask of shape (batch, tokens)."""
        try:
            request = self._idle.get_nowait()
        except Empty:
            request = self._compiled.create_infer_request()
        try:
            request.infer(list(batch))
            vectors: Vector = request.get_output_tensor(0).data.copy()
        finally:
            self._idle.put(request)
        return vectors
