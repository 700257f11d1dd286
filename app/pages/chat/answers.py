"""A recorded answer as the pages show it: sanitised text with linked markers, its sources, or the nearest passages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from app.auth import Caller
from app.fields import is_uuid
from app.pages.chat.answer_text import answer_html
from app.pages.chat.shown_place import ShownPlace, shown_place
from core.errors import NotFoundError
from core.loop.feedback import Feedback
from core.storage.database import Database
from core.storage.interactions import Interaction, InteractionRepository
from core.storage.loop.feedback import FeedbackRepository
from serving.wording.catalogue import wording
from serving.wording.wording import Wording

# Passages offered where the documents do not hold the answer.
NEAREST = 3


@dataclass(frozen=True, slots=True)
class AnswerView:
    """One question and its answer. It is `quoted` where no model wrote any of it; `lang` is the language of its text,
    empty where that is not known, and `words` are RAGLoop's own."""

    id: str
    question: str
    query: str
    text: str
    html: Markup
    lang: str
    words: Wording
    abstained: bool
    degraded: bool
    quoted: bool
    sources: tuple[ShownPlace, ...]
    nearest: tuple[ShownPlace, ...]
    found: tuple[FoundPassage, ...]
    voted: VoteView


@dataclass(frozen=True, slots=True)
class FoundPassage:
    """A passage that the search found, and why: its rank and score by meaning and by words, None where a search did not
    find it, and what both make together; `freshness` is the factor by which age changed that, None where it did not."""

    place: ShownPlace
    meaning: LegFinding | None
    words: LegFinding | None
    together: float
    collapsed: tuple[str, ...]
    freshness: float | None


@dataclass(frozen=True, slots=True)
class LegFinding:
    """What one search gave a passage. `rank` counts from 1; None in records from before it was kept."""

    rank: int | None
    score: float


@dataclass(frozen=True, slots=True)
class VoteView:
    """What the reader said last about an answer; empty where nothing was said."""

    vote: str = ""
    reason: str = ""
    comment: str = ""
    correction: str = ""
    citations: Mapping[int, str] = field(default_factory=dict)


class AnswerRecords:
    """Recorded answers, for those who asked."""

    def __init__(self, database: Database) -> None:
        self._interactions = InteractionRepository(database)
        self._feedback = FeedbackRepository(database)

    def find(self, interaction_id: str, caller: Caller) -> Interaction | None:
        """The interaction, if there is one and it was this caller who asked."""
        interaction = self._interactions.get(interaction_id) if is_uuid(interaction_id) else None
        return interaction if interaction is not None and caller.asked(interaction.api_key_id) else None

    def own(self, interaction_id: str, caller: Caller) -> Interaction:
        """The interaction. Raises NotFoundError alike for one that does not exist and one that another key asked."""
        interaction = self.find(interaction_id, caller)
        if interaction is None:
            raise NotFoundError("There is no such answer.", hint="Ask the question again.")
        return interaction

    def views(self, interaction_ids: Sequence[str], caller: Caller) -> list[AnswerView]:
        """The answers of a conversation, in the order of the ids, with what the caller said about them."""
        found = [self.own(interaction_id, caller) for interaction_id in interaction_ids]
        votes = self._feedback.last_words(caller.actor.name, [each.id for each in found])
        return [answer_view(each, votes.get(each.id)) for each in found]


def answer_view(interaction: Interaction, given: Feedback | None = None) -> AnswerView:
    sources = tuple(shown_place(citation, citation["marker"], interaction.id) for citation in interaction.citations)
    passages = [each for each in interaction.passages if each["uri"]]  # without those that were erased
    words = wording(interaction.language)
    nearest = passages[:NEAREST] if interaction.abstained else ()
    return AnswerView(
        id=interaction.id,
        question=interaction.question,
        query=interaction.query,
        text=interaction.answer,
        html=answer_html(interaction.answer, sources, words),
        lang=_one_language(sources) if sources else words.code,
        words=words,
        abstained=interaction.abstained,
        degraded=interaction.degraded,
        quoted=bool(sources) and interaction.model is None and not interaction.degraded,
        sources=sources,
        nearest=tuple(shown_place(passage, 0, interaction.id) for passage in nearest),
        found=tuple(_found(passage, interaction.id) for passage in passages),
        voted=_voted(given) if given else VoteView(),
    )


def _voted(given: Feedback) -> VoteView:
    return VoteView(
        vote=given.vote.value,
        reason=given.reason.value if given.reason else "",
        comment=given.comment,
        correction=given.correction,
        citations={each.marker: each.vote.value for each in given.citations},
    )


def _one_language(sources: Sequence[ShownPlace]) -> str:
    """What all that is cited is written in; empty where they are several."""
    languages = {source.lang for source in sources}
    return languages.pop() if len(languages) == 1 else ""


def _found(passage: Mapping[str, Any], interaction_id: str) -> FoundPassage:
    return FoundPassage(
        place=shown_place(passage, 0, interaction_id),
        meaning=_leg(passage, "dense"),
        words=_leg(passage, "bm25"),
        together=passage["score"],
        collapsed=tuple(passage.get("collapsed", ())),
        freshness=passage["scores"].get("freshness"),
    )


def _leg(passage: Mapping[str, Any], leg: str) -> LegFinding | None:
    score = passage["scores"].get(leg)
    return None if score is None else LegFinding(passage.get("ranks", {}).get(leg), score)
