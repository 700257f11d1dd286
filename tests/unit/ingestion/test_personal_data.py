"""What a source's policy makes of personal data in a document."""

from __future__ import annotations

from dataclasses import replace

from core.text.personal_data import PersonalDataPolicy
from core.types import Document, TextFormat
from ingestion.personal_data import under_policy

FIRST = "Write to jane.doe@example.com or call +49 30 901820.\n\n"
LETTER = Document(
    "docs/a.md", "From jane.doe@example.com", f"{FIRST}Page two. Or ann@example.org.", TextFormat.PLAIN, "text/plain", "0" * 64,
    page_starts=(0, len(FIRST)),
)  # fmt: skip


def test_nothing_is_looked_for_where_it_is_kept() -> None:
    assert under_policy(LETTER, PersonalDataPolicy.KEEP) == LETTER


def test_what_is_reported_is_counted_and_left_as_it_is() -> None:
    expected = replace(LETTER, personal_data=(("email", 3), ("phone", 1)))
    assert under_policy(LETTER, PersonalDataPolicy.REPORT) == expected


def test_what_is_masked_is_gone_from_title_and_text_and_pages_begin_where_they_did() -> None:
    masked = under_policy(LETTER, PersonalDataPolicy.MASK)
    assert masked.title == "From [email]"
    assert masked.text == "Write to [email] or call [phone].\n\nPage two. Or [email]."
    assert masked.text[masked.page_starts[1] :] == "Page two. Or [email]."
    assert masked.personal_data == (("email", 3), ("phone", 1))


def test_a_document_without_personal_data_is_the_same_under_every_policy() -> None:
    plain = replace(LETTER, title="A letter", text="Nobody is named.", page_starts=())
    assert all(under_policy(plain, policy) == plain for policy in PersonalDataPolicy)


def test_what_is_said_to_be_missing_is_masked_too() -> None:
    partial = replace(LETTER, missing="The attachment of jane.doe@example.com was not read.")
    assert under_policy(partial, PersonalDataPolicy.MASK).missing == "The attachment of [email] was not read."
