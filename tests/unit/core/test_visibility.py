"""Who may see what was made out of documents: one table."""

from __future__ import annotations

import pytest

from core.storage.api_keys import ApiKeyRepository
from core.storage.database import Database
from core.storage.documents import DocumentRepository
from core.storage.visibility import Provenance, Visibility
from core.types import PUBLIC, AccessScope, Document, TextFormat, digest, document_id

OPEN, BOARD, GONE = "docs/open.md", "docs/board.md", "docs/gone.md"

EVERYTHING, NOTHING = AccessScope.everything(), AccessScope.of()
PUBLIC_ONLY, BOARD_ONLY, BOTH = AccessScope.of(PUBLIC), AccessScope.of("board"), AccessScope.of(PUBLIC, "board")

# What it came from, what its asker may see, and who among the readers may see it.
TABLE = [
    ({OPEN}, EVERYTHING, {"public", "both", "everything"}),
    ({BOARD}, EVERYTHING, {"board", "both", "everything"}),
    ({OPEN, BOARD}, PUBLIC_ONLY, {"both", "everything"}),
    ({GONE}, PUBLIC_ONLY, {"everything"}),
    ({OPEN, GONE}, PUBLIC_ONLY, {"everything"}),
    (set(), PUBLIC_ONLY, {"public", "both", "everything"}),
    (set(), BOARD_ONLY, {"board", "both", "everything"}),
    (set(), BOTH, {"both", "everything"}),
    (set(), EVERYTHING, {"everything"}),
    (set(), NOTHING, {"nothing", "public", "board", "both", "everything"}),
]
READERS = {
    "nothing": NOTHING,
    "public": PUBLIC_ONLY,
    "board": BOARD_ONLY,
    "both": BOTH,
    "everything": EVERYTHING,
}


@pytest.fixture
def stocked(database: Database) -> Database:
    repository = DocumentRepository(database)
    for uri, label in ((OPEN, PUBLIC), (BOARD, "board")):
        document = Document(uri, "A title", "Words.", TextFormat.PLAIN, "text/plain", digest(uri), (), (label,))
        repository.save("docs", "fake", [document])
    return database


@pytest.mark.parametrize(("uris", "asker", "readers"), TABLE)
def test_all_documents_decide_and_where_there_are_none_the_asker_does(
    stocked: Database, uris: set[str], asker: AccessScope, readers: set[str]
) -> None:
    origin = Provenance(frozenset(map(document_id, uris)), asker)
    seen = {name for name, scope in READERS.items() if Visibility(stocked, scope).allows(origin)}
    assert seen == readers


@pytest.mark.parametrize("reader", READERS)
def test_many_are_told_as_each_by_itself(stocked: Database, reader: str) -> None:
    origins = [Provenance(frozenset(map(document_id, uris)), asker) for uris, asker, _ in TABLE]
    visibility = Visibility(stocked, READERS[reader])
    assert visibility.of(origins) == [visibility.allows(origin) for origin in origins]
    assert visibility.of([]) == []


def test_a_document_is_given_to_those_who_may_see_it(stocked: Database) -> None:
    found = Visibility(stocked, BOARD_ONLY).document(document_id(BOARD))
    assert found is not None
    assert found.uri == BOARD
    assert Visibility(stocked, PUBLIC_ONLY).document(document_id(BOARD)) is None
    assert Visibility(stocked, EVERYTHING).document(document_id(GONE)) is None


def test_what_is_made_of_more_documents_is_seen_by_those_who_may_see_all(stocked: Database) -> None:
    origin = Provenance(frozenset({document_id(OPEN)})).with_documents([document_id(BOARD)])
    assert not Visibility(stocked, PUBLIC_ONLY).allows(origin)
    assert Visibility(stocked, BOTH).allows(origin)


def test_what_keys_of_one_name_may_see_is_what_they_may_see_together(database: Database) -> None:
    keys = ApiKeyRepository(database)
    for access in ((PUBLIC,), ("board",)):
        keys.create("Anna", access, None)
    assert keys.scope_of("Anna") == BOTH
    assert keys.scope_of("nobody") == EVERYTHING
