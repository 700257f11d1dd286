"""An installation of the walk-through's own: a folder, people with keys, commands, and a server.

Nothing of the person's own installation is read or written but for the converted embedding model: every RAGLOOP_
variable is left out, and commands run in the new folder, where no .env file is.
"""

from __future__ import annotations

import json
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ConflictError
from core.settings import PREFIX, Settings, child_environment
from core.types import Role
from tools.local_server import wait_until_ready
from tools.walk_through.narration import Story, StoryError

if TYPE_CHECKING:
    import httpx

# A folder without this file is none that a walk-through made, and is not emptied for one.
_MARK = ".walk-through"

# The longest that one command may take: a rebuild or an evaluation on a slow and busy machine.
_COMMAND_SECONDS = 600
_REQUEST_SECONDS = 120
# More than the server gives requests in flight to finish.
_STOP_SECONDS = 30
_BETWEEN_LOOKS = 0.1
# What is shown of a command's messages: the end of a traceback.
_LONGEST_SAID = 800


@dataclass(frozen=True, slots=True)
class _Ran:
    """What became of a command: the JSON object that it printed, and the end of what it said beside it."""

    returncode: int
    printed: dict[str, Any]
    said: str


class Installation:
    """What the people of a walk-through work with. `chosen` are its settings, by name and without the prefix."""

    def __init__(self, home: Path, story: Story, chosen: Mapping[str, str]) -> None:
        self.home = home
        self.address = f"http://127.0.0.1:{free_port()}"
        self._story = story
        self._keys: dict[str, str] = {}
        self._environment = {
            **{name: value for name, value in child_environment().items() if not name.startswith(PREFIX)},
            f"{PREFIX}HOME": str(home),
            **{f"{PREFIX}{name.upper()}": value for name, value in chosen.items()},
        }
        self._client: httpx.Client | None = None
        self._log = home / "server.log"
        story.tell(f"All of it happens in the folder {home}. To try commands there yourself, in another terminal:")
        story.typed(["cd", str(home)])
        story.typed(["alias", f"ragloop={_program()}"])
        for name, value in self._environment.items():
            if name.startswith(PREFIX):
                story.typed(["export", f"{name}={value}"])

    def ragloop(self, *arguments: str, who: str = "", told: bool = True) -> dict[str, Any]:
        """Runs a command in the name of `who`; the JSON object that it printed. Raises StoryError if it failed."""
        ran = self._ran(arguments, who, told)
        if ran.returncode:
            error = ran.printed.get("error", {"message": ran.said})
            raise StoryError(f"`{_typed(arguments)}` failed: {error['message']}", hint=error.get("hint", ""))
        return ran.printed

    def tried(self, *arguments: str, who: str = "", told: bool = True) -> tuple[int, dict[str, Any]]:
        """The same for a command that may fail: its exit code, and the JSON object that it printed."""
        ran = self._ran(arguments, who, told)
        return ran.returncode, ran.printed

    def _ran(self, arguments: Sequence[str], who: str, told: bool) -> _Ran:
        if told:
            self._story.typed(["ragloop", *arguments], who)
        key = {f"{PREFIX}API_KEY": self._keys[who]} if who else {}
        try:
            ran = subprocess.run(
                [_program(), *arguments, "--json"],
                env={**self._environment, **key},
                cwd=self.home,
                capture_output=True,
                text=True,
                timeout=_COMMAND_SECONDS,
                check=False,
            )
            return _Ran(ran.returncode, json.loads(ran.stdout), ran.stderr[-_LONGEST_SAID:])
        except subprocess.TimeoutExpired as error:
            raise StoryError(f"`{_typed(arguments)}` had not ended after {_COMMAND_SECONDS} seconds.") from error
        except json.JSONDecodeError as error:
            said = ran.stderr[-_LONGEST_SAID:]
            raise StoryError(f"`{_typed(arguments)}` ended with {ran.returncode}: {said}") from error

    def person(self, name: str, *roles: Role) -> None:
        """Gives a person a key, with which they act from now on."""
        words = ["keys", "create", name]
        for role in roles:
            words += ["--role", role.value]
        self._keys[name] = self.ragloop(*words)["key"]

    @contextmanager
    def serving(self) -> Iterator[None]:
        """`ragloop serve` at `address` for as long as this lasts, its log in the folder."""
        import httpx

        port = self.address.rpartition(":")[2]
        self._story.typed(["ragloop", "serve", "--port", port])
        with self._log.open("wb") as output:
            server = subprocess.Popen(
                [_program(), "serve", "--port", port],
                env=self._environment,
                cwd=self.home,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until_ready(server, self.address, f"Its log is {self._log}.")
            with httpx.Client(base_url=self.address, timeout=_REQUEST_SECONDS, trust_env=False) as self._client:
                yield
        finally:
            self._client = None
            _stop(server)

    def ask(self, who: str, question: str) -> dict[str, Any]:
        """A question over HTTP, as OpenAI's clients send it; the answer with RAGLoop's fields."""
        body = {"model": "ragloop", "messages": [{"role": "user", "content": question}]}
        return self.post(who, "/v1/chat/completions", body)

    def follow(self, release: str, who: str, question: str, seconds: float) -> bool:
        """Ask until the server answers by this release, for so many seconds at most; whether it does."""
        deadline = time.monotonic() + seconds
        while self.ask(who, question)["release"] != release:
            if time.monotonic() > deadline:
                return False
            time.sleep(_BETWEEN_LOOKS)
        return True

    def post(self, who: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A request in the name of `who`; its reply. Raises StoryError for an error's."""
        found: dict[str, Any] = self._sent("POST", who, path, json=body).json()
        return found

    def submit(self, who: str, path: str, form: Mapping[str, str]) -> None:
        """A form of a page, sent in the name of `who`. Raises StoryError if it is refused."""
        self._sent("POST", who, path, data=form)

    def page(self, who: str, path: str) -> str:
        """A page as `who` sees it. Raises StoryError for one that cannot be seen."""
        return self._sent("GET", who, path).text

    def _sent(self, method: str, who: str, path: str, **content: Any) -> httpx.Response:
        import httpx

        if self._client is None:
            raise StoryError("The server of the walk-through does not run.")
        headers = {"Authorization": f"Bearer {self._keys[who]}"}
        try:
            reply = self._client.request(method, path, headers=headers, **content)
        except httpx.HTTPError as error:
            raise StoryError(f"{method} {path} got no answer: {error}", hint=f"The log is {self._log}.") from error
        if reply.is_error:
            raise StoryError(f"{method} {path} was answered with {reply.status_code}: {reply.text[:500]}")
        return reply


def fresh_folder(settings: Settings, name: str) -> Path:
    """An empty folder for one walk-through, in the home folder; what an earlier one left there is gone.

    The embedding model, which takes a while to convert, is shared. Raises ConflictError for a folder with other things.
    """
    folder = settings.home / "loop" / name
    if folder.exists():
        if not (folder / _MARK).exists():
            raise ConflictError(f"{folder} was not made by a walk-through.", hint="Move it away.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()
    models = settings.home / "models"
    models.mkdir(exist_ok=True)
    (folder / "models").symlink_to(models)
    return folder


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _typed(arguments: Sequence[str]) -> str:
    return shlex.join(["ragloop", *arguments])


def _program() -> str:
    return str(Path(sys.executable).with_name("ragloop"))


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
