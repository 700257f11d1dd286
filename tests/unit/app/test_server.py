"""What a server process does once its services are open."""

from __future__ import annotations

import gc
import weakref

from app.server import _keep_collections_short


class Later:
    """An object that only the garbage collector can end."""

    def __init__(self) -> None:
        self.itself = self


def test_what_is_loaded_once_is_not_looked_through_again_while_answers_are_streamed() -> None:
    before = gc.get_threshold()
    try:
        _keep_collections_short()
        assert gc.get_freeze_count() > 10_000
        assert gc.get_threshold()[2] > before[2]
        later = Later()
        seen = weakref.ref(later.itself)
        del later
        gc.collect(0)
        assert seen() is None  # what comes later is collected as ever
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
