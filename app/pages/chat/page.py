"""/: ask, and read the answer with its sources. The address holds the conversation's answers, so a reload keeps it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.answers.inquiry import unless_client_leaves, whole_answer
from app.auth import Caller, ChatDep, RuntimeDep, ServicesDep
from app.errors import ParameterError, check_length
from app.fields import Text, filter_of
from app.library import DocumentLibrary
from app.pages.chat.answers import AnswerRecords, AnswerView
from app.pages.views import render
from core.errors import UnavailableError
from core.search_filter import SearchFields
from core.storage.documents import DocumentSummary
from core.types import Turn
from serving.answerer import Question
from serving.factory import Services

router = APIRouter(include_in_schema=False)

# A conversation on one page; what was said before is no longer sent along.
MOST_TURNS = 20
# Titles that the empty page names, to show what can be asked about.
TITLES = 4

TurnIds = list[Annotated[str, Query(max_length=36)]]


@dataclass(frozen=True, slots=True)
class CorpusOutline:
    """What there is to ask about. `count` is 0 before the first ingestion; `hint` then says what to do."""

    count: int
    titles: tuple[DocumentSummary, ...]
    release: str
    hint: str = ""


@router.get("/")
async def chat_page(
    caller: ChatDep, runtime: RuntimeDep, services: ServicesDep, turn: Annotated[TurnIds, Query(default_factory=list)]
) -> Response:
    """The page, with the conversation whose answers the address names."""
    views = await asyncio.to_thread(AnswerRecords(services.database).views, turn[-MOST_TURNS:], caller)
    fields = SearchFields({}, None)
    try:
        answerer = await runtime.answerer()
        release = answerer.release
        fields = await asyncio.to_thread(answerer.retriever.fields, caller.scope)
    except UnavailableError as error:
        corpus = CorpusOutline(0, (), "", f"{error.message} {error.hint}")
    else:
        corpus = await asyncio.to_thread(_corpus, services, caller, release.id, release.manifest.collection.name)
    longest = runtime.settings.max_question_chars
    return render("chat/chat.html", caller=caller, turns=views, corpus=corpus, longest=longest, fields=fields)


@router.post("/")
async def ask_without_script(
    caller: ChatDep,
    request: Request,
    runtime: RuntimeDep,
    services: ServicesDep,
    turn: Annotated[list[str], Form(default_factory=list)],
    question: Annotated[Text, Form()] = "",
    source: Annotated[Text, Form()] = "",
    language: Annotated[Text, Form()] = "",
    label: Annotated[Text, Form()] = "",
    since: Annotated[Text, Form()] = "",
    until: Annotated[Text, Form()] = "",
) -> Response:
    """Answer a submitted form and show the conversation: the page's way without scripts."""
    if not question.strip():
        raise ParameterError("The question is empty.", param="question", hint="Go back and ask something.")
    check_length(question, runtime.settings.max_question_chars)
    turns = turn[-MOST_TURNS:]
    views = await asyncio.to_thread(AnswerRecords(services.database).views, turns, caller)
    chosen = {name: value for name, value in (("source", source), ("language", language), ("label", label)) if value}
    if since or until:
        chosen["date"] = f"{since}..{until}"
    answerer = await runtime.answerer()
    scope = await asyncio.to_thread(answerer.retriever.narrowed, caller.scope, filter_of(chosen))
    asked = Question(question, scope, "page", history_of(views), caller.key_id)
    answer = await unless_client_leaves(request, whole_answer(answerer, asked, request.app.state.metrics))
    address = urlencode([("turn", interaction_id) for interaction_id in (*turns, answer.interaction_id)])
    return RedirectResponse(f"/?{address}#{answer.interaction_id}", 303)


@router.get("/answers/{interaction_id}")
def answer_fragment(interaction_id: str, caller: ChatDep, services: ServicesDep) -> Response:
    """One answer as a fragment of a page, for those who asked it."""
    (view,) = AnswerRecords(services.database).views([interaction_id], caller)
    return render("chat/_answer.html", turn=view, turns=[view])


def history_of(views: list[AnswerView]) -> tuple[Turn, ...]:
    """The conversation as the Answerer takes it."""
    return tuple(turn for view in views for turn in (Turn("user", view.question), Turn("assistant", view.text)))


def _corpus(services: Services, caller: Caller, release: str, collection: str) -> CorpusOutline:
    library = DocumentLibrary(services.database)
    titles = library.listing(caller.scope, limit=TITLES).documents
    return CorpusOutline(library.count(collection, caller.scope), titles, release)
