"""The pages, as a browser without scripts sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from httpx import AsyncClient

from core.types import Document, TextFormat, document_id
from serving.wording.catalogue import wording
from tests.support.app_world import HOLIDAYS, Scripted, World, asks
from tests.support.html_text import Reader

QUESTION = "How many days of holiday has every employee each year?"
HOLIDAYS_ID = document_id("handbook/holidays.md")
XSS = "<script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path).ingest()


@pytest.fixture
async def client(world: World) -> AsyncIterator[AsyncClient]:
    async with world.client(Accept="text/html") as client:
        yield client


async def ask(client: AsyncClient, question: str, *turns: str) -> str:
    """Submit the form and follow to the page; the new answer's id."""
    response = await client.post("/", data={"question": question, "turn": list(turns)})
    assert response.status_code == 303, response.text
    return urlsplit(response.headers["location"]).fragment


async def test_the_empty_page_says_what_can_be_asked(client: AsyncClient, world: World) -> None:
    read = Reader((await client.get("/")).text)
    assert "2 documents indexed" in " ".join(read.text.split())
    assert "Holidays" in read.text
    assert world.release is not None
    assert world.release.id[:8] in read.text


async def test_a_reader_is_told_of_the_documents_that_the_key_may_see(tmp_path: Path) -> None:
    world = World(tmp_path, {"environment": "production"}).ingest()
    async with world.client(Authorization=f"Bearer {world.key()}") as client:
        read = Reader((await client.get("/")).text)
    assert "1 document indexed" in " ".join(read.text.split())
    assert "Salaries" not in read.text


async def test_before_the_first_ingestion_the_page_says_what_to_do(tmp_path: Path) -> None:
    async with World(tmp_path).client() as client:
        response = await client.get("/")
    assert response.status_code == 200
    assert "ragloop ingest" in response.text


async def test_the_form_works_without_scripts_and_a_reload_asks_nothing(client: AsyncClient, world: World) -> None:
    first = await ask(client, QUESTION)
    second = await ask(client, "When do they expire?", first)
    response = await client.get(f"/?turn={first}&turn={second}")
    read = Reader(response.text)
    assert QUESTION in read.text
    assert "thirty days of holiday" in read.text
    assert "When do they expire?" in read.text
    assert [attributes["value"] for tag, attributes in read.tags if attributes.get("name") == "turn"] == [first, second]


async def test_the_form_sends_the_conversation_along(world: World) -> None:
    generator = Scripted(["Thirty [1]."])
    async with world.client(generator) as client:
        first = await ask(client, QUESTION)
        await ask(client, "Are holidays carried over to the next year?", first)
    history = generator.requests[1].history
    assert [(turn.role, turn.content) for turn in history] == [("user", QUESTION), ("assistant", "Thirty [1].")]


async def test_an_answer_asked_on_the_page_is_recorded_as_such(client: AsyncClient) -> None:
    await ask(client, QUESTION)
    await client.post("/v1/chat/completions", json=asks(QUESTION), headers={"Origin": "http://127.0.0.1:8080"})
    text = (await client.get("/metrics")).text
    assert 'ragloop_answers_total{abstained="false",degraded="false",origin="page"} 2.0' in text


@pytest.mark.parametrize(("question", "status"), [("", 400), (" \n", 400), ("x" * 8001, 413), ("a\x00b", 400)])
async def test_a_wrong_question_in_the_form_is_explained_on_a_page(
    client: AsyncClient, question: str, status: int
) -> None:
    response = await client.post("/", data={"question": question})
    assert response.status_code == status
    assert response.headers["content-type"].startswith("text/html")


async def test_an_answer_s_fragment_has_linked_markers_and_its_sources(client: AsyncClient) -> None:
    answer = (await client.post("/v1/chat/completions", json=asks(QUESTION))).json()
    read = Reader((await client.get(f"/answers/{answer['interaction_id']}")).text)
    links = [attributes["href"] for tag, attributes in read.tags if tag == "a"]
    marker, source, *found = links
    assert len(found) == 4  # "Why these passages" leads to each of them
    assert marker == source == answer["choices"][0]["message"]["annotations"][0]["url_citation"]["url"]
    assert read.text.count(answer["citations"][0]["quote"]) == 2
    assert "html" not in read.names()


async def test_an_answer_that_no_model_wrote_says_that_it_is_quoted_and_how_to_connect_a_model(
    client: AsyncClient,
) -> None:
    identity = await ask(client, QUESTION)
    read = Reader((await client.get(f"/answers/{identity}")).text)
    assert "Quoted word for word from the documents" in read.text
    assert "docs/how-to/serve-a-model.md" in read.text
    declined = await ask(client, "Who won the chess tournament in Berlin?")
    assert "Quoted word for word" not in (await client.get(f"/answers/{declined}")).text


async def test_a_declined_answer_looks_different_and_offers_the_closest_passages(client: AsyncClient) -> None:
    identity = await ask(client, "Who won the chess tournament in Berlin?")
    read = Reader((await client.get(f"/answers/{identity}")).text)
    assert "Not in the documents" in read.text
    assert "Places to look" in read.text
    assert [attributes["href"] for tag, attributes in read.tags if tag == "a"]


async def test_words_of_ragloop_s_own_are_in_the_question_s_language_and_written_in_its_direction(
    client: AsyncClient,
) -> None:
    identity = await ask(client, "من فاز في بطولة الشطرنج في برلين؟")
    read = Reader((await client.get(f"/answers/{identity}")).text)
    words = wording("ar")
    assert words.declined in read.text
    assert words.not_found in read.text
    assert words.places in read.text
    spoken = [attributes for _, attributes in read.tags if attributes.get("lang") == "ar"]
    assert [each.get("dir") for each in spoken if "dir" in each] == ["rtl", "auto"]
    assert ("section", "rtl") in [(tag, attributes.get("dir")) for tag, attributes in read.tags]
    english = Reader((await client.get(f"/answers/{await ask(client, QUESTION)}")).text)
    assert ("section", "ltr") in [(tag, attributes.get("dir")) for tag, attributes in english.tags]
    assert ("blockquote", "auto") in [(tag, attributes.get("dir")) for tag, attributes in english.tags]


async def test_a_quoted_answer_says_in_the_question_s_language_that_it_is_quoted(client: AsyncClient) -> None:
    identity = await ask(client, f"¿{QUESTION}")
    page = (await client.get(f"/answers/{identity}")).text
    assert "Citado palabra por palabra" in page
    assert '<code dir="ltr">docs/how-to/serve-a-model.md</code>' in page
    assert '<h3 lang="es">Fuentes</h3>' in page
    assert 'aria-label="Fuente 1"' in page


async def test_a_hostile_answer_is_harmless(world: World) -> None:
    hostile = f"{XSS} [1] [x](javascript:alert(1)) ![p](https://tracker.example/p.png) [1](https://evil.example) `[1]`"
    async with world.client(Scripted([hostile])) as client:
        identity = await ask(client, QUESTION)
        page = (await client.get(f"/?turn={identity}")).text
    read = Reader(page)
    assert "img" not in read.names()
    assert [attributes.get("src") for tag, attributes in read.tags if tag == "script"] == ["/static/chat.js"]
    assert all((attributes.get("href") or "/").startswith(("/", "#main")) for _, attributes in read.tags)
    assert len([1 for tag, attributes in read.tags if attributes.get("class") == "cite"]) == 3


async def test_a_hostile_question_title_and_address_are_shown_as_text(client: AsyncClient, world: World) -> None:
    document = world.add(f"x/{XSS}.md", f"Quotation marks stand here. {XSS}", title=f'"{XSS}', page_starts=())
    identity = await ask(client, f"{XSS} quotation marks stand here?")
    for path in (f"/?turn={identity}", f"/documents/{document.id}", "/documents", "/"):
        read = Reader((await client.get(path)).text)
        assert "img" not in read.names(), path
        assert all(attributes.get("src") == "/static/chat.js" for tag, attributes in read.tags if tag == "script"), path


# ---------------------------------------------------------------- documents


async def opened(client: AsyncClient, document: Document | str, **query: object) -> Reader:
    identity = document if isinstance(document, str) else document.id
    response = await client.get(f"/documents/{identity}", params={key: str(value) for key, value in query.items()})
    assert response.status_code == 200
    return Reader(response.text)


async def test_a_cited_passage_is_marked_in_its_document(client: AsyncClient) -> None:
    quote = "Every employee has thirty days of holiday each year."
    start = HOLIDAYS.index(quote)
    read = await opened(client, HOLIDAYS_ID, start=start, end=start + len(quote))
    assert read.marked == quote
    assert "They expire at the end of March." in read.text


async def test_the_panel_is_the_document_without_the_page(client: AsyncClient) -> None:
    read = await opened(client, HOLIDAYS_ID, start=12, end=17, view="panel")
    assert read.marked == "Every"
    assert not {"html", "header", "nav"} & set(read.names()) - {"header"}
    assert "Skip to content" not in read.text


async def test_the_page_number_is_shown_for_paged_formats(client: AsyncClient, world: World) -> None:
    report = world.add("x/report.pdf", "First page.\nSecond page.\nThird.", page_starts=(0, 12, 25))
    assert "page 2 of 3" in (await opened(client, report, start=12, end=18)).text


async def test_a_document_that_came_with_a_message_leads_to_it(tmp_path: Path) -> None:
    world = World(tmp_path).ingest()
    message = world.add("x/offer.eml", "The offer is attached.", title="Our offer")
    prices = world.add("x/offer.eml//prices.csv", "A desk costs forty euros.")
    hidden = world.add("x/secret.eml//plan.md", "We move in May.")
    world.add("x/secret.eml", "The secret plan.", title="Secret", access=("board",))
    async with world.client(Authorization=f"Bearer {world.key()}") as client:
        read = Reader((await client.get(f"/documents/{prices.id}")).text)
        assert "Attached to Our offer" in " ".join(read.text.split())
        assert f"/documents/{message.id}" in [attributes.get("href") for tag, attributes in read.tags if tag == "a"]
        assert "Secret" not in (await client.get(f"/documents/{hidden.id}")).text
        assert "Attached to" not in (await client.get(f"/documents/{message.id}")).text
        asked = (await client.post("/v1/chat/completions", json=asks("What does a desk cost in euros?"))).json()
        shown = Reader((await client.get(f"/answers/{asked['interaction_id']}")).text)
    assert asked["citations"][0]["uri"] == prices.uri
    assert "offer.eml" in shown.text


async def test_plain_text_is_shown_as_it_is(client: AsyncClient, world: World) -> None:
    text = "# not a heading\n   <b>indented</b>\n"
    document = world.add("x/notes.txt", text, text_format=TextFormat.PLAIN)
    read = await opened(client, document, start=2, end=5)
    assert read.marked == "not"
    assert text in read.text


async def test_a_quote_that_moved_is_found_and_one_that_is_gone_is_recalled(client: AsyncClient, world: World) -> None:
    answer = (await client.post("/v1/chat/completions", json=asks(QUESTION))).json()
    url = answer["choices"][0]["message"]["annotations"][0]["url_citation"]["url"]
    quote = answer["citations"][0]["quote"]
    world.add("handbook/holidays.md", f"New first line.\n\n{HOLIDAYS}", title="Holidays")
    moved = Reader((await client.get(url)).text)
    assert moved.marked == quote
    assert "has changed since" in moved.text
    world.add("handbook/holidays.md", "Everything was rewritten, at some length, to say nothing.", title="Holidays")
    gone = Reader((await client.get(url)).text)
    assert gone.marked == ""
    assert "no longer in it" in gone.text
    assert quote in gone.text


async def test_a_span_beyond_the_document_is_not_an_error(client: AsyncClient) -> None:
    read = await opened(client, HOLIDAYS_ID, start=10_000, end=10_010)
    assert read.marked == ""
    assert "has changed" in read.text


async def test_links_between_documents_work_where_the_reader_may_follow_them(tmp_path: Path) -> None:
    world = World(tmp_path, {"environment": "production"}).ingest()
    text = (
        "[in](../handbook/holidays.md#carrying) [hidden](salaries.md) [gone](missing.md) [out](../../other/x.md)"
        " [web](https://example.org/holidays.md) [odd](%00.md) [self](./guide.md)"
    )
    guide = world.add("handbook/guide.md", text)
    async with world.client(Authorization=f"Bearer {world.key()}") as client:
        read = await opened(client, guide, start=0, end=4)
    links = [attributes["href"] for tag, attributes in read.tags if tag == "a"]
    assert [link for link in links if link and link.startswith("/documents/")] == [
        f"/documents/{HOLIDAYS_ID}", f"/documents/{guide.id}",
    ]  # fmt: skip
    assert "in hidden gone out web odd self" in read.text
    assert read.marked == "in"


async def test_a_title_that_the_text_begins_with_is_shown_once(client: AsyncClient, world: World) -> None:
    untitled = world.add("x/untitled.md", "Just text.", title="A title")
    for identity, hidden in ((HOLIDAYS_ID, True), (untitled.id, False)):
        read = await opened(client, identity)
        assert [attributes.get("class") == "unseen" for tag, attributes in read.tags if tag == "h1"] == [hidden]


async def test_a_long_document_is_shown_in_parts_around_the_quote(client: AsyncClient, world: World) -> None:
    lines = [f"Line number {number} of many." for number in range(12_000)]
    text = "\n\n".join(lines)
    document = world.add("x/long.md", text[:60])
    world.documents.save("x", "fake", [Document("x/long.md", "Long", text, TextFormat.MARKDOWN, "text/markdown", "0")])
    start = text.index("Line number 6000 ")
    read = await opened(client, document, start=start, end=start + 16)
    assert read.marked == "Line number 6000"
    assert "Line number 1 " not in read.text
    seen, path = "", f"/documents/{document.id}"
    while path:
        page = Reader((await client.get(path)).text)
        seen += page.text
        later = [attributes["href"] for tag, attributes in page.tags if "at=" in (attributes.get("href") or "")]
        path = (later[-1] or "") if "Later part" in page.text else ""
    assert all(line in seen for line in lines[::97])


async def test_the_documents_page_lists_titles(client: AsyncClient) -> None:
    read = Reader((await client.get("/documents")).text)
    assert "Holidays" in read.text
    assert "handbook/salaries.md" in read.text
