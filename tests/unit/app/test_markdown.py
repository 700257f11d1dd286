"""Whatever stands in a document or an answer, what reaches the browser is harmless."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.pages.highlight import document_html
from app.pages.markdown import is_own, sanitise, words
from core.types import TextFormat
from tests.support.html_text import Reader

OWN = "/documents/791b31bb-5037-58e6-b49d-3750023eb64a"

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](https://tracker.example/pixel.png)",
    "[x](//evil.example/)",
    "[x](https://evil.example 'title\" onmouseover=alert(1)')",
    "<javascript:alert(1)>",
    "<https://evil.example>",
    '```"><script>alert(1)</script>\nx\n```',
    "| a |\n|---|\n| <svg onload=alert(1)> |",
    "[x]: javascript:alert(1)\n\n[x]",
    "<style>body{display:none}</style>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href=\"javascript:alert(1)\" style='position:fixed'>x</a>",
    f"[x]({OWN}/../../sign-out)",
    f"[x]({OWN}?next=//evil.example)",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("text_format", list(TextFormat))
def test_nothing_hostile_in_a_document_survives(text: str, text_format: TextFormat) -> None:
    assert_harmless(document_html(text, text_format, None))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from([*HOSTILE, "\n", "`", "*", "_", "[", "](", ")", "<", ">", '"', " ", "- ", "a"]), max_size=8
    )
)
def test_nothing_hostile_survives_in_any_combination(pieces: list[str]) -> None:
    assert_harmless(document_html("".join(pieces), TextFormat.MARKDOWN, None))


def assert_harmless(html: str) -> None:
    for name, attributes in Reader(html).tags:
        assert name not in {
            "script",
            "img",
            "iframe",
            "svg",
            "style",
            "object",
            "form",
            "input",
            "base",
            "meta",
            "link",
        }
        assert set(attributes) <= {"href", "class", "start", "id"}
        assert is_own(attributes.get("href") or OWN)


def test_a_link_to_a_document_page_stays_and_others_become_their_text() -> None:
    html = document_html(f"[ours]({OWN}?start=1&end=2#quote) [theirs](https://example.org)", TextFormat.MARKDOWN, None)
    read = Reader(html)
    assert [attributes["href"] for name, attributes in read.tags if name == "a"] == [f"{OWN}?start=1&end=2#quote"]
    assert read.text.strip() == "ours theirs"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("**The verdict**, and `so` on.", "The verdict, and so on."),
        ("## Heading\n\nSome **bold** `code` & [a link](x.md).", "Some bold code & a link."),
        ("| `list` | shows all |\n| `show` | shows one |", "list · shows all · show · shows one"),
        ("a | b", "a · b"),
        ("# Only a heading", "Only a heading"),
        ("- one\n- two <b>", "one two <b>"),
        ("", ""),
    ],
)
def test_a_glimpse_of_a_text_has_no_markdown(text: str, shown: str) -> None:
    assert words(text) == shown


def test_an_image_becomes_its_alternative_text() -> None:
    assert Reader(document_html("See ![the *floor* plan](plan.png).", TextFormat.MARKDOWN, None)).text.strip() == (
        "See the floor plan."
    )


def test_table_cells_keep_their_alignment_without_inline_styles() -> None:
    html = document_html("| a |\n|--:|\n| 1 |", TextFormat.MARKDOWN, None)
    assert '<td class="right">1</td>' in html
    assert "style" not in html


def test_headings_stand_below_the_page_s_own_title() -> None:
    names = Reader(document_html("# a\n\n## b\n\n###### c", TextFormat.MARKDOWN, None)).names()
    assert names == ["h2", "h3", "h6"]


def test_the_sanitiser_has_the_last_word_even_over_our_own_mistakes() -> None:
    assert sanitise('<p onclick="x">a<script>b</script><a href="/sign-out">c</a><mark id="main">d</mark></p>') == (
        "<p>a<a>c</a><mark>d</mark></p>"
    )
