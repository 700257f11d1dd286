"""Which embedder answers for a collection: the one that made it, loaded when needed, wherever it is registered."""

from __future__ import annotations

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import CollectionMismatchError, SettingsError
from core.ports import Embedder
from core.settings import Settings
from core.storage.database import Database
from core.storage.embedders import EmbedderRepository, RegisteredEmbedder
from core.types import CollectionSpec
from retrieval.embedders.model import BUNDLED, EmbeddingModel, locate_model
from retrieval.factory import Embedders
from tests.fakes import FakeEmbedder
from tests.support.reduced_model import reduced_model


class Opener:
    """Loads a fake for each model, and counts."""

    def __init__(self, seconds: float = 0) -> None:
        self.opened: list[str] = []
        self._seconds = seconds

    def __call__(self, _settings: Settings, model: EmbeddingModel) -> Embedder:
        time.sleep(self._seconds)
        self.opened.append(model.name)
        embedder = FakeEmbedder()
        embedder.fingerprint = model.fingerprint
        return embedder


@pytest.fixture
def opener() -> Opener:
    return Opener()


@pytest.fixture
def registry(database: Database) -> EmbedderRepository:
    return EmbedderRepository(database)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The folder of another model than the bundled one."""
    return fake_model(tmp_path / "other-model")


def fake_model(folder: Path) -> Path:
    folder.mkdir()
    (folder / "modules.json").write_text('[{"type": "a.Transformer", "path": ""}, {"type": "a.Pooling", "path": "p"}]')
    (folder / "tokenizer.json").write_text("{}")
    (folder / "config.json").write_text('{"hidden_size": 8}')
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def spec_for(settings: Settings, embedder: str) -> CollectionSpec:
    model = locate_model(embedder, settings.home / "models")
    return CollectionSpec(model.name, model.fingerprint, model.dimensions, "structure-200", "s" * 64)


def embedders(settings: Settings, database: Database, opener: Opener) -> Embedders:
    return Embedders(settings, EmbedderRepository(database), opener)


def test_the_settings_own_embedder_needs_no_registration(
    settings: Settings, database: Database, opener: Opener, registry: EmbedderRepository
) -> None:
    spec = spec_for(settings, BUNDLED)

    embedder = embedders(settings, database, opener).of(spec)

    assert embedder.fingerprint == spec.embedder_fingerprint
    assert registry.get(spec.embedder_fingerprint) == RegisteredEmbedder(spec.embedder_fingerprint, BUNDLED, BUNDLED)


def test_an_embedder_that_was_used_once_is_found_when_the_settings_name_another(
    settings: Settings, database: Database, opener: Opener, other: Path
) -> None:
    spec = spec_for(settings, str(other))
    first = embedders(settings.model_copy(update={"embedder": str(other)}), database, opener)
    first.load(first.named(str(other)))

    assert embedders(settings, database, opener).of(spec).fingerprint == spec.embedder_fingerprint
    assert opener.opened == ["other-model", "other-model"]


def test_each_is_loaded_when_it_is_needed_and_once(
    settings: Settings, database: Database, opener: Opener, other: Path
) -> None:
    both = embedders(settings, database, opener)
    both.load(both.named(str(other)))
    assert opener.opened == ["other-model"]

    spec = spec_for(settings, BUNDLED)
    assert both.of(spec) is both.of(spec)
    assert opener.opened == ["other-model", BUNDLED]


def test_threads_that_come_at_once_share_one(settings: Settings, database: Database) -> None:
    opener = Opener(seconds=0.05)
    shared, spec = embedders(settings, database, opener), spec_for(settings, BUNDLED)
    start = threading.Barrier(8)

    def ask() -> Embedder:
        start.wait()
        return shared.of(spec)

    with ThreadPoolExecutor(8) as pool:
        found = [future.result() for future in [pool.submit(ask) for _ in range(8)]]
    assert len(set(map(id, found))) == 1
    assert opener.opened == [BUNDLED]


def test_one_that_nobody_knows_is_refused_with_the_setting_that_makes_it_known(
    settings: Settings, database: Database, opener: Opener, other: Path
) -> None:
    with pytest.raises(CollectionMismatchError, match="other-model") as refusal:
        embedders(settings, database, opener).of(spec_for(settings, str(other)))
    assert "RAGLOOP_EMBEDDER" in refusal.value.hint


def test_weights_that_changed_on_disk_are_refused(
    settings: Settings, database: Database, opener: Opener, other: Path
) -> None:
    spec = spec_for(settings, str(other))
    first = embedders(settings, database, opener)
    first.load(first.named(str(other)))
    (other / "model.safetensors").write_bytes(b"other weights")

    with pytest.raises(CollectionMismatchError, match="no longer in") as refusal:
        embedders(settings, database, opener).of(spec)
    assert "ragloop index rebuild --embedder" in refusal.value.hint


def test_a_folder_that_is_gone_is_refused_until_the_settings_say_where_it_went(
    settings: Settings, database: Database, opener: Opener, other: Path, tmp_path: Path
) -> None:
    spec = spec_for(settings, str(other))
    first = embedders(settings, database, opener)
    first.load(first.named(str(other)))
    moved = tmp_path / "moved" / "other-model"
    shutil.move(other, moved)

    with pytest.raises(CollectionMismatchError, match="no longer in"):
        embedders(settings, database, opener).of(spec)

    later = embedders(settings.model_copy(update={"embedder": str(moved)}), database, opener)
    assert later.of(spec).fingerprint == spec.embedder_fingerprint
    assert embedders(settings, database, opener).of(spec).fingerprint == spec.embedder_fingerprint  # it is known now


def test_one_that_was_used_before_can_be_meant_by_its_name(
    settings: Settings, database: Database, opener: Opener, other: Path
) -> None:
    some = embedders(settings, database, opener)
    with pytest.raises(SettingsError):
        some.named("other-model")
    some.load(some.named(str(other)))

    assert some.named("other-model").folder == other


@pytest.mark.slow
def test_two_real_models_in_one_process_make_vectors_of_their_own(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    import numpy as np

    both = Embedders(settings, EmbedderRepository(database))
    small = both.load(both.named(str(reduced_model(tmp_path / "two-layers", layers=2))))
    whole = both.of(spec_for(settings, BUNDLED))

    one, two = (embedder.embed(["The team lead approves travel expenses."])[0] for embedder in (small, whole))
    assert small.fingerprint != whole.fingerprint
    assert one.shape == two.shape == (384,)
    assert np.linalg.norm(one) == pytest.approx(1, abs=1e-3)
    assert one @ two < 0.9
