"""The converted form of a model: made once per machine, kept in the models folder, named by the model's fingerprint."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from core.errors import RagloopError
from core.settings import child_environment
from retrieval.durable import sync, sync_tree
from retrieval.embedders.model import EmbeddingModel
from retrieval.locks import exclusive_lock

_log = logging.getLogger(__name__)

# Converting takes about 10 s, most of it importing torch; a cold disk or a busy machine may take minutes.
_TIMEOUT_SECONDS = 600
_PROJECT = Path(__file__).parents[2]


def converted_model(model: EmbeddingModel, models_folder: Path) -> Path:
    """The folder with the model's `model.xml` and `model.bin`, converted first if need be.

    Of several processes that come at once one converts and the others wait; a half-finished conversion is never seen.
    Raises RagloopError with the converter's last words if it fails.
    """
    folder = models_folder / model.fingerprint[:16]
    if folder.is_dir():
        return folder
    with exclusive_lock(models_folder / ".convert.lock", "convert the embedding model", _TIMEOUT_SECONDS):
        if not folder.is_dir():
            _convert(model, folder)
    return folder


def _convert(model: EmbeddingModel, folder: Path) -> None:
    _log.info("Preparing the embedding model %s for this machine; this happens once and takes about 15 s.", model.name)
    # Under the lock nobody else has an unfinished folder, so what is there was left by a killed process.
    for abandoned in folder.parent.glob(".converting-*"):
        shutil.rmtree(abandoned)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".converting-") as scratch:
        target = Path(scratch, "model")
        target.mkdir()
        command = [sys.executable, "-m", "retrieval.embedders.export", str(model.folder), model.pooling, str(target)]
        try:
            subprocess.run(
                command,
                cwd=_PROJECT,
                env=child_environment(HF_HUB_OFFLINE="1"),
                capture_output=True,
                text=True,
                check=True,
                timeout=_TIMEOUT_SECONDS,
            )
        except subprocess.CalledProcessError as error:
            raise _failed(model, error.stderr.strip().rpartition("\n")[2]) from error
        except subprocess.TimeoutExpired as error:
            raise _failed(model, f"it did not finish in {_TIMEOUT_SECONDS} s") from error
        sync_tree(target)
        target.rename(folder)
    sync(folder.parent)


def _failed(model: EmbeddingModel, reason: str) -> RagloopError:
    return RagloopError(
        f"The embedding model {model.name} could not be converted: {reason}.",
        hint="Set RAGLOOP_EMBEDDER_BACKEND=torch to run it without conversion.",
    )
