"""Which rows are trained on and which are held out: by the question, so that a new row moves no other.

Rows that ask nearly the same go to the same side. What is held out would else measure what was learned by heart.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from core.errors import InputError
from serving.finetune.dataset import NumberedRow

# Share of the words that two questions must have in common to be near duplicates, each word weighing more the rarer
# it is: rows made by a template share most of their words and still ask different things.
NEAR = 0.6
# What a word weighs that stands in every question.
_LEAST_WEIGHT = 0.1
# A question is compared with those that share one of its so many rarest words; a word of more questions tells nothing.
_RAREST = 4
_MOST_SHARING = 300

Rows = Sequence[NumberedRow]


def split(rows: Rows, share: float = 0.1) -> tuple[list[NumberedRow], list[NumberedRow]]:
    """(rows to train on, rows held out), each in the order given; about `share` of the questions are held out, and at
    least one. Raises InputError when all rows ask the same."""
    groups = near_duplicates([numbered.row.question for numbered in rows])
    places = {group: _place(rows[group].row.question) for group in set(groups)}
    if len(places) < 2:
        raise InputError(
            "All rows ask nearly the same question, so none can be held out to measure on.",
            hint="Add rows with other questions.",
        )
    held_out = {group for group, place in places.items() if place < share} or {min(places, key=lambda g: places[g])}
    if len(held_out) == len(places):
        held_out.remove(max(places, key=lambda group: places[group]))
    train = [row for row, group in zip(rows, groups, strict=True) if group not in held_out]
    return train, [row for row, group in zip(rows, groups, strict=True) if group in held_out]


def near_duplicates(questions: Sequence[str]) -> list[int]:
    """For each question the number of the one that stands for its group: the group's first by its words."""
    texts = [" ".join(_words(question)) for question in questions]
    parents = list(range(len(texts)))
    for one, other in _near_pairs(texts):
        first, second = _root(parents, one), _root(parents, other)
        # The one whose text comes first stands for both, so that the order of the rows does not matter.
        keep, drop = (first, second) if (texts[first], first) <= (texts[second], second) else (second, first)
        parents[drop] = keep
    return [_root(parents, number) for number in range(len(texts))]


def _near_pairs(texts: Sequence[str]) -> list[tuple[int, int]]:
    sets = [frozenset(text.split()) for text in texts]
    frequency = Counter(word for words in sets for word in words)
    weight = {word: math.log(len(texts) / count) + _LEAST_WEIGHT for word, count in frequency.items()}
    by_word: defaultdict[str, list[int]] = defaultdict(list)
    first_of: dict[str, int] = {}
    pairs = []
    for number, (text, words) in enumerate(zip(texts, sets, strict=True)):
        if (same := first_of.setdefault(text, number)) != number:
            pairs.append((same, number))
            continue
        telling = [word for word in words if frequency[word] <= _MOST_SHARING]
        rarest = sorted(telling, key=lambda word: (frequency[word], word))[:_RAREST]
        candidates = {other for word in rarest for other in by_word[word]}
        pairs += [(other, number) for other in candidates if _alike(sets[other], words, weight) >= NEAR]
        for word in telling:
            by_word[word].append(number)
    return pairs


def _alike(one: frozenset[str], other: frozenset[str], weight: dict[str, float]) -> float:
    """Weighted Jaccard similarity of two sets of words, from 0 to 1."""
    either = sum(weight[word] for word in one | other)
    return sum(weight[word] for word in one & other) / either if either else 1.0


def _root(parents: list[int], number: int) -> int:
    while parents[number] != number:
        parents[number] = parents[parents[number]]
        number = parents[number]
    return number


def _words(question: str) -> list[str]:
    return re.findall(r"\w+", question.casefold())


def _place(question: str) -> float:
    """Where a question stands between 0 and 1, by a hash of its words."""
    hashed = hashlib.sha256(" ".join(_words(question)).encode()).digest()
    return int.from_bytes(hashed[:8]) / 2**64
