"""Which collection a pipeline fills: the champion's, and only if this installation can."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import CollectionMismatchError, InputError
from core.release import (
    AbstentionModel,
    CollectionRef,
    GeneratorSpec,
    Guards,
    PromptRef,
    ReleaseManifest,
    RetrievalParameters,
)
from core.settings import Settings
from core.storage.database import Database
from core.storage.releases import ReleaseRepository
from core.types import CollectionSpec
from ingestion.factory import default_spec, folder_source, open_pipeline
from retrieval.embedders.model import locate_model
from tests.fakes import FakeEmbedder


@pytest.fixture
def spec(settings: Settings) -> CollectionSpec:
    return default_spec(settings, locate_model(settings.embedder, settings.home / "models"))


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database.open(settings)
    yield database
    database.close()


def make_champion(database: Database, spec: CollectionSpec) -> None:
    manifest = ReleaseManifest(
        prompts={"answer": PromptRef(version=1, sha256="0" * 64)},
        collection=CollectionRef.of(spec),
        retrieval=RetrievalParameters(),
        generator=GeneratorSpec(),
        guards=Guards(abstention=AbstentionModel(weights={}, bias=0.0, threshold=0.5, fitted_on="nothing")),
    )
    ReleaseRepository(database).install_first(manifest, "test", "test")


def test_before_the_first_release_the_settings_say_which_collection(settings: Settings, spec: CollectionSpec) -> None:
    with open_pipeline(settings) as pipeline:
        assert pipeline.spec == spec
        assert pipeline.splitter.fingerprint == spec.splitter_fingerprint


def test_the_spec_needs_an_embedders_name_and_fingerprint_only(settings: Settings) -> None:
    spec = default_spec(settings, FakeEmbedder())

    assert (spec.embedder, spec.dimensions, spec.splitter) == ("fake", 64, "structure-200")


def test_the_champions_collection_wins_over_the_settings(
    settings: Settings, spec: CollectionSpec, database: Database
) -> None:
    make_champion(database, spec)
    other = settings.model_copy(update={"chunk_tokens": 120, "language": "german"})

    with open_pipeline(other) as pipeline:
        assert pipeline.spec == spec
        assert pipeline.splitter.fingerprint == spec.splitter_fingerprint


def test_a_collection_can_be_asked_for(settings: Settings, spec: CollectionSpec, database: Database) -> None:
    make_champion(database, spec)
    model = locate_model(settings.embedder, settings.home / "models")
    other = default_spec(settings.model_copy(update={"chunk_tokens": 120}), model)

    with open_pipeline(settings, other) as pipeline:
        assert pipeline.spec == other


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"embedder": "another", "embedder_fingerprint": "f" * 64}, "Set RAGLOOP_EMBEDDER to another once"),
        ({"splitter": "semantic"}, "ragloop index rebuild"),
        ({"splitter_fingerprint": "f" * 64}, "ragloop index rebuild"),
    ],
)
def test_a_champion_that_cannot_be_made_here_is_refused_with_the_remedy(
    settings: Settings, spec: CollectionSpec, database: Database, change: dict[str, str], remedy: str
) -> None:
    make_champion(database, replace(spec, **change))

    with pytest.raises(CollectionMismatchError) as error, open_pipeline(settings):
        pass
    assert remedy in error.value.hint


def test_a_folder_that_does_not_exist_is_the_callers_mistake(settings: Settings, tmp_path: Path) -> None:
    with open_pipeline(settings) as pipeline, pytest.raises(InputError, match="does not exist"):
        folder_source(pipeline, tmp_path / "nothing")


def test_a_file_is_no_folder(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("x")
    with open_pipeline(settings) as pipeline, pytest.raises(InputError, match="is a file"):
        folder_source(pipeline, tmp_path / "a.md")


def test_a_known_folder_that_is_missing_is_left_to_the_listing(settings: Settings, tmp_path: Path) -> None:
    with open_pipeline(settings) as pipeline:
        pipeline.stores.documents.save_source("gone", str(tmp_path / "gone"))
        assert folder_source(pipeline, tmp_path / "gone").name == "gone"


@pytest.mark.parametrize("name", ["a/b"])
def test_a_source_has_a_plain_name(settings: Settings, tmp_path: Path, name: str) -> None:
    with open_pipeline(settings) as pipeline, pytest.raises(InputError, match="cannot name a source"):
        folder_source(pipeline, tmp_path, name)


@pytest.mark.parametrize("access", [(), ("",)])
def test_a_document_needs_an_access_label(settings: Settings, tmp_path: Path, access: tuple[str, ...]) -> None:
    with open_pipeline(settings) as pipeline, pytest.raises(InputError, match="access label"):
        folder_source(pipeline, tmp_path, access=access)


def test_the_splitters_tokenizer_counts_as_the_embedders_does(settings: Settings) -> None:
    from ingestion.splitting.tokens import TokenizerFile
    from retrieval.embedders.model_tokenizer import ModelTokenizer

    model = locate_model(settings.embedder, settings.home / "models")
    ours, theirs = TokenizerFile(model.tokenizer_file), ModelTokenizer(model)
    texts = ["A plain text.", "Ünïcödé 漢字 👩‍💻", "word " * 600, ""]

    assert ours.count_tokens(texts) == theirs.count(texts)
    assert [ours.token_offsets(text) for text in texts] == [theirs.offsets(text) for text in texts]
