"""`make demo`: ingest a folder with the real Airflow DAG, start the web app, answer one question, keep serving.

Run: `python -m tools.demo FOLDER`. What is already done is not done again, so a second demo starts in seconds.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.cli.console import note, report, say
from core.errors import InputError, RagloopError
from core.settings import Settings, child_environment, load_settings
from core.storage.database import Database
from core.storage.documents import DocumentRepository
from tools.airflow_home import airflow_environment
from tools.local_server import wait_until_ready

HANDBOOK = Path("docs")
HANDBOOK_QUESTION = "How do I ingest a folder of documents?"


def main(arguments: Sequence[str]) -> int:
    """Run the demo over the folder named in `arguments`; returns the exit code."""
    # However the demo is told to stop, the server it started stops with it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        settings = load_settings(host="127.0.0.1", environment="development")  # so that no key is needed
        folder = Path(arguments[0] if arguments else HANDBOOK)
        if not folder.is_dir():
            raise InputError(f"There is no folder {folder}.", hint="Name one: make demo DOCS=folder")
        ingest(settings, folder)
        return serve(settings, folder)
    except RagloopError as error:
        report(error, as_json=False)
        return error.exit_code
    except KeyboardInterrupt:
        return 0


def ingest(settings: Settings, folder: Path) -> None:
    """Run the DAG `ingest_documents` over the folder, unless nothing in it has changed."""
    changes = _changes(folder)
    if not any(changes[kind] for kind in ("added", "changed", "deleted")):
        note(f"{folder}: nothing new in {changes['seen']} documents")
        return
    note(f"{folder}: {changes['added']} new, {changes['changed']} changed, {changes['deleted']} vanished documents")
    environment = child_environment(**airflow_environment(settings))
    log = settings.home / "logs" / "demo-airflow.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    airflow = str(Path(sys.executable).with_name("airflow"))
    if not (Path(environment["AIRFLOW_HOME"]) / "airflow.db").exists():
        _step("Preparing Airflow", [airflow, "db", "migrate"], environment, log)
    conf = json.dumps({"folder": str(folder.absolute())})
    _step(
        "Running the DAG ingest_documents",
        [airflow, "dags", "test", "ingest_documents", "--conf", conf],
        environment,
        log,
    )


def serve(settings: Settings, folder: Path) -> int:
    """Start `ragloop serve`, ask it one question, and stay until it ends or the person presses Ctrl-C."""
    base = f"http://{settings.host}:{settings.port}"
    command = [str(Path(sys.executable).with_name("ragloop")), "serve"]
    environment = child_environment(
        RAGLOOP_LOG_LEVEL="warning", RAGLOOP_HOST=settings.host, RAGLOOP_ENVIRONMENT=settings.environment
    )
    server = subprocess.Popen(command, env=environment)
    try:
        wait_until_ready(server, base, "Its message stands above.")
        _show_answer(base, _question(settings, folder))
        say(f"\nAsk your own: {base}\nPress Ctrl-C to stop.")
        sys.stdout.flush()
        return server.wait()
    finally:
        server.terminate()
        server.wait(timeout=10)


def _changes(folder: Path) -> Mapping[str, int]:
    command = [str(Path(sys.executable).with_name("ragloop")), "ingest", str(folder), "--dry-run", "--json"]
    finished = subprocess.run(command, env=child_environment(), stdout=subprocess.PIPE, text=True, check=False)
    result = json.loads(finished.stdout)
    if finished.returncode != 0:
        raise InputError(result["error"]["message"], hint=result["error"]["hint"])
    changes: Mapping[str, int] = result["documents"]
    return changes


def _step(title: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
    """Run one program to its end, saying how long it takes; on failure show the end of its output."""
    started = time.monotonic()
    terminal = sys.stderr.isatty()
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=dict(environment), stdout=output, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                if terminal:
                    sys.stderr.write(f"\r{title} … {time.monotonic() - started:.0f} s")
                    sys.stderr.flush()
                time.sleep(0.2)
        finally:
            process.kill()
    note(f"{chr(13) if terminal else ''}{title}: {time.monotonic() - started:.0f} s")
    if process.returncode != 0:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-25:])
        raise RagloopError(f"{title} failed:\n{tail}", hint=f"The whole output is in {log}.")


def _question(settings: Settings, folder: Path) -> str:
    if folder.absolute() == HANDBOOK.absolute():
        return HANDBOOK_QUESTION
    with Database.open(settings) as database:
        documents = DocumentRepository(database).page(limit=100, source=folder.absolute().name)
    # A title of a few words makes a question; one word is often a file's name.
    titles = [document.title for document in documents if 2 <= len(document.title.split()) <= 6]
    return f"What does {folder.name} say about {titles[0]}?" if titles else HANDBOOK_QUESTION


def _show_answer(base: str, question: str) -> None:
    body = json.dumps({"model": "ragloop", "messages": [{"role": "user", "content": question}]}).encode()
    request = urllib.request.Request(  # noqa: S310 - our own address
        f"{base}/v1/chat/completions", data=body, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
        answer = json.load(response)
    say(f"\n{question}\n\n{answer['answer']}\n")
    for citation in answer["citations"]:
        page = f", page {citation['page']}" if citation["page"] else ""
        say(f"[{citation['marker']}] {citation['uri']}{page}, characters {citation['start']}–{citation['end']}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
