"""The wheel holds the product with all its data, and nothing that only maintainers need."""

from __future__ import annotations

import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.support.wheel import ROOT, build_wheel

pytestmark = pytest.mark.slow

PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"][
    "wheel"
]["packages"]


def test_the_wheel_holds_every_file_of_its_packages_and_no_other(tmp_path: Path) -> None:
    with zipfile.ZipFile(build_wheel(tmp_path)) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    files = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == files
    assert not {name.partition("/")[0] for name in held} & {"tools", "tests", "docs", "deploy"}
    assert not [name for name in held if name.endswith((".safetensors", ".onnx", ".bin"))]
    for kept in (
        "serving/prompts/templates/answer/2.yaml", "evals/prompts/judge_support/1.yaml", "evals/gate/gate.yaml",
        "loop/triggers/triggers.yaml", "serving/releases/abstention.json", "evals/cases/datasets/handbook.jsonl",
        "evals/report/templates/report_file.html", "evals/report/static/report.css", "app/static/style.css",
        "app/templates/base.html", "core/storage/migrations/script.py.mako",
    ):  # fmt: skip
        assert kept in held, kept
