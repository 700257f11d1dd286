"""Reading HTML in tests as a browser would: its text, what is marked in it, and its tags."""

from __future__ import annotations

from html.parser import HTMLParser


class Reader(HTMLParser):
    """`text` is everything shown, `marked` what stands in <mark>, `tags` each opening tag with its attributes."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.text = ""
        self.marked = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._depth = 0
        self.feed(str(source))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._depth += tag == "mark"

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag == "mark"

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._depth:
            self.marked += data

    def names(self) -> list[str]:
        return [name for name, _ in self.tags]
