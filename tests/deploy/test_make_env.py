"""deploy/make-env.sh writes secrets that work, and never replaces one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from dotenv import dotenv_values

from tests.support.compose import ROOT, variables


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "make-env.sh", tmp_path / "deploy")
    shutil.copy(ROOT / ".env.example", tmp_path)
    return tmp_path


def make(checkout: Path) -> dict[str, str | None]:
    subprocess.run([str(checkout / "deploy" / "make-env.sh")], check=True, capture_output=True)
    return dotenv_values(checkout / ".env")


def test_every_secret_that_the_stack_needs_is_made_afresh_and_for_the_owner_only(checkout: Path) -> None:
    made = make(checkout)
    assert made.keys() == {name for name, kind, _ in variables() if kind == "?"}
    assert len(set(made.values())) == len(made)
    assert all(value and len(value) >= 40 for value in made.values())
    assert (checkout / ".env").stat().st_mode & 0o077 == 0


def test_passwords_can_stand_in_a_url_and_airflows_key_is_one(checkout: Path) -> None:
    made = make(checkout)
    Fernet(str(made.pop("AIRFLOW_FERNET_KEY")))
    assert all(str(value).isalnum() for value in made.values())


def test_what_is_there_is_kept_and_what_is_new_or_empty_is_added(checkout: Path) -> None:
    (checkout / ".env").write_text("BIND_ADDRESS=0.0.0.0\nQDRANT_API_KEY=mine\nREDIS_PASSWORD=\n")
    made = make(checkout)
    assert (made["QDRANT_API_KEY"], made["BIND_ADDRESS"]) == ("mine", "0.0.0.0")
    assert made["REDIS_PASSWORD"]
    assert make(checkout) == made
