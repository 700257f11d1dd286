"""RAGLoop as people install it: a wheel of this checkout, and a command out of it that knows nothing of the checkout."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.settings import child_environment

ROOT = Path(__file__).parents[2]


def build_wheel(folder: Path) -> Path:
    """The wheel, built with what is installed here, so that nothing is fetched."""
    uv = Path(sys.executable).with_name("uv")
    subprocess.run(
        [uv, "build", "--wheel", "--no-build-isolation", "--offline", "--python", sys.executable, "--out-dir", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("ragloop-*.whl")
    return wheel


@dataclass(frozen=True)
class Installed:
    """A wheel in a virtual environment of its own, which finds the libraries of this one and nothing of the checkout."""

    python: Path
    folder: Path
    """Where commands are run."""

    @classmethod
    def of(cls, wheel: Path, scratch: Path) -> Installed:
        place, folder = scratch / "venv", scratch / "empty"
        folder.mkdir()
        venv.create(place, symlinks=True)
        python = place / "bin" / "python"
        # As a line of a .pth file the folder's own .pth files, the editable checkout among them, are not read.
        libraries = place / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
        (libraries / "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
        uv = Path(sys.executable).with_name("uv")
        subprocess.run(
            [uv, "pip", "install", "--no-deps", "--offline", "--python", python, wheel], check=True, capture_output=True
        )
        return cls(python, folder)

    def ragloop(self, *words: str, **environment: str) -> dict[str, Any]:
        """What the command prints with --json. Raises AssertionError with what it said if it fails."""
        given = {name: value for name, value in child_environment(**environment).items() if name != "PYTHONPATH"}
        asked = words if "--json" in words else (*words, "--json")
        ran = subprocess.run(
            [self.python.with_name("ragloop"), *asked], cwd=self.folder, env=given, capture_output=True, text=True
        )
        assert ran.returncode == 0, (words, ran.stdout[-2000:], ran.stderr[-2000:])
        printed: dict[str, Any] = json.loads(ran.stdout)
        return printed
