"""Everything that can come of a document of tests.support.app_world, and erasing it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from core.loop.diagnosis import Cause, Diagnosis, DiagnosisSubject
from core.loop.enums import FeedbackSide, FiringState
from core.loop.feedback import Feedback, Firing
from core.storage.evals.case_drafts import CaseDraftRepository
from core.storage.interactions import InteractionRepository
from core.storage.loop.diagnoses import DiagnosisRepository
from core.types import Actor, Role, Turn
from evals.cases.dataset_store import DatasetStore
from evals.report.report import Report
from evals.run.session import write_report
from loop.erasure.eraser import Erased, Eraser
from loop.feedback.acceptance import training_rows
from loop.remedies.catalogue.content import ContentProposal
from loop.remedies.registry import open_firings
from serving.adapters.store import AdapterStore
from serving.finetune.tuning import TuningResult
from tests.support.accepted_feedback import ASKED, HELD, accept, asked
from tests.support.accepted_feedback import edited as _edited
from tests.support.adapters import write_adapter
from tests.support.app_world import World
from tests.support.evaluated_world import cases, evaluator, order
from tests.support.given_feedback import ask, vote
from tests.support.loop_rows import a_place, evidence, some_evidence

ADMIN = Actor("root", frozenset({Role.ADMIN}))
URI = "handbook/holidays.md"
# Words of the document that stand together nowhere else.
WORDS = (HELD, "Up to five days are carried over to the next year")


def erase(world: World, uri: str = URI) -> Erased:
    return Eraser(world.settings, world.database, world.index).document(uri, ADMIN)


def erase_author(world: World, name: str = "ben", *, keyless: bool = False) -> Erased:
    return Eraser(world.settings, world.database, world.index).author(name, ADMIN, keyless=keyless)


def files_with(home: Path, *words: str) -> list[str]:
    """Files under the home folder that hold any of these words, as they are or as JSON has them."""
    wanted = [word.encode() for word in words]
    paths = sorted(path for path in home.rglob("*") if path.is_file())
    return [str(path.relative_to(home)) for path in paths if any(word in path.read_bytes() for word in wanted)]


def loop(world: World) -> tuple[Feedback, Feedback, Report]:
    """Everything that can come of a document: answers, votes, a case, a training row, a draft, a report, a diagnosis,
    a firing, an adapter, rows that wait to be taught."""
    database = world.database
    first = ask(world, ASKED)
    answer = InteractionRepository(database).get(first)
    assert answer is not None
    ask(world, "And who approves them?", history=(Turn("user", ASKED), Turn("assistant", answer.answer)))
    case = accept(world, vote(world, first, correction=HELD, comment=f"It says: {HELD}"), _edited(FeedbackSide.CASE))
    row = accept(world, vote(world, ask(world, ASKED)), _edited(FeedbackSide.TRAINING, correction="It is thirty days."))
    DatasetStore(database).save("holidays", cases(), actor="ann", reason="a test")
    CaseDraftRepository(database).add("more", [cases()[0].model_dump(mode="json")], "ann")
    report = evaluator(world).run(order("champion", None))
    write_report(world.services, report)
    now = datetime.now(UTC)
    DiagnosisRepository(database).add(
        Diagnosis(
            "d1",
            DiagnosisSubject.of_vote(case.id),
            now,
            case.release_id,
            "c",
            1,
            ASKED,
            Cause.RANKING_MISS,
            0.9,
            "",
            evidence(a_place(URI, HELD)),
            "1",
        )
    )
    open_firings(database).add(
        Firing("f1", "gaps", "content", now, f"Asked: {HELD}", some_evidence(f"feedback:{case.id}"),
               FiringState.REQUESTED, now, ContentProposal(source=None, questions=(ASKED, case.question)))
    )  # fmt: skip
    folder = write_adapter(world.home / "made")
    taught = {
        "messages": [{"role": "user", "content": asked(FeedbackSide.TRAINING)}, {"role": "assistant", "content": HELD}]
    }
    other = {"messages": [{"role": "user", "content": "And tea?"}, {"role": "assistant", "content": "At four."}]}
    (folder / "training.jsonl").write_text(f"{json.dumps(taught)}\n{json.dumps(other)}\n", encoding="utf-8")
    AdapterStore(world.settings.adapters).add(folder)
    (folder / "training.jsonl").unlink()
    waiting = world.home / "tuning" / "rows-1.jsonl"
    waiting.parent.mkdir()
    waiting.write_text(training_rows(database)[0].model_dump_json() + "\n", encoding="utf-8")
    return case, row, report


def tuning_result(adapter: str) -> TuningResult:
    """What a tuning says that made this adapter."""
    texts = dict.fromkeys(("order", "base_model", "base_digest", "dataset_sha256", "prompt", "prompt_sha256"), "x")
    figures = dict.fromkeys(("held_out_loss", "perplexity_before", "perplexity_after", "seconds"), 1.0)
    counts = dict.fromkeys(("train_rows", "held_out_rows", "steps"), 1)
    parts = {"language": "english", "libraries": {}, "parameters": {"method": "sft"}, "history": ()}
    return TuningResult.model_validate({"adapter": adapter, **texts, **figures, **counts, **parts})
