"""A server process as `ragloop serve` starts it, and the official OpenAI client talking to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from core.settings import load_settings
from core.storage.api_keys import ApiKeyRepository
from core.storage.database import Database
from tests.support.ports import free_port

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
RAGLOOP = str(Path(sys.executable).with_name("ragloop"))

HOLIDAYS = """# Holidays

Every employee has thirty days of holiday each year. Holidays are approved by the team lead.

# Carrying over

Up to five days of holiday are carried over to the next year.
"""


@dataclass
class Server:
    """A running `ragloop serve`."""

    process: subprocess.Popen[bytes]
    address: str
    home: Path

    def client(self, key: str = "unused on this machine") -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.address}/v1", api_key=key, max_retries=0)


def environment(home: Path) -> dict[str, str]:
    outside = {name: value for name, value in os.environ.items() if not name.startswith("RAGLOOP_")}
    return {**outside, "RAGLOOP_HOME": str(home), "RAGLOOP_LOG_LEVEL": "warning"}


def start(home: Path, port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([RAGLOOP, "serve", "--port", str(port)], env=environment(home), stderr=subprocess.PIPE)


def wait_until_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None
        try:
            if httpx.get(f"{address}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the server was not ready in two minutes")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with one ingested document."""
    home = tmp_path_factory.mktemp("home")
    models = ROOT / "var" / "models"  # the converted embedding model, which takes seconds to make
    models.mkdir(parents=True, exist_ok=True)
    (home / "models").symlink_to(models)
    folder = tmp_path_factory.mktemp("corpus") / "handbook"
    folder.mkdir()
    (folder / "holidays.md").write_text(HOLIDAYS, encoding="utf-8")
    subprocess.run([RAGLOOP, "ingest", str(folder)], env=environment(home), check=True, capture_output=True)
    return home


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    port = free_port()
    process = start(home, port)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(address, process)
        yield Server(process, address, home)
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors.decode()
    assert b"Traceback" not in errors


MESSAGES = [{"role": "user", "content": "How many days of holiday does every employee have each year?"}]


def citations_of(answer: openai.BaseModel) -> list[dict[str, Any]]:
    """What we send beside OpenAI's own fields."""
    return (answer.model_extra or {})["citations"]


def test_the_client_gets_an_answer_with_its_citations(server: Server) -> None:
    with server.client() as client:
        completion = client.chat.completions.create(model="ragloop", messages=MESSAGES)
    message = completion.choices[0].message
    assert "thirty days of holiday" in message.content
    assert message.annotations[0].url_citation.url.startswith("/documents/")
    assert completion.usage.total_tokens > 0
    citation = citations_of(completion)[0]
    assert HOLIDAYS[citation["start"] : citation["end"]] == citation["quote"]


def test_the_client_gets_the_same_answer_as_a_stream(server: Server) -> None:
    with server.client() as client:
        whole = client.chat.completions.create(model="ragloop", messages=MESSAGES)
        stream = client.chat.completions.create(
            model="ragloop", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert citations_of(chunks[-2]) == citations_of(whole)


def test_the_client_s_own_stream_helper_assembles_the_answer(server: Server) -> None:
    with server.client() as client, client.chat.completions.stream(model="ragloop", messages=MESSAGES) as stream:
        completion = stream.get_final_completion()
    assert "thirty days" in completion.choices[0].message.content


def test_the_client_understands_errors(server: Server) -> None:
    with server.client() as client:
        with pytest.raises(openai.NotFoundError) as missing:
            client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        assert missing.value.code == "model_not_found"
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(model="ragloop", messages=MESSAGES, n=2)
        assert refused.value.param == "n"
    with server.client("rl_000000000000_" + "a" * 43) as client, pytest.raises(openai.AuthenticationError):
        client.models.list()


def test_the_client_s_key_decides_what_is_found(server: Server) -> None:
    database = Database.open(load_settings(home=server.home))
    _, key = ApiKeyRepository(database).create("board only", ["board"])
    database.close()
    with server.client(key) as client:
        assert [model.id for model in client.models.list()] == ["ragloop"]
        completion = client.chat.completions.create(model="ragloop", messages=MESSAGES)
    assert (completion.model_extra or {})["abstained"] is True
    assert citations_of(completion) == []


def test_a_serving_process_loads_no_training_library(server: Server) -> None:
    maps = Path(f"/proc/{server.process.pid}/maps").read_text(encoding="utf-8")
    assert "site-packages" in maps
    assert "site-packages/torch/" not in maps


def test_the_application_is_imported_without_the_heavy_libraries() -> None:
    script = "import sys, app.server; print(*{name.partition('.')[0] for name in sys.modules})"
    output = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    heavy = {"torch", "transformers", "sentence_transformers", "qdrant_client", "openvino", "airflow", "mlflow"}
    assert heavy & set(output.split()) == set()


def test_a_port_that_is_taken_ends_the_start_with_a_hint(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = start(home, listener.getsockname()[1])
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert b"Another program listens" in errors
    assert b"--port" in errors
    assert b"Traceback" not in errors


def test_an_address_that_is_not_this_machine_s_ends_the_start_with_a_hint(home: Path) -> None:
    command = [RAGLOOP, "serve", "--host", "192.0.2.1", "--port", str(free_port())]
    finished = subprocess.run(command, env=environment(home), capture_output=True, timeout=60, check=False)
    assert finished.returncode == 2
    assert b"RAGLOOP_HOST" in finished.stderr
    assert b"Traceback" not in finished.stderr
