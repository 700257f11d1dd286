"""Identifiers made for measuring: present ones stand in the pages, absent ones do not, and a seed repeats them."""

from __future__ import annotations

from serving.grounding.named import plain
from tools.absent_identifiers.identifiers import questions_about
from tools.importers.research_set import SetDocument

PAGES = (
    SetDocument(
        "a.md", "Kits", "The kit ZRX-9078 and us-east4 came with 5.1.2 in 2023. See [it](https://x.org/AB-77)."
    ),
    SetDocument("b.md", "Settings", "`EMBED_MODEL` and `retry.limit` are read. RFC 713 says why. Since version 4.2."),
)
TEXT = "".join(plain(page.text) for page in PAGES)


def test_present_identifiers_stand_in_the_pages_and_absent_ones_nowhere() -> None:
    asked = questions_about(PAGES, 20, 7)
    assert {one.kind for one in asked if one.present} == {one.kind for one in asked if not one.present}
    for one in asked:
        assert one.identifier in one.text
        assert (plain(one.identifier) in TEXT) is one.present


def test_every_kind_is_found_and_what_stands_in_an_address_alone_is_none() -> None:
    found = {one.identifier for one in questions_about(PAGES, 20, 7) if one.present}
    assert found == {"ZRX-9078", "us-east4", "5.1.2", "version 4.2", "EMBED_MODEL", "retry.limit", "RFC 713", "2023"}


def test_as_many_are_asked_as_wanted_and_the_same_for_the_same_seed() -> None:
    asked = questions_about(PAGES, 3, 7)
    assert len(asked) == 6
    assert asked == questions_about(PAGES, 3, 7)
    assert asked != questions_about(PAGES, 3, 8)
