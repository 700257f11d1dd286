"""Where a prompt's file comes from, if it lies in a checkout of a Git repository: commit and path.

Git is asked for names of commits and of what they hold, nothing else: no hook, filter or helper that the repository
names is run, and nothing is fetched. Where there is no Git, or no repository, there is no origin; that is no error.
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from core.settings import child_environment
from core.storage.prompt_ledger import PromptOrigin

_SECONDS = 2
# The folder may belong to somebody else, as it does in a container; what could be run because of that is switched off.
# That no protocol is allowed is said in the environment: a repository's own settings override any other setting of it.
_HARMLESS = ("safe.directory=*", "core.fsmonitor=false", "core.hooksPath=/dev/null")
_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "",
}


def origin_of(file: Path, text: str) -> PromptOrigin | None:
    """The commit that is checked out where `file` lies, and the file's path in the repository. `modified` unless the
    commit holds this very text there. None where there is no repository, or no commit yet."""
    found = _git(file.parent, "--show-prefix", "HEAD")
    if found is None or len(found) != 2:
        return None
    prefix, commit = found
    (held,) = _git(file.parent, "--verify", "--quiet", f"HEAD:./{file.name}") or ("",)
    return PromptOrigin(commit, prefix + file.name, modified=held != _blob(text.encode(), held))


def _git(folder: Path, *question: str) -> list[str] | None:
    """The lines that `git rev-parse` says to the question; None if it cannot say."""
    # A hook that calls us hands its own repository down; ours is the one around the folder.
    inherited = {name: value for name, value in child_environment().items() if not name.startswith("GIT_")}
    options = [word for setting in _HARMLESS for word in ("-c", setting)]
    command = ["git", *options, "-C", str(folder), "rev-parse", *question]
    try:
        ran = subprocess.run(
            command, env=inherited | _ENVIRONMENT, capture_output=True, timeout=_SECONDS, check=True, text=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return ran.stdout.splitlines()


def _blob(content: bytes, like: str) -> str:
    """The name that Git gives to this content, by the same hash as `like`."""
    hash_of = hashlib.sha256 if len(like) == 64 else hashlib.sha1
    return hash_of(b"blob %d\0" % len(content) + content).hexdigest()
