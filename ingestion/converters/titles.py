"""What a document is called. Pure."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from core.text.strict_yaml import YamlError, load_yaml
from ingestion.splitting.blocks import first_heading, front_matter_end

MAX_TITLE_CHARS = 200

# A title that an authoring program wrote by itself: its default, a file name, a number.
_AUTOMATIC = re.compile(
    r"\W*(?:untitled|anonymous|unknown|document\d*|presentation\d*|slide \d+|powerpoint presentation|microsoft \w+ - .*"
    r"|.*\.(?:docx?|odt|odp|ods|pptx?|xlsx?|pdf|tex|dvi|indd|qxd|html?|rtf)|[\W\d_]*)\W*",
    re.IGNORECASE,
)


def markdown_title(text: str, name: str) -> str:
    """Of a markdown text: from its front matter, else its first heading, else the file's name."""
    return first_good(_front_matter_title(text)) or first_good(first_heading(text)) or name_title(name)


def first_good(*candidates: str | None) -> str:
    """The first candidate that a person wrote, on one line and not too long; empty if there is none."""
    for candidate in candidates:
        words = one_line(candidate or "")
        if words and not _AUTOMATIC.fullmatch(words):
            return words
    return ""


def name_title(name: str) -> str:
    """From a file's name; of an index file, its folder's name says more."""
    path = PurePosixPath(name)
    stem = path.parent.name if path.stem.lower() in ("index", "readme", "_index") and path.parent.name else path.stem
    return one_line(stem) or "untitled"


def one_line(text: str) -> str:
    """Without line ends, control characters and runs of spaces, cut at MAX_TITLE_CHARS."""
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return words if len(words) <= MAX_TITLE_CHARS else words[: MAX_TITLE_CHARS - 1].rstrip() + "…"


def name_line(name: str, most: int = MAX_TITLE_CHARS) -> str:
    """A file's name in the same way, with its suffix, by which it is read."""
    suffix = one_line(PurePosixPath(name).suffix[:12])
    line = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    return line if len(line) <= most else f"{line[: most - len(suffix) - 1].rstrip()}…{suffix}"


def _front_matter_title(text: str) -> str | None:
    head = text[: front_matter_end(text)]
    match = re.search(r"^title[ \t]*[:=][ \t]*(.+)$", head, re.MULTILINE | re.IGNORECASE)
    if match is None:
        return None
    try:
        value = load_yaml(match.group(1))
    except YamlError:
        value = match.group(1)
    return value if isinstance(value, str) else None
