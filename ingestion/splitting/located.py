"""Chunks from the pieces that another library cut a text into. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from core.errors import RagloopError
from core.text.languages import language_of
from core.types import Chunk, Document
from ingestion.splitting.blocks import page_of


def located_chunks(document: Document, pieces: Iterable[str], splitter: str) -> list[Chunk]:
    """The pieces, which come in order and may overlap, as chunks. Blank ones are left out.

    Raises RagloopError for a piece that is not a stretch of the document: a splitter that rewrites text has no spans.
    """
    chunks: list[Chunk] = []
    language = language_of(document.text)
    for piece in (text.strip() for text in pieces):
        if not piece:
            continue
        if piece not in document.text:
            raise RagloopError(
                f"The splitter {splitter} changed the text of {document.uri}: its chunks cannot be cited.",
                hint="Use one that keeps the text as it is, with its white space.",
            )
        start = _locate(document.text, piece, chunks[-1] if chunks else None)
        if start is not None:
            chunks.append(_chunk(document, len(chunks), start, start + len(piece), language))
    return chunks


def _locate(text: str, piece: str, before: Chunk | None) -> int | None:
    """Where the piece stands, behind the one before; None if what is left of the text does not have it.

    The libraries' own offsets are those of the first occurrence, so text that repeats itself has wrong ones. Of several
    places the last one that leaves no gap is taken: then all of the text is covered.
    """
    if before is None:
        return text.find(piece)
    gap_end = before.end + len(text[before.end :]) - len(text[before.end :].lstrip())
    start = text.rfind(piece, before.start + 1, gap_end + len(piece))
    if start < 0:
        start = text.find(piece, before.start + 1)
    return start if start >= 0 else None


def _chunk(document: Document, ordinal: int, start: int, end: int, language: str) -> Chunk:
    return Chunk(
        document_id=document.id,
        ordinal=ordinal,
        uri=document.uri,
        title=document.title,
        heading_path=(),
        page=page_of(document.page_starts, start),
        start=start,
        end=end,
        text=document.text[start:end],
        language=language,
    )
