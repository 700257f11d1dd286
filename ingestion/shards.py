"""Shards on their way: read and split in the background while the shard before is embedded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from core.errors import ConflictError
from core.ports import Embedder
from core.progress import Progress
from core.storage.documents import EmbeddingMemo
from ingestion.converters.worker import Converted, Rejected, SameBytes
from ingestion.embedding import embed
from ingestion.plan import PlannedItem
from ingestion.source_reader import FileOutcome, Pending
from ingestion.staging import ReadDocument, RejectedDocument, ShardResult, Staging

# Shards that are read ahead of the one that is embedded. Their texts are in memory.
_AHEAD = 2

_KEPT = "The version that was read before stays searchable."


class _Count:
    """Documents and chunks that are done, told as they come."""

    def __init__(self, progress: Progress, of: int) -> None:
        self._progress = progress
        self._of = of
        self._documents = self._chunks = 0
        self._tell()

    def documents(self, finished: int) -> None:
        self._documents += finished
        self._tell()

    def chunks(self, finished: int) -> None:
        self._chunks += finished
        self._tell()

    def _tell(self) -> None:
        self._progress.at(self._documents, self._of, f"documents, {self._chunks} chunks")


@dataclass(frozen=True)
class ShardProcessor:
    """Does the work of shards and stages the results."""

    read: Callable[[PlannedItem], Pending]
    """Begins to read a document."""
    open_embedder: Callable[[], Embedder]
    """Called when the first shards are being read: the model loads meanwhile."""
    memo: EmbeddingMemo
    staging: Staging
    max_chunks: int

    def process(self, shards: Iterable[int], progress: Progress) -> None:
        """Every shard in `shards` that is not done yet. Raises ConflictError where they make too many chunks."""
        made = 0
        waiting = deque(number for number in shards if not self.staging.is_done(number))
        count = _Count(progress, sum(len(self.staging.todo(number)) for number in waiting))
        reading: deque[tuple[int, list[Pending]]] = deque()
        # Writing a result down takes the disk, not the processor: the next shard is embedded meanwhile.
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="staging") as writer:
            written = writer.submit(lambda: None)
            while waiting or reading:
                while waiting and len(reading) <= _AHEAD:
                    number = waiting.popleft()
                    reading.append((number, [self.read(one) for one in self.staging.todo(number)]))
                number, pending = reading.popleft()
                read = FileOutcome([])
                for each in pending:
                    read.add(each())
                made += sum(len(one.chunks) for _, one in read.outcomes if isinstance(one, Converted))
                self._refuse_more(made)
                result = self._result(read, count)
                written.result()
                written = writer.submit(self.staging.write_done, number, result)
                count.documents(len(pending))
            written.result()

    def _refuse_more(self, chunks: int) -> None:
        if chunks > self.max_chunks:
            raise ConflictError(
                f"The documents make more than {self.max_chunks:,} chunks; nothing was changed.",
                hint="Ingest a part of the folder at a time, or raise RAGLOOP_MAX_RUN_CHUNKS.",
            )

    def _result(self, reading: FileOutcome, count: _Count) -> ShardResult:
        outcomes = reading.outcomes
        converted = [(planned, one) for planned, one in outcomes if isinstance(one, Converted)]
        # All of a shard's texts in one call: sorted by length together, they are padded least.
        texts = [chunk.indexed_text for _, one in converted for chunk in one.chunks]
        vectors, embedded = embed(self.open_embedder(), self.memo, texts, count.chunks)
        read, begin = [], 0
        for planned, one in converted:
            end = begin + len(one.chunks)
            read.append(ReadDocument(planned, one.document, one.chunks, vectors[begin:end]))
            begin = end
        return ShardResult(
            tuple(read),
            tuple(planned for planned, one in outcomes if isinstance(one, SameBytes)),
            tuple(_rejected(planned, one) for planned, one in outcomes if isinstance(one, Rejected)),
            tuple(reading.kept),
            tuple(reading.gone),
            embedded,
        )


def _rejected(planned: PlannedItem, one: Rejected) -> RejectedDocument:
    return RejectedDocument(planned, one.kind, f"{one.reason} {_KEPT}" if planned.has_good_version else one.reason)
