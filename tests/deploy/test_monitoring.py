"""What Prometheus and Grafana ask for is there to be asked."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from app.monitoring.exposition import Metrics
from core.settings import load_settings
from core.storage.database import Database
from serving.llm.endpoint import Load
from tests.support.compose import ROOT, members, services

DEPLOY = ROOT / "deploy"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana/dashboards/ragloop.json").read_text(encoding="utf-8"))
SCRAPED: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text(encoding="utf-8"))
ALERTS: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text(encoding="utf-8"))
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
EXPRESSIONS = [rule["expr"] for rule in RULES] + [
    target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of everything that an installation with a model serves."""
    database = Database.open(load_settings(home=tmp_path_factory.mktemp("home")))
    metrics = Metrics(lambda: Load(writing=0, waiting=0, down=False), lambda: database)
    names = re.findall(r"^# TYPE (\S+)", metrics.exposition().decode(), re.MULTILINE)
    database.close()
    return set(names)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_figure_of_ragloops_that_is_asked_for_is_served(expression: str, served: set[str]) -> None:
    for name in re.findall(r"\bragloop_\w+", expression):
        assert re.sub(r"_bucket$", "", name) in served, name


def test_the_key_for_metrics_is_read_from_where_it_is_mounted() -> None:
    jobs = {job["job_name"]: job for job in SCRAPED["scrape_configs"]}
    assert jobs["ragloop"]["authorization"]["credentials_file"] == "/run/secrets/metrics-key"
    assert services()["prometheus"]["secrets"] == ["metrics-key"]


def test_what_is_scraped_is_within_reach() -> None:
    assert {"prometheus", "app", "grafana"} <= members("metrics")
    assert {"prometheus", "vllm"} <= members("model")


def test_every_alarm_says_what_people_notice_and_where_to_begin() -> None:
    for rule in RULES:
        assert rule["annotations"].keys() >= {"summary", "description"}
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        for page in re.findall(r"docs/\S+\.md", rule["annotations"]["description"]):
            assert (ROOT / page).exists(), page


def test_what_the_handbook_calls_worth_an_alarm_has_a_rule() -> None:
    page = (ROOT / "docs/reference/monitoring.md").read_text(encoding="utf-8")
    worth = page[page.index("Worth an alarm") :].partition("\n\n")[0]
    named = re.findall(r"`(ragloop_\w+)`", worth)
    assert "ragloop_cost_total" in named
    for name in named:
        assert any(name in rule["expr"] for rule in RULES), name


def test_panels_use_the_data_source_that_is_provided_and_do_not_overlap() -> None:
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"][0]
    cells: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        assert panel["datasource"] == {"type": source["type"], "uid": source["uid"]}
        place = panel["gridPos"]
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & own, panel["title"]
        cells |= own
