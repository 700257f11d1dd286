"""The errors of requests, and the one body that every error has for programs.

    {"error": {"type", "message", "hint", "param", "code"}}

`param` names the field at fault and `code` is OpenAI's, where there is one; else null.
"""

from __future__ import annotations

from typing import Any

from core.errors import AuthenticationError, InputError, NotFoundError, RagloopError, TooLargeError


class ParameterError(InputError):
    """One field of a request is at fault."""

    def __init__(self, message: str, *, param: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.param = param


class MediaTypeError(InputError):
    """The body is not the kind of content the endpoint reads."""

    status = 415


class MethodError(InputError):
    """The path exists, but not for this method."""

    status = 405


class ModelNotFoundError(NotFoundError):
    """The request names a model that is not served here."""


# The codes that OpenAI clients look at.
_CODES: dict[type[RagloopError], str] = {
    AuthenticationError: "invalid_api_key",
    ModelNotFoundError: "model_not_found",
}


def envelope(error: RagloopError) -> dict[str, Any]:
    """The body of an error response."""
    param = error.param if isinstance(error, ParameterError) else None
    if isinstance(error, ModelNotFoundError):
        param = "model"
    return {
        "error": {
            "type": error.type,
            "message": error.message,
            "hint": error.hint,
            "param": param,
            "code": _CODES.get(type(error)),
        }
    }


def unexpected(request_id: str) -> RagloopError:
    """What the client is told of an error that nobody foresaw; the log has the rest under the same id."""
    return RagloopError(
        "Something went wrong inside RAGLoop.", hint=f"The server's log says what, under request {request_id}."
    )


def check_length(question: str, longest: int) -> None:
    """Raises TooLargeError for a question or query beyond `longest` characters."""
    if len(question) > longest:
        raise TooLargeError(
            f"The question has {len(question):,} characters; at most {longest:,} are taken.",
            hint="Shorten it, or raise RAGLOOP_MAX_QUESTION_CHARS.",
        )
