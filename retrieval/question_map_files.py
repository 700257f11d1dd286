"""The folder of question maps, each a file under its own SHA-256. Releases name them by it.

maps = QuestionMapFiles(settings.home / "question-maps")
name = maps.add(taught, embedder)
maps.get(name, embedder)        # ConflictError if it is gone, is not what it was, or is another embedder's
"""

from __future__ import annotations

import hashlib
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np

from core.errors import ConflictError
from core.ports import Embedder
from retrieval.durable import replace_file
from retrieval.question_map import MOST_KNOWN, QuestionMap

FOLDER = "question-maps"
_HINT = (
    "Put the file back from a backup, go back to the release before with `ragloop release rollback`, or make a "
    "release without it: ragloop release create --set retrieval.question_map="
)


class QuestionMapFiles:
    """Question maps by digest. A file is written whole or not at all, and never changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, question_map: QuestionMap, embedder: Embedder) -> str:
        """Keep the map, which is of this embedder's vectors; returns its name."""
        buffer = BytesIO()
        np.savez(
            buffer,
            embedder=np.array(embedder.fingerprint),
            centre=question_map.centre,
            known=question_map.known,
            moves=question_map.moves,
        )
        content = buffer.getvalue()
        name = hashlib.sha256(content).hexdigest()
        self.folder.mkdir(parents=True, exist_ok=True)
        replace_file(self._path(name), content)
        return name

    def get(self, name: str, embedder: Embedder) -> QuestionMap:
        """The map of this name. Raises ConflictError where it cannot be used with the embedder."""
        try:
            content = self._path(name).read_bytes()
        except OSError as error:
            raise ConflictError(f"There is no question map {name[:16]} in {self.folder}.", hint=_HINT) from error
        if hashlib.sha256(content).hexdigest() != name:
            raise ConflictError(f"The question map {name[:16]} is not what it was: its file has changed.", hint=_HINT)
        try:
            with np.load(BytesIO(content), allow_pickle=False) as stored:
                maker = str(stored["embedder"])
                found = QuestionMap(stored["centre"], stored["known"], stored["moves"])
        except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
            raise ConflictError(f"The file {name[:16]} holds no question map.", hint=_HINT) from error
        if maker != embedder.fingerprint:
            raise ConflictError(
                f"The question map {name[:16]} was made for another embedder ({maker[:8]}) than {embedder.name} "
                f"({embedder.fingerprint[:8]}).",
                hint=_HINT,
            )
        if not _sound(found, embedder.dimensions):
            raise ConflictError(f"The file {name[:16]} holds no question map.", hint=_HINT)
        return found

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.npz"


def _sound(found: QuestionMap, dimensions: int) -> bool:
    """Whether the numbers are such that a question can be moved by them."""
    arrays = (found.centre, found.known, found.moves)
    rows = len(found.known) if found.known.ndim else 0
    return (
        all(each.dtype == np.float32 and bool(np.isfinite(each).all()) for each in arrays)
        and 0 < rows <= MOST_KNOWN
        and [each.shape for each in arrays] == [(dimensions,), (rows, dimensions), (rows, dimensions)]
    )
