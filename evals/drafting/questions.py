"""Turning what a document says into the question it answers, by the look of its headings and sentences. English only;
what does not look right gives no question, because a person reads every draft."""

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
# Subjects that mean something only together with the sentence before, and beginnings of clauses.
_POINTING = frozenset(
    {
        "it", "its", "this", "that", "these", "those", "there", "he", "she", "they", "we", "you", "i", "my", "your",
        "our", "their", "his", "her", "what", "which", "who", "whom", "whose", "here", "such", "where", "when", "if",
        "unless", "because", "although", "while", "after", "before", "since", "as", "every", "each", "any", "some",
        "most", "all", "both", "many", "few", "two", "three", "another", "other", "others", "one", "no", "none",
        "below", "above", "last", "first", "next", "only", "and", "but", "or", "so",
    }
)  # fmt: skip
_CLAUSE = frozenset(("when", "if", "that", "which", "who", "because"))
_LONGEST_TERM = 6  # words; a longer subject is a clause, not a term

_DEFINITION = re.compile(
    r"(?P<term>(?:(?:An?|The) )?[^,.;:?!()|]{2,60}?) (?P<verb>is|are) (?P<rest>(?:an?|the|one|any|all) .{15,})",
    re.DOTALL,
)
_PURPOSE = re.compile(r"To (?P<goal>[a-z][^,.;:?!]{4,80}), (?:you (?:can|must|need to) )?[a-z`].{5,}", re.DOTALL)
_ARTICLE = re.compile(r"(?:An?|The) ")


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


def from_sentence(sentence: str) -> str:
    """The question that this sentence answers by itself; empty if there is none to be seen."""
    plain = heading_text(" ".join(sentence.split()))
    if purpose := _PURPOSE.fullmatch(plain):
        return f"How do I {_mine(purpose['goal']).removesuffix(' instead')}?"
    found = _DEFINITION.fullmatch(plain)
    if found is None:
        return ""
    term = found["term"].strip()
    words = term.lower().split()
    if len(words) > _LONGEST_TERM or words[0] in _POINTING or not term[0].isupper() or _CLAUSE.intersection(words):
        return ""
    if words[0] == "the" and (len(words) < 3 or words[1] in _POINTING):  # "the name", "the first thing": of what?
        return ""
    return f"What {found['verb']} {_lower_article(term)}?"


def _mine(text: str) -> str:
    """The reader's things are the asker's: "your documents" becomes "my documents"."""
    for theirs, own in (("yourself", "myself"), ("yours", "mine"), ("your", "my"), ("you are", "I am"), ("you", "I")):
        text = re.sub(rf"\b{theirs}\b", own, text)
    return text


def _lower_article(term: str) -> str:
    return _lower(term) if _ARTICLE.match(term) else term


def _lower(text: str) -> str:
    """The text as it stands inside a sentence: its first letter small, unless the word is a name or an abbreviation."""
    first = text.split()[0]
    return text if any(letter.isupper() for letter in first[1:]) else text[0].lower() + text[1:]
