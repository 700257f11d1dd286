"""Rooms, files and functions stay small enough to be read."""

from __future__ import annotations

from collections import Counter

from tests.support.source_tree import ROOT, classes, functions, modules, packages

MOST_FILES = 15
LONGEST_FUNCTION, LONG_FUNCTION = 80, 40
LONGEST_FILE, LONG_FILE = 450, 300
MOST_SHARED_NAMES = 3

# One file a page or an answer sheet, alike to each other and read one at a time.
_COLLECTIONS = ("docs/how-to", "tools/walk_through/pages", "core/storage/migrations/versions")

FILES = modules(*packages())


def p95(numbers: list[int]) -> int:
    return sorted(numbers)[int(len(numbers) * 0.95)]


def test_no_room_has_more_files_than_a_newcomer_takes_in() -> None:
    folders = [*packages(), "docs", "deploy"]
    files = (path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file())
    rooms = Counter(str(path.parent) for path in files if "__pycache__" not in path.parts)
    assert {room: count for room, count in rooms.items() if count > MOST_FILES and room not in _COLLECTIONS} == {}


def test_no_function_is_longer_than_a_screen_and_few_are_long() -> None:
    lengths = [(lines, f"{path.relative_to(ROOT)}: {name}") for path in FILES for name, lines in functions(path)]
    assert [each for each in lengths if each[0] > LONGEST_FUNCTION] == []
    assert p95([lines for lines, _ in lengths]) <= LONG_FUNCTION


def test_no_file_is_too_long_to_be_read_at_once_and_few_are_long() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in FILES}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}
    assert p95(list(lengths.values())) <= LONG_FILE


def test_a_class_name_means_one_thing_across_the_house() -> None:
    places: dict[str, list[str]] = {}
    for path in FILES:
        for name in classes(path):
            places.setdefault(name, []).append(str(path.relative_to(ROOT)))
    shared = {name: found for name, found in places.items() if len(found) > 1}
    assert len(shared) <= MOST_SHARED_NAMES, shared
