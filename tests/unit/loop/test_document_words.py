"""The scan of all stored texts by their words."""

from __future__ import annotations

from core.storage.database import Database
from core.storage.documents import DocumentRepository
from core.types import Document, TextFormat, digest, document_id
from loop.diagnosis.document_words import DocumentWords
from loop.diagnosis.wording import Wording

WORDING = Wording("english")


def save(documents: DocumentRepository, name: str, text: str) -> str:
    document = Document(name, name, text, TextFormat.PLAIN, "text/plain", digest(text))
    documents.save("docs", "fake", [document])
    return document_id(name)


def test_the_documents_with_most_of_the_words_come_first(database: Database) -> None:
    documents = DocumentRepository(database)
    tea = save(documents, "tea.txt", "Tea is served at four in the kitchen.")
    both = save(documents, "both.txt", "Tea and coffee are served at four.")
    save(documents, "dogs.txt", "Dogs sleep.")
    scan = DocumentWords(documents, WORDING)
    scan.refresh()
    assert scan.best(WORDING.words("tea and coffee at 4 o'clock"), 5) == [both, tea]


def test_changed_and_removed_documents_are_noticed(database: Database) -> None:
    documents = DocumentRepository(database)
    tea = save(documents, "tea.txt", "Tea is free.")
    dogs = save(documents, "dogs.txt", "Dogs sleep.")
    scan = DocumentWords(documents, WORDING)
    scan.refresh()
    save(documents, "tea.txt", "Coffee is free.")
    documents.remove([dogs])
    scan.refresh()
    assert scan.best(WORDING.words("coffee"), 5) == [tea]
    assert scan.best(WORDING.words("dogs sleep"), 5) == []
    assert scan.known_share(WORDING.words("coffee and dogs")) == 0.5


def test_nothing_stored_knows_no_word(database: Database) -> None:
    scan = DocumentWords(DocumentRepository(database), WORDING)
    scan.refresh()
    assert scan.known_share(WORDING.words("coffee")) == 0.0
    assert scan.best(WORDING.words("coffee"), 5) == []
