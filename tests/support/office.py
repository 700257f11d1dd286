"""A small organisation whose documents are ingested, and people who ask and vote."""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.loop.diagnosis import Diagnosis
from core.loop.enums import Vote
from core.loop.feedback import Feedback
from core.ports import Embedder
from core.release import Release, ReleaseManifest
from core.settings import Settings
from core.storage.database import Database
from core.storage.releases import Decision, ReleaseRepository
from core.types import AccessScope, Answer
from ingestion.factory import folder_source, open_pipeline
from loop.diagnosis.diagnoser import Diagnoser
from loop.feedback.votes import Author, FeedbackOrder, FeedbackService
from retrieval.factory import open_index
from serving.answerer import Question
from serving.factory import Services, build_answerer
from serving.releases.champion import Champion
from tests.support.ingestion_pipeline import InProcessSandbox

LEAVE = "Employees get 25 days of paid leave in every calendar year."
PAGES = {
    "leave.md": f"# Leave\n\n{LEAVE}\n\nUnused days expire at the end of March.\n",
    "travel.md": "# Travel\n\nBusiness trips are booked by the office manager in the travel tool.\n",
    "parking.md": "# Parking\n\nVisitors park in the garage behind building seven.\n",
    "pets.md": "# Pets\n\nDogs may come to the office on Fridays if nobody on the floor objects.\n",
    "expenses.md": "# Expenses\n\nReceipts are handed in before the tenth of the following month.\n",
    "phones.md": "# Phones\n\nLost phones are reported to the help desk within one hour.\n",
    "training.md": "# Training\n\nEverybody may spend ten percent of their working time on learning.\n",
    "kitchen.md": "# Kitchen\n\nThe dishwasher is started by whoever puts in the last cup.\n",
}
RIGHT = "In each calendar year an employee gets 25 days of leave that is paid."
ASKED = "How many days of paid leave do employees get?"


@dataclass
class Office:
    """A small organisation's documents, ingested, and people who ask and vote."""

    folder: Path
    settings: Settings
    embedder: Embedder
    services: Services = field(init=False)
    votes: int = 0

    def __post_init__(self) -> None:
        database = Database.open(self.settings)
        self.services = Services(self.settings, database, open_index(self.settings), self.embedder)
        for name, text in PAGES.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def ingest(self, folder: Path | None = None, access: tuple[str, ...] = ("public",), **broken: Any) -> None:
        with open_pipeline(self.settings) as pipeline:
            pipeline = dataclasses.replace(
                pipeline, open_embedder=lambda: self.embedder, open_sandbox=InProcessSandbox, **broken
            )
            pipeline.run(folder_source(pipeline, folder or self.folder, access=access))

    @property
    def champion(self) -> Release:
        return Champion(self.services).answerer().release

    def release(self, **parts: Any) -> Release:
        """A candidate that differs from the champion in these parts."""
        manifest = ReleaseManifest.model_validate(self.champion.manifest.model_copy(update=parts).model_dump())
        return ReleaseRepository(self.services.database).add_candidate(manifest, Decision("somebody", "to try"))

    def ask(self, question: str = ASKED, release: Release | None = None) -> Answer:
        answerer = build_answerer(self.services, release or self.champion)
        return asyncio.run(answerer.ask(Question(question, AccessScope.of("public"), origin="page")))

    def vote(self, answer: Answer, correction: str = "", **said: Any) -> Feedback:
        self.votes += 1
        author = Author(f"person-{self.votes}", None, ("public",), "page")
        order = FeedbackOrder(answer.interaction_id, Vote.DOWN, correction=correction, **said)
        return FeedbackService(self.services.database).give(author, order).feedback

    def diagnose(self, answer: Answer, correction: str = "", **said: Any) -> Diagnosis:
        return Diagnoser(self.services).feedback(self.vote(answer, correction, **said))
