"""The folder source: what it lists, what it passes over, and hostile names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.errors import ConversionError, UnavailableError
from ingestion.sources.folder import FolderSource
from tests.support.needs import Need, requires


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "docs"
    root.mkdir()
    return root


def source(root: Path) -> FolderSource:
    return FolderSource("docs", root, [".md", ".txt"])


def uris(root: Path) -> list[str]:
    return [item.uri for item in source(root).list()]


def test_files_are_listed_with_their_path_and_hidden_ones_are_not(root: Path) -> None:
    for name in ("b.md", "a/c.TXT", ".hidden.md", ".git/x.md", "a/.cache/y.md"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")

    assert uris(root) == ["docs/a/c.TXT", "docs/b.md"]


def test_unsupported_files_are_counted_by_suffix(root: Path) -> None:
    for name in ("a.png", "b.PNG", "c.zip", "Makefile", "d.md"):
        (root / name).write_text("x")
    folder = source(root)

    assert len(list(folder.list())) == 1
    assert len(list(folder.list())) == 1  # listing again does not count again
    assert folder.skipped == {".png": 2, ".zip": 1, "(none)": 1}


def test_what_is_left_alone_is_named_with_the_reason(root: Path, tmp_path: Path) -> None:
    (root / "sub").mkdir()
    (root / "sub" / "map.png").write_text("x")
    (root / ".git").mkdir()
    (root / ".git" / "x.md").write_text("x")
    (root / ".hidden.md").write_text("x")
    (root / "gone.md").symlink_to(root / "nothing.md")
    (tmp_path / "secret.md").write_text("x")
    (root / "out.md").symlink_to(tmp_path / "secret.md")
    (root / "elsewhere").symlink_to(tmp_path)
    os.mkfifo(root / "pipe.md")
    folder = source(root)

    assert list(folder.list()) == list(folder.list()) == []
    assert [(one.uri, one.reason) for one in folder.left_alone] == [
        ("docs/.git", "It is hidden, and so is all that is in it."),
        ("docs/.hidden.md", "It is hidden."),
        ("docs/elsewhere", "It is a link to a folder."),
        ("docs/gone.md", "It is a link to nothing."),
        ("docs/out.md", "It is a link to what is no file of this folder."),
        ("docs/pipe.md", "It is no regular file."),
        ("docs/sub/map.png", "Files named .png are in no format that is read."),
    ]
    assert sum(folder.skipped.values()) == 7


def test_of_very_many_files_left_alone_the_first_are_named_and_all_are_counted(root: Path) -> None:
    for number in range(1_010):
        (root / f"{number}.png").touch()
    folder = source(root)

    assert list(folder.list()) == []
    assert len(folder.left_alone) == 1_000
    assert folder.skipped == {".png": 1_010}


def test_links_out_of_the_folder_are_not_followed(root: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text("secret")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.md").write_text("x")
    (root / "a.md").write_text("x")
    (root / "inside.md").symlink_to(root / "a.md")
    (root / "out.md").symlink_to(secret)
    (root / "dangling.md").symlink_to(root / "nothing.md")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "loop").symlink_to(root)

    assert uris(root) == ["docs/a.md", "docs/inside.md"]


def test_a_file_swapped_for_a_link_after_listing_is_not_read(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("secret")
    (root / "a.md").write_text("x")
    folder = source(root)
    (item,) = folder.list()
    (root / "a.md").unlink()
    (root / "a.md").symlink_to(tmp_path / "secret.md")

    with pytest.raises(ConversionError, match="out of the folder"):
        folder.fetch(item)


@pytest.mark.timeout(10)
def test_pipes_and_sockets_are_not_opened(root: Path) -> None:
    os.mkfifo(root / "pipe.md")
    (root / "a.md").write_text("x")

    assert uris(root) == ["docs/a.md"]


@pytest.mark.parametrize(
    "name",
    [
        b"line\nbreak.md",
        b"tab\t.md",
        b"\xff\xfe.md",
        "ümläut.md".encode(),
        b"per%0Acent.md",
        b"100%.md",
        b"a\x7f.md",
        ("\u202e" + "txt.md").encode(),
        b"-rf.md",
        b"quote'\".md",
        ("x" * 250 + ".md").encode(),
    ],
)
def test_any_file_name_gets_a_printable_uri_and_can_be_fetched(root: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_text("content")
    folder = source(root)
    (item,) = folder.list()

    assert item.uri.isprintable()
    item.uri.encode()
    assert folder.fetch(item).path.read_text() == "content"


def test_a_name_that_looks_escaped_is_not_mixed_up_with_one_that_is(root: Path) -> None:
    (root / "a\nb%.md").write_text("newline")
    (root / "c%0Ad.md").write_text("percent")
    folder = source(root)

    contents = {item.uri: folder.fetch(item).path.read_text() for item in folder.list()}

    assert contents == {"docs/a%0Ab%25.md": "newline", "docs/c%0Ad.md": "percent"}


def test_a_path_too_long_for_the_system_does_not_stop_the_listing(root: Path) -> None:
    (root / "a.md").write_text("x")
    here = Path.cwd()
    os.chdir(root)
    try:
        for _ in range(30):
            os.mkdir("d" * 200)  # noqa: PTH102 - its absolute path is too long
            os.chdir("d" * 200)
    finally:
        os.chdir(here)

    assert uris(root) == ["docs/a.md"]


def test_a_folder_that_is_not_there_is_an_outage(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="not there"):
        list(source(tmp_path / "nothing").list())


@requires(Need.NOT_ROOT)
def test_a_subfolder_that_may_not_be_listed_is_an_outage(root: Path) -> None:
    (root / "closed").mkdir(mode=0)

    with pytest.raises(UnavailableError, match="cannot be listed"):
        list(source(root).list())


def test_a_listing_error_is_never_an_empty_folder(root: Path) -> None:
    folder = source(root)

    with pytest.raises(UnavailableError, match="cannot be listed"):
        folder._unlistable(PermissionError(13, "Permission denied", str(root / "closed")))


def test_the_root_of_a_relative_path_is_absolute(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root.parent)

    assert FolderSource("docs", Path("docs"), [".md"]).root == str(root)
