"""What there is: GET /v1/models, GET and DELETE /v1/documents."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.api.chat_request import MODEL
from app.auth import ChatDep, IngestDep, ServicesDep
from app.errors import ModelNotFoundError
from app.fields import Text
from app.library import DocumentLibrary
from core.storage.documents import DocumentSummary
from core.storage.releases import ReleaseRepository
from evals.cases.cases import LONGEST_URI
from serving.factory import Services

router = APIRouter(prefix="/v1")


@router.get("/models")
def list_models(_caller: ChatDep, services: ServicesDep) -> dict[str, Any]:
    """The one model there is: whatever release is champion."""
    return {"object": "list", "data": [_model(services)]}


@router.get("/models/{model}")
def retrieve_model(model: str, _caller: ChatDep, services: ServicesDep) -> dict[str, Any]:
    """The model by its name."""
    if model != MODEL:
        raise ModelNotFoundError(f"There is no model {model[:80]!r}.", hint=f"The only one is {MODEL!r}.")
    return _model(services)


@router.get("/documents")
def list_documents(
    caller: ChatDep,
    services: ServicesDep,
    after: Annotated[Text, Query(max_length=4000)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """The documents that the caller may see, in order of URI. `next` is the `after` of the following page."""
    listing = DocumentLibrary(services.database).listing(caller.scope, after, limit)
    return {"documents": [_summary(document) for document in listing.documents], "next": listing.next}


@router.delete("/documents")
def erase_document(
    caller: IngestDep,
    services: ServicesDep,
    uri: Annotated[Text, Query(min_length=1, max_length=LONGEST_URI)],
    keep_out: bool = False,
) -> dict[str, Any]:
    """Erase a document from everything, and say how much there was of it where. Works on documents that the caller may
    not see: whoever brings documents in takes them out."""
    from loop.erasure.eraser import Eraser  # what it needs of evaluation is slow to import

    eraser = Eraser(services.settings, services.database, services.index)
    erased = eraser.document(uri, caller.actor, keep_out=keep_out)
    return {"uri": uri, "receipt": dict(erased.receipt), "adapters": list(erased.adapters)}


@router.get("/documents/{document_id}")
def get_document(document_id: str, caller: ChatDep, services: ServicesDep) -> dict[str, Any]:
    """One document with its text. Every `start` and `end` of a citation or passage counts characters of it."""
    document = DocumentLibrary(services.database).open(document_id, caller.scope)
    return {
        "id": document.id,
        "uri": document.uri,
        "title": document.title,
        "media_type": document.media_type,
        "format": document.format.value,
        "content_sha256": document.content_sha256,
        "page_starts": list(document.page_starts),
        "text": document.text,
    }


def _model(services: Services) -> dict[str, Any]:
    champion = ReleaseRepository(services.database).champion()
    created = int(champion.created_at.timestamp()) if champion else 0
    return {"id": MODEL, "object": "model", "created": created, "owned_by": "ragloop"}


def _summary(document: DocumentSummary) -> dict[str, Any]:
    return {
        "id": document.id,
        "uri": document.uri,
        "source": document.source,
        "title": document.title,
        "media_type": document.media_type,
        "characters": document.characters,
        "converted_at": document.converted_at.isoformat(),
    }
