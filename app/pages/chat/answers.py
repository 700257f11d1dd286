"""A recorded answer as the pages show it: sanitised text with linked markers, its sources, or the nearest passages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup, escape

from app.answers.citations import cited_spans, document_url
from app.auth import Caller
from app.fields import is_uuid
from app.pages.markdown import html, parse, sanitise, split_tags, unused_characters, words
from core.errors import NotFoundError
from core.loop.feedback import Feedback
from core.storage.database import Database
from core.storage.interactions import Interaction, InteractionRepository
from core.storage.loop.feedback import FeedbackRepository
from core.text.languages import CODES
from serving.wording.catalogue import wording
from serving.wording.wording import Wording

# Passages offered where the documents do not hold the answer, and how much of each.
NEAREST = 3
EXCERPT = 240


@dataclass(frozen=True, slots=True)
class ShownPlace:
    """A cited or offered place in a document. `marker` is 0 for a passage that was only offered; `glimpse` is the
    quote, or its beginning, without markdown, `lang` the code of the language it is in, empty where that is not known.
    Unless `supported`, the passage may not say what it is cited for."""

    marker: int
    title: str
    path: str
    page: int | None
    quote: str
    glimpse: str
    lang: str
    url: str
    supported: bool = True


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
    find it, and what both make together."""

    place: ShownPlace
    meaning: LegFinding | None
    words: LegFinding | None
    together: float
    collapsed: tuple[str, ...]


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
    sources = tuple(_source(citation, citation["marker"], interaction.id) for citation in interaction.citations)
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
        nearest=tuple(_source(passage, 0, interaction.id) for passage in nearest),
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


def answer_html(text: str, sources: Sequence[ShownPlace], words: Wording) -> Markup:
    """The answer's markdown with each marker a link to the cited place."""
    cited = {source.marker: source for source in sources}
    opening, closing = unused_characters(text, 2)
    pieces, at = [], 0
    for span in cited_spans(text, sources):
        pieces += [text[at : span.start], opening, str(span.marker), closing]
        at = span.end
    tokens, environment = parse("".join([*pieces, text[at:]]))
    marker = re.compile(f"{opening}(\\d+){closing}")

    def link(match: re.Match[str]) -> str:
        source = cited[int(match[1])]
        url = source.url.replace("&", "&amp;")
        kind, label = ("cite", "") if source.supported else ("cite weak", f": {words.weak}")
        named = escape(words.source.format(number=match[1]) + label)
        return f'<a class="{kind}" href="{url}" aria-label="{named}">{match[1]}</a>'

    linked = (
        marker.sub("", piece) if is_tag else marker.sub(link, piece)
        for is_tag, piece in split_tags(html(tokens, environment))
    )
    return sanitise("".join(linked))


def _found(passage: Mapping[str, Any], interaction_id: str) -> FoundPassage:
    return FoundPassage(
        place=_source(passage, 0, interaction_id),
        meaning=_leg(passage, "dense"),
        words=_leg(passage, "bm25"),
        together=passage["score"],
        collapsed=tuple(passage.get("collapsed", ())),
    )


def _leg(passage: Mapping[str, Any], leg: str) -> LegFinding | None:
    score = passage["scores"].get(leg)
    return None if score is None else LegFinding(passage.get("ranks", {}).get(leg), score)


def _source(place: Mapping[str, Any], marker: int, interaction_id: str) -> ShownPlace:
    """From a citation or a passage, as the record holds them."""
    quote = str(place.get("quote", place.get("text", "")))
    glimpse = words(quote)
    path = [heading for heading in place["heading_path"] if heading != place["title"]]
    return ShownPlace(
        marker=marker,
        title=place["title"],
        path=" › ".join(path),
        page=place["page"],
        quote=quote,
        glimpse=glimpse if marker or len(glimpse) <= EXCERPT else f"{glimpse[:EXCERPT].rstrip()} …",
        lang=CODES.get(place.get("language", ""), ""),
        url=document_url(place["document_id"], place["start"], place["end"], interaction_id),
        supported=place.get("supported", True),
    )
