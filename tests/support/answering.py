"""The first release's answers over a folder of documents: real embedder, real index, real answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.settings import load_settings
from core.types import AccessScope, Answer
from ingestion.factory import folder_source, open_pipeline
from serving.answerer import Answerer, Question
from serving.factory import open_services
from serving.releases.champion import Champion
from tests.support.home import make_home


@contextmanager
def answering(folder: Path, home: Path) -> Iterator[Answerer]:
    """Ingests the folder into a new installation at `home`, and answers from it."""
    settings = load_settings(home=make_home(home))
    with open_pipeline(settings) as pipeline:
        pipeline.run(folder_source(pipeline, folder))
    services = open_services(settings)
    try:
        yield Champion(services).answerer()
    finally:
        services.close()


def ask(answerer: Answerer, text: str) -> Answer:
    """The answer to a question of somebody who may see everything."""
    return asyncio.run(answerer.ask(Question(text, AccessScope.everything(), origin="evaluation")))
