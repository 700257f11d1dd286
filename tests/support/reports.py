"""Finished evaluations for tests: real cases over the handbook, invented answers, the real report builder."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from core.release import Release
from core.storage.evals.evaluations import (
    AnswerEntry,
    EvaluationLedger,
    EvaluationRecord,
    EvaluationRepository,
    RowEntry,
    ScoreEntry,
)
from core.types import Actor, Role, chunk_id, digest, document_id
from evals.cases.cases import DATASETS, Case, CaseTurn, load_cases
from evals.cases.dataset_store import Dataset, DatasetStore
from evals.gate.comparison import DatasetRef, Interval, JudgeQuality, Side
from evals.gate.thresholds import load_thresholds
from evals.metrics.metric import Group
from evals.report.report import Report
from evals.run.differences import AnswerFacts
from evals.run.report_builder import Inquiry, build_report
from evals.run.runner import Results, SideResults
from serving.releases.service import ReleaseService
from tests.support.app_world import World

ROOT = Path(__file__).parents[2]
MAKER = Actor("Mara (ML)", frozenset({Role.ADMIN}))
VERSION = "1"

Answering = Literal["right", "wrong", "declined", "missing"]


@dataclass(frozen=True)
class Measure:
    """What a report needs to know of a metric."""

    name: str
    group: Group
    unit: Literal["share", "score", "seconds", "tokens", "money"] = "share"
    better: Literal["higher", "lower"] = "higher"
    description: str = ""
    version: str = VERSION
    across_rows: bool = False


MEASURES = (
    Measure("correct", Group.QUALITY, description="Whether the answer says what the gold answer says."),
    Measure("recall_at_k", Group.RETRIEVAL, description="The share of the evidence among the passages."),
    Measure("ndcg_at_10", Group.RETRIEVAL, description="How far up the evidence stands."),
    Measure("mrr", Group.RETRIEVAL, description="One over the rank of the first piece of evidence."),
    Measure("citation_precision", Group.CITATION, description="The share of citations that hold evidence."),
    Measure("token_f1", Group.ANSWER, description="Words shared with the gold answer."),
    Measure("bleu", Group.ANSWER, "score", description="BLEU, 0 to 100."),
    Measure("faithfulness", Group.JUDGED, description="Ragas: statements that the passages support."),
    Measure("latency", Group.OPERATION, "seconds", "lower", "Seconds to the finished answer."),
    Measure("completion_tokens", Group.OPERATION, "tokens", "lower", "Tokens of the answer."),
)


@dataclass
class Evaluated:
    """A finished evaluation."""

    record: EvaluationRecord
    report: Report
    dataset: Dataset
    candidate: Release
    baseline: Release

    @property
    def id(self) -> str:
        return self.record.id


@dataclass
class Plan:
    """How each side answers: the share that is right, and what goes wrong besides."""

    baseline_right: float = 0.5
    candidate_right: float = 0.9
    locked_breaks: bool = False
    judge_fails: int = 0
    trusted: bool = True
    changes: Mapping[str, str] = field(
        default_factory=lambda: {"retrieval.dense_weight": "0.7", "retrieval.top_k": "6"}
    )
    seed: int = 7
    created_by: str = MAKER.name


def handbook_cases() -> list[Case]:
    """The shipped cases; some came from complaints and are locked, one is a follow-up."""
    cases = load_cases(DATASETS / "handbook.jsonl")
    for index in (3, 9, 12, 17, 24, 30):
        cases[index] = cases[index].model_copy(update={"locked": True, "origin": "feedback"})
    told = (
        CaseTurn(role="user", content="How do I ingest?"),
        CaseTurn(role="assistant", content="With ragloop ingest."),
    )
    cases[1] = cases[1].model_copy(update={"history": told})
    return cases


def add_handbook(world: World) -> None:
    """The pages that the cases' evidence stands in."""
    for page in sorted((ROOT / "docs").rglob("*.md")):
        text = page.read_text("utf-8")
        world.add(f"docs/{page.relative_to(ROOT / 'docs')}", text, title=text.partition("\n")[0].removeprefix("# "))


def evaluate(world: World, plan: Plan | None = None, cases: Sequence[Case] | None = None) -> Evaluated:
    """A candidate beside the world's champion, evaluated, its report stored."""
    plan = plan or Plan()
    baseline = ReleaseService(world.services)._champion()
    maker = Actor(plan.created_by, MAKER.roles)
    candidate = ReleaseService(world.services).create(maker, changes=plan.changes, reason="a test")
    dataset = DatasetStore(world.database).save("handbook", cases or handbook_cases(), actor="a test", reason="a test")
    maker_of_answers = _Answers(world, random.Random(plan.seed))
    sides = {Side.CANDIDATE: candidate, Side.BASELINE: baseline}
    shares = {Side.CANDIDATE: plan.candidate_right, Side.BASELINE: plan.baseline_right}
    results = Results({side: _empty(dataset) for side in sides})
    for ordinal, case in enumerate(dataset.cases):
        for side, release in sides.items():
            how = _how(case, shares[side], random.Random(f"{plan.seed} {side} {case.id}"))
            if case.locked:
                right = side is Side.CANDIDATE if not plan.locked_breaks else side is Side.BASELINE
                how = "right" if right else "wrong"
            if plan.judge_fails and ordinal == 2 and side is Side.CANDIDATE:
                how = "missing"
            _record_row(world, maker_of_answers, plan, results, side, release, ordinal, case, how)
    return _finish(world, plan, candidate, baseline, dataset, results)


class _Answers:
    """Invents answers out of what the world's documents say."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self._documents = {item.uri: item for item in world.documents.page(limit=1000)}
        self._texts = {uri: world.documents.get(item.id).text for uri, item in self._documents.items()}  # type: ignore[union-attr]
        self._chance = chance
        self._revision = world.index.revision(world.spec.name)

    def answer(self, case: Case, release: Release, how: Answering) -> tuple[dict[str, Any], int | None]:
        """The answer's record, and the rank of the gold evidence in it."""
        passages = [self._passage(uri) for uri in self._chance.sample(sorted(self._texts), min(5, len(self._texts)))]
        rank, span = None, case.evidence[0].span(self._texts[case.evidence[0].uri]) if case.evidence else None
        if span is not None and (how == "right" or len(case.id) % 3 == 0):
            rank = 1 if how == "right" else 3
            passages.insert(rank - 1, self._passage(case.evidence[0].uri, span))
        for place, passage in enumerate(passages):
            passage["score"] = round(0.93 - 0.07 * place, 3)
        declined = how == "declined" or (case.unanswerable and how == "right")
        cited = passages[0]
        quote = case.evidence[0].quote if how == "right" and case.evidence else cited["text"].split("\n")[0]
        start = cited["text"].find(quote)
        at = cited["start"] + max(start, 0)
        text = "The documents do not say." if declined else f"{case.answer if how == 'right' else quote} [1]"
        citation = {"marker": 1, "start": at, "end": at + len(quote), "quote": quote}
        shared = {name: cited[name] for name in ("uri", "title", "page", "score", "chunk_id")}
        record = {
            "text": text, "abstained": declined, "degraded": False, "confidence": 0.8, "query": case.question,
            "passages": passages, "citations": [] if declined else [citation | shared], "release": release.id,
            "collection": release.manifest.collection.name, "revision": self._revision, "prompt_tokens": 900,
            "completion_tokens": len(text.split()), "timings": {"total": 0.2},
        }  # fmt: skip
        return record, rank

    def _passage(self, uri: str, span: tuple[int, int] | None = None) -> dict[str, Any]:
        text = self._texts[uri]
        middle = span[0] if span else self._chance.randrange(len(text))
        start = text.rfind("\n\n", 0, middle) + 2 if "\n\n" in text[:middle] else 0
        end = text.find("\n\n", span[1] if span else middle)
        end = len(text) if end < 0 else end
        item = self._documents[uri]
        return {
            "chunk_id": chunk_id(document_id(uri), start), "uri": uri, "title": item.title, "heading_path": [item.title],
            "page": None, "start": start, "end": end, "text": text[start:end], "score": 0.5,
            "scores": {"fused": 0.5}, "content_sha256": digest(text),
        }  # fmt: skip


def _how(case: Case, right: float, chance: random.Random) -> Answering:
    if chance.random() < right:
        return "right"
    return "wrong" if case.unanswerable or chance.random() < 0.7 else "declined"


def _empty(dataset: Dataset) -> SideResults:
    many = len(dataset.cases)
    return SideResults(
        answer_ids=[""] * many,
        facts=[AnswerFacts.missing("")] * many,
        scores={measure.name: [None] * many for measure in MEASURES},
        failed={measure.name: 0 for measure in MEASURES},
    )


def _record_row(
    world: World, answers: _Answers, plan: Plan, results: Results, side: Side, release: Release, ordinal: int,
    case: Case, how: Answering,
) -> None:  # fmt: skip
    ledger, found = EvaluationLedger(world.database), results.sides[side]
    answer_id = digest([release.id, case.sha256, uuid.uuid4().hex])
    found.answer_ids[ordinal] = answer_id
    if how == "missing":
        reason = "The model server did not answer within 60 seconds."
        ledger.save_answers([AnswerEntry(answer_id, release.id, case.sha256, "failed", None, reason)])
        found.facts[ordinal] = AnswerFacts.missing(reason)
        results.missing(side, case, reason)
        return
    record, rank = answers.answer(case, release, how)
    ledger.save_answers([AnswerEntry(answer_id, release.id, case.sha256, "answered", record, "")])
    found.facts[ordinal] = AnswerFacts(
        text=record["text"], abstained=record["abstained"], gold_rank=rank, gold_cited=how == "right",
        passages=len(record["passages"]), cited=tuple(citation["uri"] for citation in record["citations"]),
    )  # fmt: skip
    entries = [_score(plan, measure, answer_id, ordinal, case, side, how, rank) for measure in MEASURES]
    ledger.save_scores([entry for entry in entries if entry.metric != "mrr"])  # as if it depended on other rows
    for entry in entries:
        results.note(side, ordinal, case, entry)


def _score(
    plan: Plan, measure: Measure, answer_id: str, ordinal: int, case: Case, side: Side, how: Answering, rank: int | None
) -> ScoreEntry:
    def entry(state: str, score: float | None = None, reason: str = "", **detail: object) -> ScoreEntry:
        return ScoreEntry(answer_id, measure.name, VERSION, state, score, reason, detail)

    right = how == "right"
    noise = ((ordinal * 37 + (side is Side.CANDIDATE) * 11) % 17) / 17
    match measure.name:
        case "correct":
            return entry("scored", float(right), expected=case.answer or "a refusal")
        case "token_f1" | "bleu" if case.unanswerable:
            return entry("skipped", reason="There is no gold answer.")
        case "token_f1":
            return entry("scored", round(0.55 + 0.4 * noise if right else 0.2 * noise, 3))
        case "bleu":
            return entry("scored", round(45 + 30 * noise if right else 8 * noise, 2))
        case "latency":
            return entry("scored", round(0.31 + 0.25 * noise + 0.02 * (side is Side.CANDIDATE), 3))
        case "completion_tokens":
            return entry("scored", 20 + round(30 * noise))
        case "faithfulness":
            if side is Side.CANDIDATE and ordinal < plan.judge_fails:
                return entry("failed", reason="The judge answered with prose instead of a number.")
            return entry("scored", 0.9 if right else 0.6 + 0.2 * noise, statements=3)
        case _ if case.unanswerable:
            return entry("skipped", reason="The question has no answer.")
        case "citation_precision":
            return entry("scored", float(right))
        case "recall_at_k":
            return entry("scored", float(rank is not None), ranks=[rank] if rank else [])
        case _:
            return entry("scored", round(1 / rank, 3) if rank else 0.0)


def _finish(
    world: World, plan: Plan, candidate: Release, baseline: Release, dataset: Dataset, results: Results
) -> Evaluated:
    judge = JudgeQuality(
        model="qwen3-32b", agreement=Interval(low=0.47, high=0.61, level=0.95), agreement_value=0.54,
        self_agreement=0.95 if plan.trusted else 0.71, items=200, repeats=60, trusted=plan.trusted,
        reason="It agrees with people nearly as well as two people agree with each other."
        if plan.trusted
        else "It agrees with itself on 71 of 100 repeats; 90 are needed.",
    )  # fmt: skip
    inquiry = Inquiry(
        evaluation_id=uuid.uuid4().hex, candidate=candidate, baseline=baseline,
        dataset=DatasetRef(
            name=dataset.name, version=dataset.version, sha256=dataset.sha256, cases=len(dataset.cases)
        ),
        cases=dataset.cases, metrics=MEASURES, judge=judge, created_by=plan.created_by, created_at=datetime.now(UTC),
    )  # fmt: skip
    report = build_report(inquiry, results, load_thresholds(), 84.2)  # type: ignore[arg-type]
    record = EvaluationRecord(
        id=inquiry.evaluation_id, release_id=candidate.id, baseline_id=baseline.id, dataset=dataset.name,
        dataset_version=dataset.version, dataset_sha256=dataset.sha256,
        configuration={"metrics": {measure.name: measure.version for measure in MEASURES}}, state="running",
        verdict=None, passes=None, report=None, error=None, created_by=plan.created_by, created_at=inquiry.created_at,
        finished_at=None,
    )  # fmt: skip
    store_report(world, record, report)
    entries = [
        RowEntry(side.value, ordinal, case.sha256, found.answer_ids[ordinal])
        for side, found in results.sides.items()
        for ordinal, case in enumerate(dataset.cases)
    ]
    EvaluationRepository(world.database).save_rows(record.id, entries)
    return Evaluated(record, report, dataset, candidate, baseline)


def store_report(world: World, record: EvaluationRecord, report: Report) -> None:
    """Put the evaluation and its report on record."""
    repository = EvaluationRepository(world.database)
    repository.start(record)
    content = report.model_dump(mode="json")
    repository.finish(record.id, verdict=report.verdict.value, passes=report.passes, report=content)
