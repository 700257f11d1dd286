"""Questions and corrections made from a corpus's own sentences, by rule and seed: what a person might ask whose answer
is this sentence, and how they might put right a wrong answer to it, in words that are not a copy."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.text.sentences import sentence_spans
from serving.grounding.evidence import is_statement

# Sentences of so many words say one thing in full.
_FEWEST_WORDS, _MOST_WORDS = 9, 30
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKUP = re.compile(r"[*_`]+|^\s*(?:[-*+]|\d{1,9}[.)])\s+|^>\s*|<[^>]+>")
_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]{2,}")
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$")
_CLAUSE = re.compile(r"^(?P<first>[^,;]{15,}?), (?P<second>[^,;]{15,})[.!]$")

_SYNONYMS: Mapping[str, str] = {
    "should": "ought to", "must": "has to", "use": "make use of", "uses": "makes use of", "can": "is able to",
    "will": "is going to", "ensure": "make sure", "help": "assist", "helps": "assists", "create": "make",
    "review": "look through", "every": "each", "all": "the whole of the", "also": "as well", "because": "since",
    "before": "ahead of", "after": "following", "when": "whenever", "if": "in case", "need": "require",
    "needs": "requires", "request": "ask for", "provide": "give", "provides": "gives", "start": "begin",
    "many": "a lot of", "important": "vital", "team": "group", "people": "persons", "company": "firm", "get": "receive",
    "work": "labour", "update": "refresh", "share": "pass on", "find": "discover", "please": "kindly", "about": "on",
    "during": "in the course of", "their": "the", "our": "the", "your": "one's", "we": "they", "you": "one",
    "including": "such as", "discuss": "talk over", "schedule": "plan", "add": "put in", "new": "fresh",
}  # fmt: skip
_OPENINGS = ("In fact, ", "What is right: ", "The handbook says that ", "Actually, ", "")
_SMALL = (
    "the a an and or of to in on for with by at from as is are be been this that these those it its we you they our your "
    "their will can should must may not have has had do does if when which who what how all any each into more than also"
)
_STOP = frozenset(_SMALL.split())


@dataclass(frozen=True, slots=True)
class Fact:
    """A sentence of a document, the question that it answers, and a correction that says it in other words."""

    uri: str
    start: int
    sentence: str
    question: str
    correction: str


def facts(uri: str, title: str, text: str, seen: Counter[str], dice: random.Random) -> list[Fact]:
    """A document's facts. `seen` counts the documents that have each word: distinctive sentences have rare words."""
    found = []
    heading = title
    for start, end in sentence_spans(text):
        piece = text[start:end]
        if named := _HEADING.match(piece):
            heading = plain(named[1])
            continue
        said = plain(piece)
        if not is_statement(piece) or not _FEWEST_WORDS <= len(said.split()) <= _MOST_WORDS or "http" in said:
            continue
        rare = sorted({word.lower() for word in _WORD.findall(said)} - _STOP, key=lambda word: (seen[word], word))
        if len(rare) >= 6 and seen[rare[2]] <= 25 and said[0].isupper() and said[-1] in ".!":
            found.append(Fact(uri, start, piece, question(said, heading, rare, dice), reworded(said, rare, dice)))
    return found


def plain(text: str) -> str:
    """The text without markdown."""
    return " ".join(_MARKUP.sub("", _LINK.sub(r"\1", text)).split())


def question(said: str, heading: str, rare: Sequence[str], dice: random.Random) -> str:
    """A question by the heading and some of the sentence's own words."""
    words = [word for word in _WORD.findall(said) if word.lower() in rare[:8]]
    asked = " ".join(list(dict.fromkeys(words))[: dice.randint(3, 5)])
    return dice.choice((f"What about {asked} ({heading})?", f"{heading}: {asked}?", f"What is said of {asked}?"))


def reworded(said: str, rare: Sequence[str], dice: random.Random) -> str:
    """The sentence with other small words, one of its words left out, its clauses turned round."""
    turned = _CLAUSE.match(said)
    text = f"{turned['second']}, {turned['first']}." if turned and dice.random() < 0.6 else said
    left_out = dice.choice(rare[3:]) if len(rare) > 5 else ""
    words = [_SYNONYMS.get(word.lower(), word) for word in text.split() if word.lower().strip(".,;:") != left_out]
    return dice.choice(_OPENINGS) + " ".join(words)


def documents_with(words_of: Sequence[str]) -> Counter[str]:
    """How many of the texts have each word."""
    seen: Counter[str] = Counter()
    for text in words_of:
        seen.update({word.lower() for word in _WORD.findall(text)})
    return seen
