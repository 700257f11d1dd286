"""The one error tree. Everything RAGLoop raises on purpose is one of these.

    RagloopError                    500  exit 1
    ├── InputError                  400  exit 2   the caller can mend it
    │   ├── SettingsError           -             an unknown or invalid setting
    │   ├── TooLargeError           413
    │   │   └── ContextTooLongError               the question alone fills the model's context
    │   ├── AdapterError            -             an adapter that cannot be used, and why
    │   ├── AuthenticationError     401
    │   ├── PermissionDeniedError   403
    │   │   └── RoleNeededError                   another key may have the role
    │   ├── NotFoundError           404
    │   └── ConflictError           409           the state of the system forbids it
    │       └── CollectionMismatchError           a collection opened with another embedder or schema
    ├── UnavailableError            503           something we depend on is down; Retry-After
    │   ├── IndexUnavailableError
    │   ├── StoreUnavailableError
    │   ├── ReleaseUnavailableError           the champion cannot be opened by this process
    │   ├── BusyError               429           too many answers are being written
    │   ├── TooManyVotesError       429           the author's votes of a day are used up
    │   └── ModelUnavailableError             the model server is down, slow or broke off
    │       └── ModelRefusedError                 it answers, but refuses: key, model name, request
    ├── StoredValueError            -             a row holds what this version cannot read
    ├── JudgeError                  -             a judge gave no usable judgement; the row is listed as failed
    └── ConversionError             -             one document could not be read; the run goes on

Each carries a message for people, a hint that says what to do, an HTTP status and a process exit code.
"""

from __future__ import annotations

from enum import StrEnum


class RagloopError(Exception):
    """Base of every deliberate error: `message` says what happened, `hint` what to do about it."""

    status = 500
    exit_code = 1
    type = "internal_error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(RagloopError):
    """The request is at fault; the same request will fail again."""

    status = 400
    exit_code = 2
    type = "invalid_request_error"


class SettingsError(InputError):
    """A setting is unknown or has a value that cannot be used."""

    type = "invalid_setting"


class TooLargeError(InputError):
    """A question, a body or a file exceeds its limit."""

    status = 413
    type = "too_large"


class ContextTooLongError(TooLargeError):
    """The question and the conversation leave no room for a passage in the model's context."""

    type = "context_too_long"


class AdapterError(InputError):
    """An adapter is missing, corrupt, of another base model, or refused by the model server."""

    type = "adapter_error"


class AuthenticationError(InputError):
    """No API key, or one that is unknown, expired or revoked."""

    status = 401
    type = "authentication_error"


class PermissionDeniedError(InputError):
    """The key is good but does not allow this."""

    status = 403
    type = "permission_error"


class RoleNeededError(PermissionDeniedError):
    """The key lacks the role that this needs: core.permissions says which."""


class NotFoundError(InputError):
    """The thing named does not exist, or the caller may not see it."""

    status = 404
    type = "not_found_error"


class ConflictError(InputError):
    """The state of the system forbids the operation."""

    status = 409
    type = "conflict_error"


class CollectionMismatchError(ConflictError):
    """A collection was built with another embedder, splitter or schema than the one at hand."""

    type = "collection_mismatch"


class UnavailableError(RagloopError):
    """Something RAGLoop depends on is down. Never turned into an empty result."""

    status = 503
    type = "unavailable_error"

    def __init__(self, message: str, *, hint: str = "", retry_after_seconds: int = 5) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class IndexUnavailableError(UnavailableError):
    """The vector index cannot be read or written."""

    type = "index_unavailable"


class StoreUnavailableError(UnavailableError):
    """The SQL database cannot be read or written."""

    type = "store_unavailable"


class ReleaseUnavailableError(UnavailableError):
    """The release that should answer cannot be opened by this process."""

    type = "release_unavailable"


class BusyError(UnavailableError):
    """As many answers are being written and waiting as are allowed."""

    status = 429
    type = "busy"


class TooManyVotesError(UnavailableError):
    """The author has given as many votes within a day as are taken."""

    status = 429
    type = "too_many_votes"


class ModelUnavailableError(UnavailableError):
    """The model server cannot be reached, is slow, or broke off; answers are extractive until it is back."""

    type = "model_unavailable"


class ModelRefusedError(ModelUnavailableError):
    """The model server answers but refuses what is asked: asking again changes nothing, a setting does."""

    type = "model_refused"


class StoredValueError(RagloopError):
    """A row of the database holds a value that is broken, or that a newer version wrote. The message names both."""

    type = "stored_value_error"


class JudgeError(RagloopError):
    """A judge could not be reached, or what it said is no judgement. The message begins with "the judge"."""

    type = "judge_error"


class FailureKind(StrEnum):
    """Why a document could not be read. The values are stored and reported; do not rename them."""

    UNREADABLE = "unreadable"
    EMPTY = "empty"
    ENCRYPTED = "encrypted"
    TOO_LARGE = "too_large"
    MISMATCH = "mismatch"
    MALFORMED = "malformed"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASHED = "crashed"


class ConversionError(RagloopError):
    """One document could not be read. It is listed in the run report and the run goes on."""

    type = "conversion_error"

    # Load on the machine can cause these, so the next run tries the same bytes again.
    _RETRIED = frozenset({FailureKind.TIMEOUT, FailureKind.MEMORY, FailureKind.CRASHED, FailureKind.UNREADABLE})

    def __init__(self, kind: FailureKind, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind = kind

    @classmethod
    def is_retried(cls, kind: FailureKind) -> bool:
        """Whether the next run should try unchanged bytes again after a failure of this kind."""
        return kind in cls._RETRIED
