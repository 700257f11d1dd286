"""`ragloop model`: a model in a GGUF file is made into a folder once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import run
from tests.support.gguf_file import pack_gguf
from tests.support.tiny_model import tiny_model


def test_a_model_is_converted_once_and_a_wrong_file_ends_with_an_error(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, folder = pack_gguf(tiny_model(tmp_path / "tiny"), tmp_path / "a.gguf"), tmp_path / "out"

    assert run(capsys, "model", "convert", str(file), str(folder))[:2] == (0, f"{folder} is written.\n")
    assert run(capsys, "model", "convert", str(file), str(folder))[:2] == (
        0,
        f"{folder} was made of this file before.\n",
    )
    code, said, told = run(capsys, "model", "convert", str(file), str(folder), "--sha256", "00")
    assert (code, said) == (2, "")
    assert "its SHA-256 is" in told
