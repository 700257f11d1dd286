"""A set's documents in an index of their own, and the release of today's defaults that answers from it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from core.release import Release, ReleaseManifest, ReleaseStatus
from core.settings import Settings, load_settings
from core.storage.documents import DocumentRepository
from evals.cases.gold import DocumentReader
from ingestion.factory import folder_source, open_pipeline
from serving.answerer import Answerer
from serving.factory import build_answerer, open_services
from serving.releases.first import first_manifest
from tools.answer_quality.question_sets import QuestionSet
from tools.importers.research_set import write_documents


@contextmanager
def opened(questions: QuestionSet, cache: Path) -> Iterator[tuple[Answerer, DocumentReader]]:
    """The set ingested under the cache's folder, where that was not done yet. The Answerer declines nothing for want
    of confidence: whether the release would have is for whoever measures to say."""
    home = cache / questions.source
    settings = load_settings(home=home)
    _link_models(settings, cache)
    manifest = _ingested(questions, settings, home / "documents" / questions.source)
    services = open_services(settings)
    try:
        yield (
            build_answerer(services, _answering_all(manifest), recorded=False),
            DocumentRepository(services.database).get,
        )
    finally:
        services.close()


def _link_models(settings: Settings, cache: Path) -> None:
    """One converted embedding model for all sets."""
    settings.home.mkdir(parents=True, exist_ok=True)
    (cache / "models").mkdir(exist_ok=True)
    if not (models := settings.home / "models").exists():
        models.symlink_to((cache / "models").absolute())


def _ingested(questions: QuestionSet, settings: Settings, written: Path) -> ReleaseManifest:
    folder = questions.folder
    if folder is None:
        folder = written
        if not folder.exists():
            write_documents(folder, questions.documents)
    with open_pipeline(settings) as pipeline:
        report = pipeline.run(folder_source(pipeline, folder, questions.source))
        print(f"{questions.name}: {report['documents']} {report['seconds']} s", file=sys.stderr)
        return first_manifest(settings, pipeline.spec)


def _answering_all(manifest: ReleaseManifest) -> Release:
    undecided = manifest.guards.abstention.model_copy(update={"threshold": 0.0})
    guards = manifest.guards.model_copy(update={"abstention": undecided})
    changed = manifest.model_copy(update={"guards": guards})
    return Release(
        id=changed.id,
        status=ReleaseStatus.CANDIDATE,
        manifest=changed,
        created_by="answer_quality",
        created_at=datetime.now(UTC),
    )
