"""An installation in a folder of its own over one of the test sets in ../shared/data, ready to be evaluated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.settings import Settings, load_settings
from core.types import CollectionSpec
from evals.cases.dataset_store import DatasetStore
from ingestion.factory import folder_source, open_pipeline
from serving.factory import Services, open_services
from tools.importers.formats import FORMATS, read_set
from tools.importers.research_set import write_documents

ROOT = Path(__file__).parents[2]
DATA = ROOT / ".." / "shared" / "data"
MODELS = ROOT / "var" / "models"

FILES = {
    "xquad": DATA / "xquad" / "xquad.en.json",
    "chunking-eval": DATA / "chunking-eval",
    "clapnq": DATA / "clapnq-dev",
}


def install(home: Path, test_set: str, cases: int) -> Settings:
    """Ingest the test set's documents into a new installation at `home`, and store a sample of its cases as the dataset
    of its name. The documents lie in `home`'s neighbour `documents`."""
    MODELS.mkdir(parents=True, exist_ok=True)
    home.mkdir(parents=True)
    (home / "models").symlink_to(MODELS)
    settings = load_settings(home=home)
    found = read_set(FORMATS[test_set], FILES[test_set], source="documents", limit=cases)
    write_documents(documents_of(settings), found.documents)
    with opened(settings) as services:
        DatasetStore(services.database).save(test_set, found.cases, actor="bench", reason="a benchmark")
    ingest(settings)
    return settings


def ingest(settings: Settings, spec: CollectionSpec | None = None) -> CollectionSpec:
    """Bring the documents into the collection of `spec`, or the default one."""
    with open_pipeline(settings, spec) as pipeline:
        pipeline.run(folder_source(pipeline, documents_of(settings)))
        return pipeline.spec


def documents_of(settings: Settings) -> Path:
    return settings.home.parent / "documents"


@contextmanager
def opened(settings: Settings) -> Iterator[Services]:
    services = open_services(settings)
    try:
        yield services
    finally:
        services.close()
