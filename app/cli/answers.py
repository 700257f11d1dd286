"""`ragloop ask`, `ragloop search`, `ragloop serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.console import JsonOption, bold, one_line, print_json, say, visible
from core.errors import InputError, TooLargeError
from core.text.citation_marker import written

if TYPE_CHECKING:
    from core.settings import Settings
    from core.types import AccessScope, Answer, Chunk, Citation
    from serving.answerer import Answerer
    from serving.wording.wording import Wording

AccessOption = Annotated[
    list[str] | None,
    typer.Option("--access", help="Answer as someone with this access label would see it; repeatable. Default: all."),
]

FilterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        help="Only documents of this kind: FIELD=VALUE, such as source=handbook, language=german, label=hr, "
        "date=2025-03..2025-06 or a field of their front matter; repeatable.",
    ),
]


def ask(
    question: Annotated[str, typer.Argument(help="The question, in quotes.")],
    access: AccessOption = None,
    only: FilterOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a question from the documents, with citations.

    The answer quotes the documents; each [n] is listed below it with document, page and place. Without an answer in
    the documents it says so.
    """
    import asyncio

    from app.answers.answer_json import answer_json
    from app.answers.places_to_look import places_to_look
    from core.settings import load_settings
    from core.telemetry import configure_logging
    from serving.answerer import Question
    from serving.wording.catalogue import wording

    settings = load_settings()
    configure_logging("warning")
    text = _checked(question, settings)
    answerer, scope = _open(settings, access, only)
    answer = asyncio.run(answerer.ask(Question(text, scope, origin="cli")))
    if as_json:
        print_json(answer_json(answer, with_cost=True))
        return
    words = wording(answer.language)
    say(_emphasised(answer))
    if answer.citations:
        say()
    for citation in answer.citations:
        say(visible(f"{written(citation.marker)} {_place(citation, words)}"))
    places = places_to_look(answer)
    if places:
        say(f"\n{words.places}{words.colon}")
    for chunk in places:
        say(visible(f"- {_where(chunk, words)}"))


def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    top_k: Annotated[int, typer.Option("--top-k", "-k", min=1, max=100, help="How many passages.")] = 8,
    access: AccessOption = None,
    only: FilterOption = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say why each passage stands where it does.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Find passages, without answering."""
    from app.answers.search_json import in_words, search_json
    from core.settings import load_settings
    from core.telemetry import configure_logging

    settings = load_settings()
    configure_logging("warning")
    text = _checked(query, settings)
    answerer, scope = _open(settings, access, only)
    retrieval = answerer.retriever.retrieve(text, scope, top_k)
    if as_json:
        print_json(search_json(retrieval, answerer.release, scope.narrowed, explain=explain))
        return
    for passage in retrieval.passages:
        page = f", page {passage.chunk.pages}" if passage.chunk.page else ""
        say(visible(f"{passage.score:.3f}  {passage.chunk.uri}{page}"))
        say(visible(f"       {one_line(passage.chunk.text)}"))
        if explain:
            say(visible(f"       {in_words(passage)}"))
    for each in retrieval.left_out if explain else ():
        say(visible(f"left out: {each.uri}, which {each.why}"))


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: RAGLOOP_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. Default: RAGLOOP_PORT.")] = None,
) -> None:
    """Start the web page and the API.

    On this machine alone (the default) no API key is needed. On any other address every request needs one:
    ragloop keys create NAME.
    """
    from app.server import serve as run
    from core.settings import load_settings
    from core.telemetry import configure_logging

    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = load_settings(**given)
    configure_logging(settings.log_level)
    run(settings)


def _checked(text: str, settings: Settings) -> str:
    if not text.strip():
        raise InputError("The question is empty.", hint="Put the question in quotes: ragloop ask 'Who approves?'")
    if len(text) > settings.max_question_chars:
        raise TooLargeError(
            f"The question has {len(text):,} characters; at most {settings.max_question_chars:,} are taken.",
            hint="Shorten it, or raise RAGLOOP_MAX_QUESTION_CHARS.",
        )
    return text


def _open(settings: Settings, access: list[str] | None, only: list[str] | None) -> tuple[Answerer, AccessScope]:
    from core.search_filter import parse_filter
    from core.types import AccessScope
    from serving.factory import open_services
    from serving.releases.champion import Champion

    scope = AccessScope.of(*access) if access else AccessScope.everything()
    wanted = parse_filter(only or [])
    answerer = Champion(open_services(settings)).answerer()
    return answerer, answerer.retriever.narrowed(scope, wanted)


def _emphasised(answer: Answer) -> str:
    """The answer, on a terminal with the sentences in bold that its quotations mark."""
    from app.answers.citations import marked_spans

    pieces, at = [], 0
    for start, end in marked_spans(answer.text, answer.citations):
        pieces += [visible(answer.text[at:start]), bold(visible(answer.text[start:end]))]
        at = end
    return "".join([*pieces, visible(answer.text[at:])])


def _place(citation: Citation, words: Wording) -> str:
    weak = "" if citation.supported else f" ({words.weak})"
    return f"{_where(citation.chunk, words)}, characters {citation.start}–{citation.end}{weak}"


def _where(chunk: Chunk, words: Wording) -> str:
    page = f", {words.page.format(number=chunk.pages)}" if chunk.page else ""
    path = f" ({' > '.join(chunk.heading_path)})" if chunk.heading_path else ""
    return f"{chunk.uri}{page}{path}"
