"""Identifiers that pages hold, their like that no page holds, and questions about both. The same for the same seed."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from serving.grounding.named import plain
from tools.importers.research_set import SetDocument

_END = r"(?![\w]|[./-]\w)"
_SHAPES: Mapping[str, str] = {
    "code": rf"(?<![\w./-])[A-Z]{{2,}}[A-Z\d]*-?\d[\w-]*{_END}",
    "name with digits": rf"(?<![\w./#@-])[a-z]{{2,}}(?:-[a-z\d]+)*\d[a-z\d-]*{_END}",
    "version": rf"(?<![\w.-])(?:(?:[vV]ersion )?v?\d+\.\d+\.\d+|[vV]ersion \d+\.\d+){_END}",
    "setting": r"(?<=`)(?:[A-Z\d]+(?:_[A-Z\d]+)+|[a-z]+(?:_[a-z]+)+|[a-z]+(?:\.[a-z]\w+)+|--[a-z]+(?:-[a-z]+)*)(?=`)",
    "number": rf"\b(?:RFC|Step|Level|Tier|Phase|Issue|ISO|SOC|PR|Ticket) #?\d+{_END}",
    "year": rf"(?<![\w.,/-])(?:19|20)\d\d{_END}",
}
_QUESTIONS: Mapping[str, Sequence[str]] = {
    "code": ("What is {}?", "What does {} mean?", "How is {} handled?", "Who is responsible for {}?", "{}"),
    "name with digits": ("What is {}?", "Where is {} used?", "What does {} do?", "Who looks after {}?", "{}"),
    "version": ("What changed in {}?", "When was {} released?", "How do I upgrade to {}?", "Is {} affected?"),
    "setting": ("What does `{}` do?", "Where do I set {}?", "What is {} for?", "What is the default of {}?", "{}"),
    "number": ("What does {} say?", "What happens in {}?", "What is {} about?", "What does {} say of {title}?"),
    "year": ("What happened in {} according to {title}?", "What does {title} say of {}?", "What changed in {}?"),
}
_LINK_TARGET = re.compile(r"\]\([^)]*\)|<?\w+://\S+")
_ATTEMPTS = 200


@dataclass(frozen=True, slots=True)
class IdentifierQuestion:
    """A question that names `identifier`, which stands in the documents or, where it is not `present`, in none."""

    kind: str
    identifier: str
    present: bool
    text: str


def questions_about(pages: Sequence[SetDocument], pairs: int, seed: int) -> list[IdentifierQuestion]:
    """As many questions about present identifiers of the pages as about absent ones: `pairs` each, the
    kinds in turn as far as they reach."""
    source = random.Random(seed)  # noqa: S311 - a sample, no secret
    everything = "".join(plain(page.text) for page in pages)
    found = [list(_shuffled(_present(pages, shape), source)) for shape in _SHAPES.values()]
    turns = (
        (kind, *each.pop())
        for _ in range(max(map(len, found), default=0))
        for kind, each in zip(_SHAPES, found, strict=True)
        if each
    )
    asked: list[IdentifierQuestion] = []
    parts = sorted({part for said, _ in found[list(_SHAPES).index("setting")] for part in re.findall(r"[^\W_]+", said)})
    for kind, said, title in turns:
        other = _absent(kind, said, everything, parts, source)
        if other is None:
            continue
        template = source.choice(_QUESTIONS[kind])
        asked += [
            IdentifierQuestion(kind, one, one == said, template.format(one, title=title)) for one in (said, other)
        ]
        if len(asked) == 2 * pairs:
            break
    return asked


def _present(pages: Sequence[SetDocument], shape: str) -> dict[str, str]:
    """Each identifier of that shape once, with the title of a page that says it. One that stands in an address alone
    is none."""
    return {match[0]: page.title for page in pages for match in re.finditer(shape, _LINK_TARGET.sub("] ", page.text))}


def _shuffled(found: Mapping[str, str], source: random.Random) -> Iterable[tuple[str, str]]:
    return source.sample(sorted(found.items()), len(found))


def _absent(kind: str, said: str, everything: str, parts: Sequence[str], source: random.Random) -> str | None:
    """Its like that stands nowhere; None where none was found."""
    for _ in range(_ATTEMPTS):
        other = _other_words(said, parts, source) if kind == "setting" else _other_digits(said, source)
        if kind == "year" and not "1950" <= other <= "2035":
            continue
        if plain(other) not in everything:
            return other
    return None


def _other_digits(said: str, source: random.Random) -> str:
    """One to all of its digits are others; letters among the digits of a long name too."""
    places = [match.start() for match in re.finditer(r"\d", said)]
    changed = list(said)
    for place in source.sample(places, source.randint(1, len(places))):
        changed[place] = source.choice("0123456789")
    return "".join(changed)


def _other_words(said: str, parts: Sequence[str], source: random.Random) -> str:
    """One of its words is that of another setting."""
    words = [match.span() for match in re.finditer(r"[^\W_]+", said)]
    start, end = source.choice(words)
    other = source.choice(parts)
    return f"{said[:start]}{other.upper() if said.isupper() else other.lower()}{said[end:]}"
