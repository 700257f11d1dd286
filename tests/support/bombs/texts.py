"""Texts, markup, tables and data: long lines, deep nesting, and marks that are never closed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping

_WORDS = [
    "the",
    "meeting",
    "room",
    "on",
    "the",
    "second",
    "floor",
    "is",
    "closed",
    "for",
    "repairs",
    "until",
    "the",
    "end",
    "of",
    "the",
    "month",
]


def _prose(size: int) -> bytes:
    chance = random.Random(13)
    block = "\n\n".join(" ".join(chance.choices(_WORDS, k=80)) + "." for _ in range(2_000)).encode() + b"\n\n"
    return (block * (size // len(block) + 1))[:size]


def _laughs(form: str) -> str:
    return "\n".join(form.format(n=n + 1, ten=", ".join([f"*a{n}"] * 10)) for n in range(10))


def _nested_lists(depth: int) -> bytes:
    return "\n".join("  " * level + "- item" for level in range(depth)).encode()


def _html(body: str) -> bytes:
    return f"<!doctype html><html><body>{body}</body></html>".encode()


def _table(columns: int, rows: int) -> bytes:
    row = "|" + "a|" * columns + "\n"
    return (row + "|" + "-|" * columns + "\n" + row * rows).encode()


def _notebook(cell: Mapping[str, object], count: int = 1) -> bytes:
    return json.dumps({"cells": [cell] * count, "metadata": {}, "nbformat": 4}).encode()


_CODE = {"cell_type": "code", "source": "print()", "outputs": []}
_GREEK = "Ο πρόεδρος της επιτροπής ανακοίνωσε το πρόγραμμα. ".encode("iso8859-7")
_LATIN = "Der Prüfer größer schön naïve café. ".encode("cp1252")

FILES: Mapping[str, Callable[[], bytes]] = {
    "prose_60_mb.txt": lambda: _prose(60_000_000),
    "one_line_50_mb.txt": lambda: b"word " * 10_000_000,
    "one_word_50_mb.txt": lambda: b"a" * 50_000_000,
    "line_ends_50_mb.txt": lambda: b"\n" * 50_000_000 + b"word",
    "spaces_50_mb.txt": lambda: b"a" + b" " * 50_000_000 + b"b",
    "greek_20_mb.txt": lambda: _GREEK * 400_000,
    "latin_one_line_20_mb.txt": lambda: _LATIN * 550_000,
    "random_20_mb.txt": lambda: random.Random(1).randbytes(20_000_000),
    "high_bytes_20_mb.txt": lambda: bytes(range(128, 256)) * 160_000,
    "escapes_20_mb.txt": lambda: b"\x1b$B0l\x1b(B " * 2_500_000,
    "utf16_20_mb.txt": lambda: ("word " * 2_000_000).encode("utf-16"),
    "bad_utf8_20_mb.txt": lambda: "größer ".encode() * 2_000_000 + b"\xff\xfe\xfd" * 100_000,
    "emoji_20_mb.txt": lambda: "😀".encode() * 5_000_000,
    "combining_20_mb.txt": lambda: ("a" + "\u0301" * 10_000_000).encode(),
    "comments_first.md": lambda: b"<!---->" * 500 + b"text",
    "open_brackets.md": lambda: b"[" * 1_000_000,
    "brackets.md": lambda: b"[a](b" * 300_000,
    "pictures.md": lambda: b"![" * 1_000_000 + b" word",
    "stars.md": lambda: b"# " + b"*a_" * 300_000,
    "backticks.md": lambda: b"\n".join(b"`" * n for n in range(1, 4_000)),
    "quotes_in_quotes.md": lambda: b">" * 200_000 + b" deep",
    "quotes_on_lines.md": lambda: b"\n".join(b">" * n + b" a" for n in range(2_000)),
    "lists_in_lists.md": lambda: _nested_lists(3_000),
    "headings.md": lambda: b"# Heading\n\ntext\n\n" * 1_000_000,
    "heading_of_10_mb.md": lambda: b"# " + b"a" * 10_000_000 + b"\n\n" + b"One word more.\n\n" * 100_000,
    "heading_of_many_words.md": lambda: b"# " + b"word " * 2_000_000 + b"\n\n" + b"One word more.\n\n" * 100_000,
    "headings_in_headings.md": lambda: b"".join(b"#" * n + b" " + b"h" * 100_000 + b"\n\n" for n in range(1, 7)) + b"a\n\n" * 50_000,
    "columns.md": lambda: _table(100_000, 10),
    "rows.md": lambda: _table(2, 1_000_000),
    "wide_head.md": lambda: b"|" + b"a|" * 2_000_000 + b"\n|-|\n",
    "tables.md": lambda: (_table(2, 1) + b"\n") * 300_000,
    "definitions.md": lambda: b"".join(b"[%d]: /u\n" % n for n in range(300_000)),
    "pipes.md": lambda: b"|" * 5_000_000,
    "pipe_lines.md": lambda: b"|-\n" * 1_000_000,
    "entities.md": lambda: b"&" * 5_000_000,
    "tags.md": lambda: b"<a " * 2_000_000,
    "front_matter_laughs.md": lambda: f"---\na0: &a0 ha\n{_laughs('a{n}: &a{n} [{ten}]')}\n---\ntext".encode(),
    "front_matter_deep.md": lambda: b"---\na: " + b"[" * 200_000 + b"\n---\ntext",
    "front_matter_long.md": lambda: b"---\n" + b"".join(b"k%d: v\n" % n for n in range(500_000)) + b"---\ntext",
    "front_matter_title.md": lambda: b"---\ntitle: " + b"{a: " * 100_000 + b"\n---\ntext",
    "rules.rst": lambda: b"====\n" * 1_000_000,
    "titles.rst": lambda: b"Title\n=====\n\n" * 500_000,
    "rule_of_10_mb.rst": lambda: b"T" * 5_000_000 + b"\n" + b"=" * 5_000_000 + b"\n\ntext " * 10,
    "titles.adoc": lambda: b"= Title\n\n" * 500_000,
    "title_of_spaces.adoc": lambda: b"= a" + b" " * 1_000_000 + b"b\n\ntext",
    "stars.org": lambda: b"* " + b":a" * 500_000 + b"\n\ntext",
    "title_of_spaces.org": lambda: b"* a" + b" " * 300_000 + b"b\n\ntext",
    "columns.csv": lambda: b"a," * 5_000_000 + b"\n" + b"1," * 5_000_000,
    "rows.csv": lambda: b"1,2\n" * 10_000_000,
    "open_quote.csv": lambda: b'a,b\n1,"' + b"word\n" * 8_000_000,
    "quotes.csv": lambda: b'"",' * 10_000_000,
    "commas.tsv": lambda: b"\t" * 50_000_000,
    "deep.json": lambda: b"[" * 50_000_000,
    "laughs.xml": lambda: ("<!DOCTYPE x [" + "".join(f"<!ENTITY a{n + 1} '{f'&a{n};' * 10}'>" for n in range(10)) + "]><x>&a10;</x>").encode(),
    "laughs.yaml": lambda: _laughs("a{n}: &a{n} [{ten}]").encode(),
    "output.ipynb": lambda: _notebook({**_CODE, "outputs": [{"output_type": "stream", "text": "out " * 12_000_000}]}),
    "output_lines.ipynb": lambda: _notebook({**_CODE, "outputs": [{"output_type": "stream", "text": ["a\n"] * 5_000_000}]}),
    "cells.ipynb": lambda: _notebook(_CODE, 1_000_000),
    "deep.ipynb": lambda: b'{"cells": ' + b"[" * 5_000_000,
    "backticks.ipynb": lambda: _notebook({**_CODE, "source": "`" * 10_000_000}),
    "elements.html": lambda: _html("<div>" * 1_000_000 + "deep"),
    "paragraphs.html": lambda: _html("<p>One more paragraph.</p>" * 1_000_000),
    "spans.html": lambda: _html("<table>" + "<tr><td rowspan=65000 colspan=1000>a</td></tr>" * 10_000 + "</table>"),
    "tables_in_tables.html": lambda: _html("<table><tr><td>" * 5_000 + "a"),
    "spans_in_tables.html": lambda: _html("<table><tr><td rowspan=2>" * 1_500 + "a"),
    "columns.html": lambda: _html("<table><tr>" + "<td>a</td>" * 200_000 + "</tr>" + "<tr><td>b</td></tr>" * 2_000 + "</table>"),
    "cells.html": lambda: _html("<table>" + ("<tr>" + "<td>a</td>" * 20 + "</tr>") * 100_000 + "</table>"),
    "headings.html": lambda: _html("<h1>Heading</h1>" * 1_000_000),
    "less_than.html": lambda: b"<html>" + b"<" * 10_000_000,
    "open_comments.html": lambda: b"<html>" + b"<!--" * 1_000_000,
    "open_heads.html": lambda: b"<html>" + b"<head>" * 300_000 + b"word",
    "open_titles.html": lambda: b"<html>" + b"<title>" * 300_000 + b"word",
    "open_cells.html": lambda: b"<html>" + b"<td " * 500_000 + b"word",
    "attributes.html": lambda: b"<html><p " + b"a=b " * 2_000_000 + b">word</p>",
    "attribute_of_20_mb.html": lambda: b'<html><p a="' + b"b" * 20_000_000 + b'">word</p>',
    "entities.html": lambda: _html("&amp;" * 4_000_000),
    "links.html": lambda: _html("<ul>" + '<li><a href="/a">link</a></li>' * 300_000 + "</ul>"),
    "spaces.html": lambda: _html("<p>a" + " " * 10_000_000 + "b</p>"),
    "spaces_pre.html": lambda: _html("<pre>a" + " " * 3_000_000 + "b</pre>"),
    "code.py": lambda: b"x = 1\n" * 5_000_000,
    "minified.js": lambda: b"function a(){return[1,2,3].map(b=>b+1)};" * 1_000_000,
}  # fmt: skip
