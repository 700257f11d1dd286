"""What a person finds in a report: every section, every number's rows, and nothing that was not meant as markup."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from evals.cases.cases import Case, GoldEvidence
from evals.cases.dataset_store import DatasetStore
from evals.gate.comparison import BlockingReason, Interval, Verdict
from evals.metrics.metric import Group
from evals.report import file as report_file_module
from evals.report.case_detail import CaseDetails
from evals.report.file import report_file
from evals.report.page import PageLinks, report_body, report_json, source_hash
from evals.report.report import Report
from evals.report.view import view_of
from evals.report.words import (
    BLOCKS,
    GROUPS,
    change,
    consequence,
    headline,
    interval,
    label,
    value,
    verdict_words,
)
from tests.support.app_world import World
from tests.support.html_text import Reader
from tests.support.reports import Evaluated, Plan, add_handbook, evaluate

XSS = "</style></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'>"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("world")).ingest()
    add_handbook(world)
    return world


@pytest.fixture(scope="module")
def better(world: World) -> Evaluated:
    return evaluate(world)


@pytest.fixture(scope="module")
def blocked(world: World) -> Evaluated:
    plan = Plan(locked_breaks=True, judge_fails=3, trusted=False, changes={"retrieval.top_k": "5"})
    return evaluate(world, plan)


def file_of(world: World, evaluated: Evaluated, report: Report | None = None) -> str:
    details = CaseDetails(world.database, DatasetStore(world.database), evaluated.record)
    return report_file(report or evaluated.report, details.each)


def shown(source: str) -> str:
    return " ".join(Reader(source).text.split())


def test_the_verdict_and_what_follows_from_it_come_first(world: World, better: Evaluated, blocked: Evaluated) -> None:
    page = shown(file_of(world, better).partition("<main")[2])
    assert (
        page.index("The candidate is better") < page.index("It may be approved and promoted.") < page.index("Metrics")
    )
    page = shown(file_of(world, blocked).partition("<main")[2])
    assert page.index("It may not be approved") < page.index("What blocks it") < page.index("Metrics")


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_has_words(better: Evaluated, verdict: Verdict) -> None:
    report = better.report.model_copy(update={"verdict": verdict})
    assert headline(report)
    assert ("may be approved" in consequence(report)) is verdict.passes


def test_without_a_baseline_the_report_says_that_there_is_nothing_to_compare_with(better: Evaluated) -> None:
    report = better.report.model_copy(update={"baseline": None})
    assert "nothing to compare" in headline(report)
    assert "may not be approved" in consequence(report)


def test_the_file_holds_every_section(world: World, blocked: Evaluated) -> None:
    page = file_of(world, blocked)
    sections = {"verdict", "blocks", "changes", "metrics", "rows", "slices", "operation", "locked", "judge", "unscored", "run"}  # fmt: skip
    assert sections <= {attributes.get("id") for _, attributes in Reader(page).tags}
    text = shown(page)
    for expected in (
        "retrieval.top_k", "The judge answered with prose", "not trusted", "did not answer within 60 seconds",
        "locked cases that were right became wrong", "nDCG@10", "95 of 100 are below", "6 worse than before",
    ):  # fmt: skip
        assert expected in text, expected


def test_every_link_of_the_file_leads_to_a_place_in_it(world: World, blocked: Evaluated) -> None:
    tags = Reader(file_of(world, blocked)).tags
    ids = [attributes["id"] for _, attributes in tags if attributes.get("id")]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] or "" for tag, attributes in tags if tag == "a"]
    assert len(links) > 100
    assert {link.removeprefix("#") for link in links} <= set(ids)


def test_the_file_loads_nothing_and_runs_only_its_own_script(world: World, better: Evaluated) -> None:
    page = file_of(world, better)
    tags = Reader(page).tags
    assert {"link", "img", "iframe", "object", "form"}.isdisjoint({tag for tag, _ in tags})
    assert not [attributes for _, attributes in tags if {"src", "style"} & set(attributes)]
    policy = next(attributes["content"] or "" for tag, attributes in tags if "http-equiv" in attributes)
    for element in ("style", "script"):
        inside = re.search(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
        assert inside is not None
        assert source_hash(inside[1]) in policy
    assert "@import" not in page
    assert "url(" not in page


def test_losses_wins_locked_and_unscored_cases_are_in_the_file_and_few_ties(
    world: World, blocked: Evaluated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_file_module, "MOST_TIES", 2)
    page = file_of(world, blocked)
    embedded = {int(found) for found in re.findall(r'id="case-(\d+)"', page)}
    expected = {row.ordinal for row in blocked.report.rows if row.outcome != "tie" or row.locked}
    missing = {row.case_id for row in blocked.report.unscored}
    expected |= {row.ordinal for row in blocked.report.rows if row.case_id in missing}
    assert expected <= embedded
    assert len(embedded - expected) <= 2


def test_the_file_stays_within_its_limit_and_says_what_it_left_out(
    world: World, better: Evaluated, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = len(re.findall("<article", file_of(world, better)))
    monkeypatch.setattr(report_file_module, "MOST_BYTES", 60_000)
    page = file_of(world, better)
    kept = len(re.findall("<article", page))
    assert 0 < kept < whole
    assert f"{whole - kept} did not fit" in shown(page)


def test_a_case_shows_both_answers_the_gold_passage_and_why_they_differ(world: World, better: Evaluated) -> None:
    row = next(row for row in better.report.rows if row.outcome == "win" and not row.unanswerable)
    page = file_of(world, better)
    article = page.partition(f'id="case-{row.ordinal}"')[2].partition("</article>")[0]
    details = CaseDetails(world.database, DatasetStore(world.database), better.record).get(row.ordinal)
    assert details is not None
    assert details.candidate.answer is not None
    assert details.baseline is not None
    assert details.baseline.answer is not None
    text = shown(article)
    assert row.why in text
    for side in (details.candidate.answer, details.baseline.answer):
        assert " ".join(side.text.split()) in text
    quote = " ".join(details.case.evidence[0].quote.split())
    assert quote in " ".join(Reader(article).marked.split())
    assert 'class="badge gold"' in article
    assert 'class="badge cited"' in article


def test_a_side_without_an_answer_says_why(world: World, blocked: Evaluated) -> None:
    article = file_of(world, blocked).partition('id="case-2"')[2].partition("</article>")[0]
    assert "There is no answer. The model server did not answer within 60 seconds." in shown(article)


def test_a_score_that_only_the_report_keeps_is_shown_with_the_case(world: World, better: Evaluated) -> None:
    page = file_of(world, better)
    assert "MRR" in shown(page.partition('<details class="scores">')[2].partition("</details>")[0])


def test_a_plot_says_in_words_what_it_draws(better: Evaluated) -> None:
    body = report_body(view_of(better.report), PageLinks(better.id), Markup())
    words = [attributes["aria-label"] or "" for tag, attributes in Reader(body).tags if attributes.get("role") == "img"]
    assert any(
        word.startswith("Correct: difference +") and "interval" in word and "tolerated" in word for word in words
    )


def test_a_metric_that_no_question_gave_a_score_is_named_and_has_no_line(better: Evaluated) -> None:
    empty = better.report.metrics[1].model_copy(
        update={"candidate": None, "baseline": None, "difference": None, "interval": None, "rows": 0}
    )
    report = better.report.model_copy(update={"metrics": (better.report.metrics[0], empty)})
    body = report_body(view_of(report), PageLinks(better.id), Markup())
    assert f"No question of this dataset is one for {label(empty.name)}." in shown(body)
    assert f'id="metric-{empty.name}"' not in body


def test_a_report_from_before_a_metric_was_removed_is_read_and_shown(world: World, better: Evaluated) -> None:
    stored = json.loads(report_json(better.report))
    stored["metrics"].append(stored["metrics"][1] | {"name": "chrf", "candidate": 0.4, "baseline": 0.3})
    for row in stored["rows"]:
        row["scores"]["chrf"] = {"candidate": 0.4, "baseline": 0.3}
    report = Report.model_validate_json(json.dumps(stored))
    assert "chrF" in shown(file_of(world, better, report))


def test_the_json_is_the_report(better: Evaluated) -> None:
    assert Report.model_validate_json(report_json(better.report)) == better.report


def test_everything_that_a_report_may_name_has_words() -> None:
    assert set(get_args(BlockingReason.model_fields["code"].annotation)) == set(BLOCKS)
    assert len({verdict_words(each) for each in Verdict}) == len(Verdict)
    assert verdict_words(None) == ""
    assert set(Group) == set(GROUPS)


def test_figures_are_written_for_people() -> None:
    assert value(0.714, "share") == "71.4 %"
    assert value(None, "share") == "–"
    assert value(0.4121, "seconds") == "0.412 s"
    assert interval(Interval(low=-1.73, high=0.455, level=0.95), "seconds") == "−1.730 to +0.455"
    assert change(-0.024, "share") == "−2.4 points"
    assert change(0.0001, "share") == "±0.0 points"
    assert change(0, "share") == "0.0 points"
    assert interval(None, "share") == ""
    assert label("ndcg_at_10") == "nDCG@10"
    assert label("recall_at_k") == "Recall@k"
    assert label("token_f1") == "Token F1"
    assert label("rouge_l") == "ROUGE-L"


# ---------------------------------------------------------------- nothing becomes markup

_KEPT = {"outcome", "better", "unit", "verdict", "finding", "group", "side", "code"}


def poisoned(value: object, text: str, field: str = "") -> object:
    """The same report with `text` in every string that is not one of a fixed set."""
    if isinstance(value, dict):
        return {name: poisoned(item, text, name) for name, item in value.items()}
    if isinstance(value, list):
        return [poisoned(item, text, field) for item in value]
    if isinstance(value, str) and field not in _KEPT and field != "created_at":
        return f"{value}{text}"
    return value


def harmless(page: str) -> None:
    tags = Reader(page).tags
    assert not [tag for tag, _ in tags if tag in ("img", "iframe", "b", "object", "base")]
    assert len([tag for tag, _ in tags if tag == "script"]) <= 1
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on") and name != "open"]
    links = [attributes.get("href") or "" for tag, attributes in tags if tag == "a"]
    assert all(link.startswith(("#", "/reviews/")) for link in links)


def test_markup_in_every_field_of_a_report_is_shown_as_text(blocked: Evaluated) -> None:
    report = Report.model_validate(poisoned(blocked.report.model_dump(mode="json"), XSS))
    page = report_file(report, lambda _ordinals: [])
    harmless(page)
    assert page.count("&lt;script&gt;") > 100


@settings(max_examples=40, deadline=None)
@given(text=st.text(alphabet="<>&\"'`={}%#/ab\n-!", max_size=12))
def test_no_text_whatever_becomes_markup(blocked: Evaluated, text: str) -> None:
    small = blocked.report.model_copy(update={"rows": blocked.report.rows[:3]})
    plain = [tag for tag, _ in Reader(report_file(small, lambda _ordinals: [])).tags]
    report = Report.model_validate(poisoned(small.model_dump(mode="json"), text))
    page = report_file(report, lambda _ordinals: [])
    harmless(page)
    assert set(Reader(page).names()) <= set(plain) | {"a"}


def test_markup_in_questions_answers_documents_and_reasons_is_shown_as_text(tmp_path: Path) -> None:
    world = World(tmp_path).ingest()
    world.add(f"x/{XSS}.md", f"The answer is {XSS} here.", title=XSS)
    case = Case(
        id=XSS, question=f"What is it? {XSS}", answer=XSS, tags=(XSS,), origin=XSS,
        evidence=(GoldEvidence(uri=f"x/{XSS}.md", quote=XSS),),
    )  # fmt: skip
    evaluated = evaluate(world, Plan(baseline_right=0, candidate_right=1), [case])
    page = file_of(world, evaluated)
    harmless(page)
    assert shown(page).count(XSS) > 10
