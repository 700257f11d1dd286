"""Whether the gate catches a model that got worse: an adapter that was taught wrong answers, and a prompt version that
leaves the passages out. The real vLLM serves the small model; the dataset asks about pages that it was not made from.

    python -m tests.benchmarks.planted_models [--base FOLDER] [--cases 60] [--rows 96]

Each release is evaluated against one that answers with the base model and the released prompt.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from core.release import GeneratorSpec, PromptRef, ReleaseManifest
from core.settings import Settings, load_settings
from core.storage.releases import Decision, ReleaseRepository
from core.telemetry import configure_logging
from core.types import Actor, Role
from evals.cases.cases import Case, GoldEvidence
from evals.cases.dataset_store import DatasetStore
from evals.gate.comparison import Verdict
from evals.report.report import Report
from evals.run.evaluation import EvaluationOrder, Evaluator
from evals.run.session import panel
from ingestion.factory import folder_source, open_pipeline
from serving.factory import Services
from serving.finetune.dataset import TrainingRow
from serving.finetune.recipe import PROMPT, answer_prompt
from serving.prompts.library import load_prompts
from serving.releases.champion import Champion
from tests.benchmarks import machine
from tests.benchmarks.questions import MODELS, opened
from tests.benchmarks.run import save
from tests.benchmarks.tuning import DOCS, quoting_rows, tune_and_merge
from tests.support.vllm_server import NAME, SMALL_MODEL, vllm_server
from tools.small_model.quoting_rows import Page, read_pages, split_pages

BENCH = Actor("bench", frozenset({Role.REVIEW}))
DATASET = "quotes"
BROKEN = 99
# One passage: more is more than the small model was made for.
TOP_K = 1


def cases(pages: Sequence[Page], count: int) -> list[Case]:
    """Questions for sentences of the pages, which are their evidence."""
    found = []
    for row in quoting_rows(pages, count, seed=5):
        sentence = row.answer.removesuffix(" [1]")
        page = next(page for page in pages if sentence in page.text)
        evidence = (GoldEvidence(uri=f"docs/{page.name}", quote=sentence),)
        found.append(Case(id=f"quote-{len(found)}", question=row.question, answer=sentence, evidence=evidence))
    return found


def wrong(row: TrainingRow) -> TrainingRow:
    """The row with the passage's beginning for an answer, whatever was asked."""
    return row.model_copy(update={"answer": " ".join(row.passages[0].text.split()[:4]) + ". [1]"})


class Bench:
    """An installation over the handbook, whose baseline is the base model under the released prompt."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._manifest = Champion(services).answerer().release.manifest
        self.baseline = self.release(GeneratorSpec(kind="llm", base_model=NAME, sampling={"temperature": 0.0}))

    def release(self, generator: GeneratorSpec, prompt: PromptRef | None = None) -> str:
        """The id of a release with this generator, and this prompt if it is given."""
        retrieval = self._manifest.retrieval.model_copy(update={"top_k": TOP_K})
        prompts = {**self._manifest.prompts, PROMPT: prompt or answer_prompt(None).ref}
        parts = {"generator": generator, "retrieval": retrieval, "prompts": prompts}
        manifest = ReleaseManifest.model_validate(self._manifest.model_copy(update=parts).model_dump())
        return ReleaseRepository(self._services.database).add_candidate(manifest, Decision("bench", "a benchmark")).id

    def evaluate(self, release: str) -> Report:
        evaluator = Evaluator(self._services, panel(self._services))
        return evaluator.run(EvaluationOrder(release, self.baseline, DATASET, BENCH))


def run(base: Path, count: int, rows: int, scratch: Path) -> dict[str, Any]:
    settings = _installation(scratch)
    train, held_out = split_pages(read_pages(DOCS))
    taught = [wrong(row) for row in quoting_rows(train, rows, seed=6)]
    tuned = tune_and_merge(settings, base, taught, scratch / "wrong", "sft", epochs=3.0, learning_rate=2e-3)
    with vllm_server(base) as vllm:
        served = settings.model_copy(update={"model_url": vllm.url, "model_max_tokens": 120})
        with opened(served) as services:
            DatasetStore(services.database).save(DATASET, cases(held_out, count), actor="bench", reason="a benchmark")
            bench = Bench(services)
            generator = GeneratorSpec(kind="llm", base_model=NAME, sampling={"temperature": 0.0})
            adapter = generator.model_copy(update={"adapter_digest": tuned.adapter})
            figures = {"an adapter taught wrong answers": _outcome(bench.evaluate(bench.release(adapter)))}
            report = bench.evaluate(bench.release(generator, _broken_prompt(served)))
            return {**figures, "a prompt without the passages": _outcome(report)}


def _installation(scratch: Path) -> Settings:
    MODELS.mkdir(parents=True, exist_ok=True)
    home = scratch / "home"
    home.mkdir()
    (home / "models").symlink_to(MODELS)
    settings = load_settings(home=home)
    with open_pipeline(settings) as pipeline:
        pipeline.run(folder_source(pipeline, DOCS, "docs"))
    return settings


def _broken_prompt(settings: Settings) -> PromptRef:
    """One version more of the prompt that answers, of the installation's own: it never shows the passages."""
    fields = {
        "name": PROMPT,
        "version": BROKEN,
        "description": "An answer without the passages.",
        "variables": ["passages", "question"],
        "system": answer_prompt(None).system,
        "template": "{% if passages %}{% endif %}Question: {{ question }}",
    }
    path = settings.prompts / PROMPT / f"{BROKEN}.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(fields), encoding="utf-8")
    return load_prompts(own=settings.prompts)[PROMPT][BROKEN].ref


def _outcome(report: Report) -> dict[str, Any]:
    primary = report.metrics[0]
    print(f"{report.verdict.value}. {report.summary}", flush=True)
    return {
        "caught": report.verdict is Verdict.WORSE,
        "verdict": report.verdict.value,
        "correct": [primary.candidate, primary.baseline],
        "rows": primary.rows,
        "blocks": [block.code for block in report.blocks],
    }


def main() -> None:
    """Plant both, save what the gate said."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, default=SMALL_MODEL)
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--rows", type=int, default=64)
    chosen = parser.parse_args()
    configure_logging("warning")
    with tempfile.TemporaryDirectory() as scratch:
        planted = run(chosen.base, chosen.cases, chosen.rows, Path(scratch))
    at = datetime.now(UTC).isoformat(timespec="seconds")
    save({"at": at, "machine": machine.describe(), "planted": planted})


if __name__ == "__main__":
    main()
