"""Which Answerer answers now: the champion's, followed as the pointer moves.

champion = Champion(services)
champion.follow()      # a server looks four times a second, and opens a new champion beside its requests
champion.answerer()    # without follow(), whoever asks looks
champion.close()

A champion that this process cannot open is an error, at its requests and at /readyz, not a reason to go on with the
one before: that one was replaced, perhaps because it did harm, and a rollback that a process ignores is none. It is
tried again at every look. What it replaced is kept open, so that it answers again as soon as the pointer is back.

A server that follows also reads the champion's passages ahead: embedding their sentences is most of what a question
about passages costs that nobody asked about before.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from itertools import islice

from core.errors import ConflictError, RagloopError, ReleaseUnavailableError, UnavailableError
from core.release import Release
from core.storage.documents import RunRepository
from core.storage.releases import ReleaseRepository
from serving.answerer import Answerer
from serving.factory import Services
from serving.grounding.evidence import CHUNKS_KEPT
from serving.prompts.ledger import ReleasePrompts
from serving.releases.first import champion_or_first
from serving.releases.verification import open_release

logger = logging.getLogger(__name__)

# How often a server looks at the pointer: a look costs a millisecond, and what is left of two seconds is for opening.
POINTER_CHECK_SECONDS = 0.25
# A request looks by itself when nobody has for so long: there is no follower, or the machine is busy.
_OVERDUE_SECONDS = 1.5
# How long a new champion waits for its model to be loaded before it answers; loading goes on after that.
MODEL_SECONDS = 1.0
# Reading ahead rests for so many times as long as it took to read a passage: questions come first.
_REST = 3.0


def current_champion(services: Services) -> Release:
    """The release that answers now, made of the defaults if there is none yet. Raises UnavailableError with a hint
    while nothing has been ingested."""
    releases = ReleaseRepository(services.database)
    champion = releases.champion()
    if champion is not None:
        return champion
    specs = {name: services.index.spec(name) for name in services.index.collections()}
    runs = RunRepository(services.database)
    return champion_or_first(services.settings, releases, runs, specs, services.language_weights)


class Champion:
    """The Answerer of whichever release is champion now. Thread-safe."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._looking = threading.Lock()
        self._serving: Answerer | None = None
        self._before: Answerer | None = None
        self._error: RagloopError | None = None
        self._looked = float("-inf")
        self._ended = threading.Event()
        self._follower: threading.Thread | None = None
        self._reading_ahead: threading.Thread | None = None

    def answerer(self) -> Answerer:
        """Raises UnavailableError with a hint while nothing has been ingested, and ReleaseUnavailableError when the
        champion cannot be opened here."""
        serving = self._serving
        if serving is None or time.monotonic() - self._looked > _OVERDUE_SECONDS:
            # Whoever is first looks. The others need not wait, unless there is nothing yet that could answer them.
            self._look(wait=serving is None)
        serving, error = self._serving, self._error
        if error is not None:
            raise error.with_traceback(None)  # raised by many requests: it must not gather their tracebacks
        if serving is None:  # pragma: no cover - looking leaves one or the other
            raise AssertionError("neither a champion nor what stands in its way")
        return serving

    def follow(self) -> None:
        """Look at the pointer again and again from now on, in a thread of its own, until `close`."""
        self._follower = threading.Thread(target=self._follow, name="champion", daemon=True)
        self._follower.start()

    def close(self) -> None:
        """Stop looking."""
        self._ended.set()
        for thread in (self._follower, self._reading_ahead):
            if thread is not None:
                thread.join()

    def _follow(self) -> None:
        read: Answerer | None = None
        self._look(wait=True)
        while not self._ended.wait(POINTER_CHECK_SECONDS):
            if self._serving is not None and self._serving is not read:
                read = self._serving
                self._begin_reading_ahead(read)
            self._look(wait=True)

    def _begin_reading_ahead(self, answerer: Answerer) -> None:
        if self._reading_ahead is not None:
            self._reading_ahead.join()  # it ends with the passage that it reads
        self._reading_ahead = threading.Thread(
            target=self._read_ahead, args=(answerer,), name="reading ahead", daemon=True
        )
        self._reading_ahead.start()

    def _read_ahead(self, answerer: Answerer) -> None:
        """Have the answerer's passages read, as many as are kept, until another one answers."""
        collection = answerer.release.manifest.collection.name
        try:
            stored = islice(self._services.index.scroll(collection), CHUNKS_KEPT)
            for chunk in [each.chunk for each, _ in stored]:
                started = time.monotonic()
                answerer.scorer.read(chunk)
                if self._ended.wait((time.monotonic() - started) * _REST) or self._serving is not answerer:
                    return
        except RagloopError as error:  # whoever asks is told; it is read when it is asked about
            logger.info("reading ahead ended early: %s", error.message)

    def _look(self, *, wait: bool) -> None:
        asked = time.monotonic()
        if not self._looking.acquire(blocking=wait):
            return
        try:
            if self._looked < asked:  # nobody looked while this thread waited
                self._error = self._turn_to_champion()
                self._looked = time.monotonic()
        finally:
            self._looking.release()

    def _turn_to_champion(self) -> RagloopError | None:
        """Serve the champion of now; returns what stands in the way."""
        try:
            release = current_champion(self._services)
            if self._serving is None or self._serving.release.id != release.id:
                self._serving, self._before = self._opened(release), self._serving
                logger.info("release %s answers", release.id[:12])
        except RagloopError as error:
            if self._error is None or self._error.message != error.message:
                level = logging.INFO if self._serving is None else logging.ERROR
                logger.log(level, "no release answers: %s %s", error.message, error.hint)
            return error
        return None

    def _opened(self, release: Release) -> Answerer:
        """The release's Answerer, with everything loaded that it needs, so that no request waits for it."""
        kept = self._before
        try:
            if kept is not None and kept.release.id == release.id:
                kept.retriever.verify()  # its collection may have been dropped meanwhile
                return kept
            answerer = open_release(self._services, release)
            self._keep_prompts(release)
            self._warm_up(release)
        except UnavailableError:
            raise
        except RagloopError as error:
            raise ReleaseUnavailableError(
                f"Release {release.id[:12]} is live and cannot be opened here: {error.message}", hint=error.hint
            ) from error
        return answerer

    def _keep_prompts(self, release: Release) -> None:
        """Its prompts go on record, if a version of RAGLoop without a ledger made it, and people are told what is wrong
        with their files. It answers all the same."""
        prompts = ReleasePrompts(self._services.settings, self._services.database)
        try:
            prompts.keep(release.manifest.prompts)
        except ConflictError as error:
            logger.warning("%s %s", error.message, error.hint)
        for complaint in prompts.complaints(release.manifest.prompts):
            logger.warning("%s", complaint)

    def _warm_up(self, release: Release) -> None:
        """Load the embedder, unless it is the one that answers: then embedding would only queue behind the requests.
        Have the model server load the release's adapter."""
        self._ready_model(release)
        collection = release.manifest.collection
        before = self._serving.release.manifest.collection if self._serving else None
        if before is None or before.embedder_fingerprint != collection.embedder_fingerprint:
            self._services.embedder_for(collection).embed(["ready"])

    def _ready_model(self, release: Release) -> None:
        """Make the release's model ready, within what a flip may take. A model server that is down does not keep a
        release from answering: it answers out of the documents then, and looks for the model with each question."""
        servers = self._services.model_servers
        if release.manifest.generator.kind != "llm" or servers is None:
            return
        try:
            asyncio.run(asyncio.wait_for(servers.ensure(release.manifest.generator), MODEL_SECONDS))
        except (RagloopError, TimeoutError) as error:
            reason = error.message if isinstance(error, RagloopError) else "the model server takes long to load it"
            logger.warning("the model of release %s is not ready: %s", release.id[:12], reason)
