"""Every table is erased by somebody, or says why it need not be."""

from __future__ import annotations

from core.storage.tables import metadata
from loop.erasure.eraser import REPOSITORIES

# Tables that no eraser walks, and why.
DELETED_WITH_THE_DOCUMENT = {"documents", "manifest", "embedding_memo"}  # ingestion.deletion
NO_WORDS = {
    "sources": "folders and their names",
    "releases": "manifests",
    "pointers": "which release answers",
    "release_events": "what was decided on releases, by whom and why: the audit trail stays",
    "embedders": "where models lie",
    "prompt_ledger": "the operator's prompts",
    "api_keys": "a person's name stays until the key is revoked: `ragloop keys revoke`",
    "sessions": "hashes of tokens",
    "dataset_versions": "hashes of cases",
    "evaluation_rows": "hashes of cases",
    "erasures": "hashes of what was erased",
    "monitor_checks": "figures",
}


def test_every_table_with_words_of_people_or_documents_has_an_eraser() -> None:
    erased = [table.name for repository in REPOSITORIES for table in repository.erases]
    assert len(erased) == len(set(erased)), "two repositories erase one table"
    assert not set(erased) & {*NO_WORDS, *DELETED_WITH_THE_DOCUMENT}
    left = set(metadata.tables) - {*erased, *NO_WORDS, *DELETED_WITH_THE_DOCUMENT}
    assert not left, "give their repository `erases` and `erase`, or say here why nothing of a person is in them"
    assert not {*NO_WORDS, *DELETED_WITH_THE_DOCUMENT} - set(metadata.tables), "these tables are gone"
