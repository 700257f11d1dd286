"""Rows that teach a small model to quote: a question over passages, answered by one sentence with its marker.

The messages are those of serving: prompt `answer` over spotlighted passages. Passages are cut from pages of markdown or
made up of the pages' words in any order, so that only copying answers, never knowing.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from core.text.citation_marker import written
from core.text.sentences import sentence_spans
from core.types import Passage, Turn
from serving.finetune.dataset import RowPassage
from serving.finetune.template import as_passage
from serving.prompts.spotlight import disarmed, spotlight
from serving.prompts.template import PromptTemplate

# The version of prompt `answer` that serving asks a model by.
PROMPT_VERSION = 2

# One page in so many is kept out of training: the score is taken from those.
HELD_OUT = 5

FORMS = (
    "What does the handbook say about {}?",
    "What do the documents say about {}?",
    "Which sentence mentions {}?",
    "Tell me about {}.",
    "{}?",
)
KEY_WORD_FORMS = ("What about {}?", "Who {}?", "How is {}?", "When does {}?")
# The sentence's own first words: the easiest question, since the answer begins as the question ends.
OPENING = "Continue: {}"

# How often a context is drawn anew that holds nothing to ask for.
_TRIES = 1000

_WORD = re.compile(r"\w[\w'’-]*")
_SYLLABLES = tuple(a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "il", "or", "us"))


@dataclass(frozen=True, slots=True)
class Page:
    """A page of text and where its sentences are; `name` is its path under the folder of pages."""

    name: str
    title: str
    text: str
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class RowShape:
    """How large a row is, each as (least, most); `made_up` is the share of passages that are made up."""

    passages: tuple[int, int]
    sentences: tuple[int, int]
    questions: tuple[int, int]
    made_up: float = 0.6
    system: bool = True
    words: tuple[int, int] = (4, 12)
    openings: float = 0.15


@dataclass(frozen=True, slots=True)
class Quotable:
    """A sentence of a context that a question can ask for. `answer` is the sentence with its marker."""

    sentence: str
    answer: str


def read_pages(folder: Path) -> list[Page]:
    """Every markdown page under a folder, in order of its name. Raises InputError if there are none."""
    pages = []
    for path in sorted(folder.rglob("*.md")):
        text = path.read_text(encoding="utf-8", errors="replace")
        text = "".join(char for char in text if char.isprintable() or char == "\n")
        title = text.lstrip("# ").partition("\n")[0].strip()[:200] or path.stem
        pages.append(Page(path.relative_to(folder).as_posix(), title, text, tuple(sentence_spans(text))))
    if not pages:
        raise InputError(f"There are no pages in {folder}.", hint="Name a folder of markdown files.")
    return pages


def split_pages(pages: Sequence[Page]) -> tuple[list[Page], list[Page]]:
    """(pages to train on, pages held out): by a hash of the name, so that a page stays where it is."""
    return [page for page in pages if not _held_out(page)], [page for page in pages if _held_out(page)]


class RowMaker:
    """Makes rows from pages; the same seed makes the same rows."""

    def __init__(self, pages: Sequence[Page], prompt: PromptTemplate, seed: int) -> None:
        self._written = [page for page in pages if page.spans]
        self._prompt = prompt
        self._random = random.Random(seed)  # noqa: S311 - nothing secret
        self._running = [word.lower() for page in pages for word in re.findall(r"[A-Za-z]+", page.text)]
        self._distinct = sorted(set(self._running))
        if not self._running:
            raise InputError("The pages are too few, or hold no words.", hint="Name a folder of more markdown files.")

    def row(self, shape: RowShape) -> list[Turn]:
        """A conversation: the first question brings the passages, the others go on about them."""
        for _ in range(_TRIES):
            passages = [self._passage(shape, number) for number in range(self._random.randint(*shape.passages))]
            asked = self._asked(passages, shape)
            if asked:
                return self._conversation(passages, asked, shape)
        raise InputError("The pages hold no sentences to ask for.", hint="Name a folder of pages with whole sentences.")

    def _conversation(
        self, passages: Sequence[Passage], asked: Sequence[tuple[str, str]], shape: RowShape
    ) -> list[Turn]:
        turns = self._prompt.messages(passages=spotlight(passages), question=asked[0][0])
        turns = turns if shape.system else [turn for turn in turns if turn.role != "system"]
        turns.append(Turn("assistant", asked[0][1]))
        for question, answer in asked[1:]:
            turns += [Turn("user", f"Question: {question}"), Turn("assistant", answer)]
        return turns

    def _asked(self, passages: Sequence[Passage], shape: RowShape) -> list[tuple[str, str]]:
        """Pairs of a question and its answer, as many as the shape wants and the passages give."""
        sentences = quotable(passages)
        whole = _one_line("\n".join(passage.chunk.text for passage in passages)).lower()
        count = self._random.randint(*shape.questions)
        asked: list[tuple[str, str]] = []
        for quote in self._random.sample(sentences, len(sentences)):
            question = self._question(quote.sentence, whole, shape)
            if question is not None and len(asked) < count:
                asked.append((question, quote.answer))
        return asked

    def _question(self, sentence: str, whole: str, shape: RowShape) -> str | None:
        """A question in words of this sentence, of which some stand nowhere else; None if there are none."""
        kind = self._random.random()
        for _ in range(8):
            if kind < shape.openings:
                phrase, form = self._phrase(sentence, opening=True), OPENING
            elif kind < 0.7:
                phrase, form = self._phrase(sentence, opening=False), self._random.choice(FORMS)
            else:
                phrase, form = self._key_words(sentence, whole), self._random.choice(KEY_WORD_FORMS)
            if phrase and (whole.count(phrase.lower()) == 1 or form in KEY_WORD_FORMS):
                return form.format(phrase)
        return None

    def _phrase(self, sentence: str, *, opening: bool) -> str:
        """Two to four words that follow one another: the sentence's first, or some behind its first."""
        words = [match.span() for match in _WORD.finditer(sentence)]
        length = self._random.randint(2, min(4, len(words) - 1))
        first = 0 if opening else self._random.randint(1, len(words) - length)
        return _one_line(sentence[0 if opening else words[first][0] : words[first + length - 1][1]])

    def _key_words(self, sentence: str, whole: str) -> str:
        """Two or three longer words in their order, each standing nowhere else; none if there are fewer."""
        words = [word for word in _WORD.findall(sentence)[1:] if len(word) > 3 and whole.count(word.lower()) == 1]
        if len(words) < 2:
            return ""
        chosen = sorted(self._random.sample(range(len(words)), min(len(words), self._random.randint(2, 3))))
        return " ".join(words[at] for at in chosen)

    def _passage(self, shape: RowShape, number: int) -> Passage:
        sentences = self._random.randint(*shape.sentences)
        if self._random.random() < shape.made_up:
            title = " ".join(self._words(self._random.randint(1, 3))).capitalize()
            text = " ".join(self._made_up(shape) for _ in range(sentences))
            return as_passage(RowPassage(title=title, text=text), number)
        page = self._random.choice(self._written)
        first = self._random.randrange(max(1, len(page.spans) - sentences))
        chosen = page.spans[first : first + sentences]
        text = page.text[chosen[0][0] : chosen[-1][1]]
        return as_passage(RowPassage(title=page.title, text=text), number)

    def _made_up(self, shape: RowShape) -> str:
        text = " ".join(self._words(self._random.randint(*shape.words)))
        return text[0].upper() + text[1:] + "."

    def _words(self, count: int) -> list[str]:
        """Words as they run in the pages, words from their list, and a few that no page has."""
        draw = self._random
        return [
            draw.choice(self._running)
            if (chance := draw.random()) < 0.4
            else draw.choice(self._distinct)
            if chance < 0.9
            else "".join(draw.choices(_SYLLABLES, k=draw.randint(2, 3)))
            for _ in range(count)
        ]


def quotable(passages: Sequence[Passage]) -> list[Quotable]:
    """The sentences of a context that can be asked for: of some words, and not standing in it twice."""
    found = []
    for marker, passage in enumerate(passages, start=1):
        text = disarmed(passage.chunk.text)
        for start, end in sentence_spans(text):
            sentence = text[start:end]
            if 4 <= len(_WORD.findall(sentence)) <= 40 and len(sentence) <= 300:
                found.append(Quotable(sentence, f"{sentence} {written(marker)}"))
    sentences = [quote.sentence for quote in found]
    return [quote for quote in found if sentences.count(quote.sentence) == 1]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _held_out(page: Page) -> bool:
    return int.from_bytes(hashlib.sha256(page.name.encode()).digest()[:8]) % HELD_OUT == 0
