"""Git, as somebody who has told it who they are."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git(folder: Path, *words: str) -> str:
    """What the command prints, run in the folder."""
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "safe.directory=*"]
    ran = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True)
    return ran.stdout.strip()
