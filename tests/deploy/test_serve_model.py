"""deploy/vllm/serve.sh: what vLLM is started with, and what is said when it cannot be."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.compose import ROOT

SERVE = ROOT / "deploy" / "vllm" / "serve.sh"

# Stands for the Python that vLLM is installed in: says which build that is, and shows what it is started with.
PYTHON = """#!/bin/sh
if [ "$1" = - ]; then echo {build}; exit; fi
exec python3 -c 'import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))' "$@"
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"")
    return folder


def serve(tmp_path: Path, *arguments: str, build: str = "cpu", **variables: str) -> subprocess.CompletedProcess[str]:
    python = tmp_path / "python"
    python.write_text(PYTHON.format(build=build))
    python.chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = {"PATH": os.environ["PATH"], "VLLM_PYTHON": str(python), "VLLM_PORT": port, **variables}
    return subprocess.run([str(SERVE), *arguments], env=environment, capture_output=True, text=True, check=False)


def started(finished: subprocess.CompletedProcess[str]) -> tuple[str, dict[str, str]]:
    assert finished.returncode == 0, finished.stderr
    arguments, environment = json.loads(finished.stdout)
    return " ".join(arguments), environment


def test_adapters_can_be_loaded_at_run_time_and_nothing_is_reported_or_fetched(tmp_path: Path, model: Path) -> None:
    arguments, environment = started(serve(tmp_path, MODEL=str(model)))
    assert f"--model {model} --served-model-name base --host 127.0.0.1" in arguments
    assert "--enable-lora" in arguments
    assert "trust" not in arguments
    assert environment["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "True"
    assert environment["VLLM_NO_USAGE_STATS"] == environment["HF_HUB_OFFLINE"] == "1"


def test_the_port_does_not_become_the_one_of_vllms_own_processes(tmp_path: Path, model: Path) -> None:
    arguments, environment = started(serve(tmp_path, MODEL=str(model), VLLM_HOST="127.0.0.2"))
    assert "--host 127.0.0.2 --port " in arguments
    assert not environment.keys() & {"VLLM_PORT", "VLLM_HOST", "VLLM_PYTHON"}


def test_further_arguments_come_last_and_so_win(tmp_path: Path, model: Path) -> None:
    arguments, _ = started(serve(tmp_path, "--max-model-len", "512", MODEL=str(model), MODEL_NAME="small"))
    assert arguments.endswith("--max-model-len 512")
    assert "--served-model-name small" in arguments


def test_a_gpu_server_may_fetch_a_model_by_its_name(tmp_path: Path) -> None:
    arguments, environment = started(serve(tmp_path, build="gpu", MODEL="organisation/model-7b"))
    assert "--model organisation/model-7b" in arguments
    assert "HF_HUB_OFFLINE" not in environment
    assert "--enforce-eager" not in arguments


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "MODEL names no model"),
        ({"MODEL": "/nowhere"}, "There is no folder /nowhere"),
        ({"MODEL": "organisation/model"}, "There is no folder organisation/model"),
        ({"MODEL": "../model", "build": "gpu"}, "There is no folder ../model"),
        ({"MODEL": "organisation/model", "build": "none"}, "`make vllm` installs it"),
        ({"VLLM_CPU_KVCACHE_SPACE": "1000000"}, "MiB of memory"),
    ],
)
def test_what_keeps_a_model_from_being_served_is_said(
    tmp_path: Path, model: Path, variables: dict[str, str], message: str
) -> None:
    if "VLLM_CPU_KVCACHE_SPACE" in variables:
        variables = {**variables, "MODEL": str(model)}
    finished = serve(tmp_path, **variables)
    assert finished.returncode == 2
    assert message in finished.stderr
    assert finished.stdout == ""


def test_pickled_weights_are_not_loaded(tmp_path: Path, model: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    finished = serve(tmp_path, MODEL=str(model))
    assert finished.returncode == 2
    assert "pickled" in finished.stderr


@pytest.mark.parametrize("argument", ["--trust-remote-code", "--trust_remote_code=True"])
def test_code_that_comes_with_a_model_is_never_run(tmp_path: Path, model: Path, argument: str) -> None:
    finished = serve(tmp_path, argument, MODEL=str(model))
    assert finished.returncode == 2
    assert "never run" in finished.stderr


def test_a_port_that_is_taken_is_named(tmp_path: Path, model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        finished = serve(tmp_path, MODEL=str(model), VLLM_PORT=str(port))
    assert finished.returncode == 2
    assert f"127.0.0.1:{port}" in finished.stderr
    assert f"VLLM_PORT={port + 1}" in finished.stderr
