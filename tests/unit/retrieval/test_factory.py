"""What the settings lead to, and what is not imported on the way."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import SettingsError
from core.settings import Settings, load_settings
from retrieval import factory
from retrieval.embedders.model import EmbeddingModel
from retrieval.indexes.edge import EdgeIndex

PROJECT = Path(__file__).parents[3]

_PROGRAM = """
import sys
from core.settings import load_settings
from core.types import AccessScope, CollectionSpec
from retrieval.factory import open_embedder, open_index
from retrieval.retriever import Retriever
from core.release import RetrievalParameters

settings = load_settings(home=sys.argv[1])
embedder, index = open_embedder(settings), open_index(settings)
spec = CollectionSpec(embedder.name, embedder.fingerprint, embedder.dimensions, "s", "f")
index.ensure(spec)
Retriever(index, embedder, spec.name, RetrievalParameters()).retrieve("hello", AccessScope.everything())
heavy = {"torch", "transformers", "qdrant_client", "sentence_transformers", "openvino_telemetry"}
print(sorted(name for name in heavy if sys.modules.get(name)))
"""


@pytest.mark.usefixtures("openvino_embedder")  # it has converted the model
def test_a_process_with_the_default_settings_imports_no_heavy_library(models_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "models").symlink_to(models_folder)
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(tmp_path / "home")],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_importing_openvino_sends_no_telemetry_and_leaves_no_trace_in_the_home_folder(tmp_path: Path) -> None:
    program = """
import sys
from retrieval.embedders.openvino_runtime import import_converter, import_runtime
assert not hasattr(import_runtime(), "convert_model")
print(sys.modules["openvino_telemetry"])
"""
    for script in (program, program.replace("assert not hasattr(import_runtime", "assert hasattr(import_converter")):
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=PROJECT,
            env={"HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == "None"
    assert list(tmp_path.iterdir()) == []


def test_a_process_compiles_a_model_once_whoever_asks_for_it(settings: Settings, bundled_model: EmbeddingModel) -> None:
    assert factory.open_model(settings, bundled_model) is factory.open_embedder(settings)


def test_the_index_is_embedded_unless_a_server_is_named(settings: Settings) -> None:
    assert isinstance(factory.open_index(settings), EdgeIndex)
    from retrieval.indexes.server import ServerIndex

    assert isinstance(factory.open_index(load_settings(qdrant_url="http://127.0.0.1:9")), ServerIndex)


@pytest.mark.parametrize(
    ("backend", "convertible", "cuda", "expected"),
    [
        ("auto", True, False, "openvino"),
        ("auto", True, True, "torch"),
        ("auto", False, False, "torch"),
        ("openvino", True, True, "openvino"),
        ("torch", True, False, "torch"),
    ],
)
def test_the_backend_follows_setting_model_and_machine(
    backend: str,
    convertible: bool,
    cuda: bool,
    expected: str,
    bundled_model: EmbeddingModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(factory, "_has_cuda", lambda: cuda)
    settings = load_settings(embedder_backend=backend)
    changed = replace(bundled_model, convertible=convertible)
    assert factory._backend(settings, changed) == expected


def test_openvino_for_a_model_it_cannot_run_is_refused(bundled_model: EmbeddingModel) -> None:
    changed = replace(bundled_model, convertible=False)
    with pytest.raises(SettingsError) as refusal:
        factory._backend(load_settings(embedder_backend="openvino"), changed)
    assert "RAGLOOP_EMBEDDER_BACKEND" in refusal.value.hint
