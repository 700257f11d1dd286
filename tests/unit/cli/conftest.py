"""The home folder that the commands work in, in this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.home import make_home


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = make_home(tmp_path)
    monkeypatch.setenv("RAGLOOP_HOME", str(home))
    return home
