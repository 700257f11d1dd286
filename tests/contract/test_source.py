"""What every Source promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import ConversionError, UnavailableError
from core.ports import Source
from core.types import SourceItem
from ingestion.sources.folder import FolderSource
from tests.fakes import FakeSource

TEXTS = {"a.md": "The first text.", "b.md": "The second text."}


class World:
    """A source over TEXTS that can be changed and broken."""

    def __init__(self, source: Source, write: Callable[[str, str], None], vanish: Callable[[], None]) -> None:
        self.source = source
        self.write = write
        self.vanish = vanish


def _folder(tmp_path: Path) -> World:
    root = tmp_path / "root"
    root.mkdir()

    def write(name: str, text: str) -> None:
        (root / name).write_text(text)

    return World(FolderSource("docs", root, [".md"], ("hr",)), write, lambda: root.rename(tmp_path / "gone"))


def _fake(tmp_path: Path) -> World:
    source = FakeSource("docs", tmp_path / "kept", access=("hr",))

    def vanish() -> None:
        source.down = True

    return World(source, source.texts.__setitem__, vanish)


@pytest.fixture(params=[_fake, _folder])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    world: World = request.param(tmp_path)
    for name, text in TEXTS.items():
        world.write(name, text)
    return world


def test_every_document_is_listed_in_a_stable_order(world: World) -> None:
    first, second = list(world.source.list()), list(world.source.list())

    assert first == second
    assert [item.uri for item in first] == ["docs/a.md", "docs/b.md"]
    assert {item.source for item in first} == {"docs"} == {world.source.name}
    assert {item.access for item in first} == {("hr",)}


def test_the_etag_changes_with_the_content_only(world: World) -> None:
    before = {item.uri: item.etag for item in world.source.list()}
    world.write("a.md", "Another first text.")
    after = {item.uri: item.etag for item in world.source.list()}

    assert after["docs/a.md"] != before["docs/a.md"]
    assert after["docs/b.md"] == before["docs/b.md"]


def test_a_listed_document_can_be_fetched(world: World) -> None:
    for item, text in zip(world.source.list(), TEXTS.values(), strict=True):
        file = world.source.fetch(item)
        assert file.path.read_text() == text
        assert file.name.endswith(".md")


def test_an_outage_is_an_error_and_no_empty_list(world: World) -> None:
    world.vanish()

    with pytest.raises(UnavailableError):
        list(world.source.list())


def test_a_document_that_is_gone_is_one_failure(world: World) -> None:
    with pytest.raises(ConversionError):
        world.source.fetch(SourceItem("docs/../../etc/passwd", "docs", "1", 1))


def test_the_source_says_where_it_reads_from_and_who_may_see_its_documents(world: World) -> None:
    assert world.source.root
    assert world.source.access == ("hr",)


def test_a_source_of_which_everything_can_be_read_passes_nothing_over(world: World) -> None:
    list(world.source.list())

    assert world.source.skipped == {}
