"""The connection to an OpenAI-compatible server: key, patience, how many at once, and LangChain's client over it.

Answers, the judge and adapters all reach their servers through it. What goes wrong there is told by
serving.llm.failures, and what may pass is tried again by serving.llm.attempts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

if TYPE_CHECKING:
    import httpx
    import httpx2
    from langchain_openai import ChatOpenAI

# A server on the same network that takes longer to accept a connection is down.
CONNECT_SECONDS = 3.0
# A connection that nothing was asked over for so long is closed, before vLLM closes it, which is after five.
_KEPT_SECONDS = 4.0
_MOST_CONNECTIONS = 100


def open_http(
    key: SecretStr | None, *, connections: int = _MOST_CONNECTIONS, transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """An HTTP client that shows the key. Belongs to one event loop; whoever opens it closes it. `transport` stands in
    for the network in tests."""
    import httpx

    headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    limits = httpx.Limits(max_connections=connections)
    return httpx.AsyncClient(headers=headers, limits=limits, transport=transport)


def open_chat_http(seconds: float) -> httpx2.AsyncClient:
    """The HTTP client that questions go through, as `open_http`; it waits so many seconds for the next piece. It is
    OpenAI's over aiohttp: many streams at once cost half of what they cost over httpx itself."""
    import httpx2
    from openai import DefaultAioHttpClient

    return DefaultAioHttpClient(
        limits=httpx2.Limits(max_connections=0, keepalive_expiry=_KEPT_SECONDS),  # 0: as many as there are questions
        timeout=httpx2.Timeout(seconds, connect=CONNECT_SECONDS),
        follow_redirects=False,
    )


def chat_client(
    url: str | None, model: str, key: SecretStr | None, http: httpx.AsyncClient | httpx2.AsyncClient, **values: Any
) -> ChatOpenAI:
    """LangChain's client of the model at the base URL."""
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model=model, base_url=url, **connected(key, http), **values)


def connected(key: SecretStr | None, http: httpx.AsyncClient | httpx2.AsyncClient) -> dict[str, Any]:
    """What any of LangChain's clients of OpenAI is told of the connection: who tries again is RAGLoop."""
    return {
        # Without one of its own, the client would send whatever OPENAI_API_KEY holds to this endpoint.
        "api_key": key or SecretStr("none"),
        "http_async_client": http,
        "max_retries": 0,
    }
