"""Turning a heading into the question that its section answers, by its look. English only; what does not look right
gives no question."""

from __future__ import annotations

import re

from ingestion.splitting.blocks import heading_text

# What headings of how-to pages begin with. A word that is also a noun ("Run", "Set") is fine before an object.
_VERBS = frozenset(
    {
        "add", "allow", "apply", "approve", "ask", "assign", "back", "build", "call", "cancel", "change", "check",
        "choose", "claim", "clean", "close", "configure", "connect", "convert", "copy", "create", "delete", "deploy",
        "disable", "download", "edit", "enable", "export", "find", "fit", "fix", "get", "give", "grant", "handle",
        "import", "ingest", "install", "join", "leave", "limit", "list", "make", "manage", "mark", "merge",
        "migrate", "monitor", "move", "name", "open", "order", "pay", "prepare", "promote", "protect", "publish",
        "read", "rebuild", "recover", "register", "reject", "release", "remove", "rename", "replace", "request",
        "reset", "restore", "restrict", "retry", "review", "revoke", "roll", "rotate", "run", "save", "schedule",
        "search", "see", "select", "send", "set", "share", "sign", "start", "stop", "store", "submit", "switch",
        "test", "train", "turn", "uninstall", "update", "upgrade", "upload", "use", "verify", "write",
    }
)  # fmt: skip


def from_heading(heading: str) -> str:
    """The question that a section under this heading answers; empty if there is none to be seen."""
    words = re.sub(r"^[\d.)]+ ", "", heading_text(heading).strip()).rstrip(".:")
    first, _, rest = words.partition(" ")
    if not 3 <= len(words) <= 120:
        return ""
    if words.endswith("?"):
        return words
    if not rest:
        return ""
    lowered = first.lower()
    if lowered == "how" and rest.lower().startswith("to "):
        return f"How do I {_mine(rest[3:])}?"
    if lowered == "how" and (working := re.fullmatch(r"(.+) (works?)", rest)):
        return f"How {'does' if working[2] == 'works' else 'do'} {_lower(working[1])} work?"
    if lowered == "how" and (passive := re.fullmatch(r"(.+?) (is|are) (\w+ed|made|built|found|kept|done)", rest)):
        return f"How {passive[2]} {_lower(passive[1])} {passive[3]}?"
    if lowered == "what" and (named := re.fullmatch(r"((?:an?|the) .+|\w+) (is|are)", rest)):
        return f"What {named[2]} {_lower(named[1])}?"
    if lowered == "when" and not rest.startswith("to "):
        return f"What happens when {_mine(rest)}?"
    if lowered in _VERBS and len(rest.split()) <= 9:
        return f"How do I {lowered} {_mine(rest)}?"
    return ""


def _mine(text: str) -> str:
    """The reader's things are the asker's: "your documents" becomes "my documents"."""
    for theirs, own in (("yourself", "myself"), ("yours", "mine"), ("your", "my"), ("you are", "I am"), ("you", "I")):
        text = re.sub(rf"\b{theirs}\b", own, text)
    return text


def _lower(text: str) -> str:
    """The text as it stands inside a sentence: its first letter small, unless the word is a name or an abbreviation."""
    first = text.split()[0]
    return text if any(letter.isupper() for letter in first[1:]) else text[0].lower() + text[1:]
