"""What goes wrong at a model server, told as RAGLoop's errors: what happened, and which setting mends it."""

from __future__ import annotations

import re

from core.errors import ModelRefusedError, ModelUnavailableError
from core.ports import Generated

# Whoever is busy or restarting may answer a moment later.
_PASSING = frozenset({408, 409, 425, 429})
_OVERFLOW = re.compile(
    r"context (?:length|window)|maximum context|context_length_exceeded|too many tokens", re.IGNORECASE
)
_KEPT = 300


class BrokenOffError(ModelUnavailableError):
    """The model broke off in the middle. `so_far` is what its part of the answer cites and used."""

    def __init__(self, cause: ModelUnavailableError, so_far: Generated) -> None:
        super().__init__(cause.message, hint=cause.hint)
        self.so_far = so_far


class UnknownModelError(ModelRefusedError):
    """The server does not know the model: it never did, or it was started anew and lost an adapter."""


class ContextOverflowError(ModelRefusedError):
    """The server counts more tokens than its model takes."""


class BusyModelError(ModelUnavailableError):
    """The server has too much to do: it is alive."""


class SparedError(ModelUnavailableError):
    """The server was not asked at all, because it failed a moment ago."""


class EmptyAnswerError(ModelUnavailableError):
    """The model ended its answer without a word of text: the server is alive."""


def passes(error: BaseException) -> bool:
    """Whether the same question may be answered a moment later: the network, or a server that is busy or restarting."""
    status = status_of(error)
    if status is not None:
        return status in _PASSING or status >= 500
    return not isinstance(error, TimeoutError) and _is_transport(error)


def took_too_long(error: BaseException) -> bool:
    """Whether whoever asked, or the client, gave up waiting."""
    return isinstance(error, TimeoutError) or "APITimeoutError" in _families(error)


def status_of(error: BaseException) -> int | None:
    """The HTTP status that a provider's error carries, if it does."""
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def explain(error: BaseException, model: str) -> ModelUnavailableError:
    """The error as RAGLoop's. Every provider raises its own kinds, so it goes by status, family and message."""
    if isinstance(error, ModelUnavailableError):
        return error
    status = status_of(error)
    if status is not None:
        return explain_status(status, str(error)[:_KEPT], model)
    if isinstance(error, TimeoutError):
        return ModelUnavailableError(
            "The model is too slow.",
            hint="Look at the model server's load, or raise RAGLOOP_MODEL_FIRST_TOKEN_SECONDS and"
            " RAGLOOP_MODEL_IDLE_SECONDS.",
        )
    if _is_transport(error):
        return ModelUnavailableError(
            f"The model server cannot be reached or broke off: {type(error).__name__}.",
            hint="Start it with `make vllm`, and check RAGLOOP_MODEL_URL.",
        )
    if "APIError" in _families(error):
        return ModelUnavailableError(
            f"The model server failed while it answered: {str(error)[:_KEPT]}.", hint="Look at the model server's log."
        )
    return ModelUnavailableError(
        f"What the model server sends is not a chat completion: {type(error).__name__}: {str(error)[:_KEPT]}.",
        hint="RAGLOOP_MODEL_URL must be the base URL of an OpenAI-compatible endpoint; it mostly ends with /v1.",
    )


def cut_short() -> ModelUnavailableError:
    """A stream that ended without saying that the answer is finished."""
    return ModelUnavailableError(
        "The model's answer was cut off on the way.", hint="Look at the model server's log, and at proxies before it."
    )


def empty() -> EmptyAnswerError:
    """An answer without text."""
    return EmptyAnswerError(
        "The model's answer is empty.",
        hint="Look at the model's chat template, and at generator.sampling of the release.",
    )


def known_to_be_down() -> SparedError:
    """The breaker is open."""
    return SparedError(
        "The model server is down; it is asked again every few seconds.",
        hint="Look at its log; it is used again by itself.",
    )


def counts_as_outage(error: ModelUnavailableError) -> bool:
    """Whether the server is to be spared for a while: not if it answers and refuses, or is merely busy."""
    return not isinstance(error, ModelRefusedError | BusyModelError | EmptyAnswerError)


def explain_status(status: int, said: str, model: str) -> ModelUnavailableError:
    """What it means that a server answers a question to `model` with another status than 200; `said` are its words."""
    if status == 401:
        return ModelRefusedError(
            "The model server does not accept the API key.", hint="Set RAGLOOP_MODEL_API_KEY to one that it knows."
        )
    if status == 403:
        return ModelRefusedError(
            f"The model server does not let this API key use {model}.",
            hint="Give the key that right at the provider, or set RAGLOOP_MODEL_API_KEY to another.",
        )
    if status == 404:
        return UnknownModelError(
            f"The model server does not serve {model}.",
            hint="Serve it under that name, or create a release with generator.base_model set to one that"
            " GET /v1/models of RAGLOOP_MODEL_URL lists; the URL must end before /chat/completions.",
        )
    if status in (400, 413) and _OVERFLOW.search(said):
        return ContextOverflowError(
            "The model server says that the prompt is longer than its context.",
            hint="Set RAGLOOP_MODEL_CONTEXT_TOKENS to the model's window, RAGLOOP_MODEL_TOKENIZER to its tokenizer.",
        )
    if status == 429:
        return BusyModelError(
            "The model server has too many requests.",
            hint="Lower RAGLOOP_MODEL_CONCURRENCY, or add replicas behind RAGLOOP_MODEL_URL.",
        )
    if status >= 500 or status in _PASSING:
        return ModelUnavailableError(
            f"The model server failed with status {status}.", hint="Look at the model server's log."
        )
    return ModelRefusedError(
        f"The model server refuses the request with status {status}: {said}",
        hint="Check generator.sampling of the release, and RAGLOOP_MODEL_PROVIDER.",
    )


def _is_transport(error: BaseException) -> bool:
    """A connection that failed. Clients wrap that differently, so their common family names are looked for too."""
    return isinstance(error, OSError) or not _families(error).isdisjoint({"TransportError", "APIConnectionError"})


def _families(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}
