"""The chat model that the settings and a release name, through LangChain, whose first import takes seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.errors import InputError, SettingsError
from core.release import GeneratorSpec
from core.settings import Settings

if TYPE_CHECKING:
    import httpx
    from langchain_core.language_models import BaseChatModel

# Sampling that OpenAI knows by itself, and what vLLM and its like know beside it. Nothing else is passed on: a release
# must not be able to change what is asked, only how the answer is drawn.
_OPENAI = frozenset({"temperature", "top_p", "seed", "presence_penalty", "frequency_penalty"})
_BEYOND = frozenset({"top_k", "min_p", "repetition_penalty", "min_tokens", "length_penalty"})
_WHOLE = frozenset({"seed", "max_tokens", "top_k", "min_tokens"})

# A server on the same network that takes longer to accept a connection is down.
CONNECT_SECONDS = 3.0


def check_sampling(sampling: Mapping[str, float]) -> None:
    """Raises InputError for a parameter that is not sampling, or a number that it cannot be."""
    known = sorted(_OPENAI | _BEYOND | {"max_tokens"})
    for name, value in sampling.items():
        if name not in known:
            raise InputError(f"generator.sampling: there is no {name}.", hint=f"There is: {', '.join(known)}.")
        if name in _WHOLE and not float(value).is_integer():
            raise InputError(f"generator.sampling: {name} must be a whole number, and is {value}.")
    if sampling.get("max_tokens", 1) < 1:
        raise InputError("generator.sampling: max_tokens must be at least 1.")


def open_http(settings: Settings) -> httpx.AsyncClient:
    """The HTTP client that questions go through. Belongs to one event loop; whoever opens it closes it."""
    import httpx

    patience = max(settings.model_first_token_seconds, settings.model_idle_seconds)
    key = settings.model_api_key.get_secret_value() if settings.model_api_key else None
    return httpx.AsyncClient(
        headers={"Authorization": f"Bearer {key}"} if key else {},
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=settings.model_concurrency),
        timeout=httpx.Timeout(patience, connect=CONNECT_SECONDS),
    )


def open_chat_model(settings: Settings, spec: GeneratorSpec, http: httpx.AsyncClient) -> BaseChatModel:
    """The model of a release at the endpoint of the settings. Raises SettingsError when they do not suffice."""
    from pydantic import SecretStr

    check_sampling(spec.sampling)
    values: dict[str, Any] = {
        # Without one of its own, the client would send whatever OPENAI_API_KEY holds to this endpoint.
        "api_key": settings.model_api_key or SecretStr("none"),
        "http_async_client": http,
        "timeout": http.timeout,
        "max_retries": 0,
        "stream_usage": True,
        **{name: value for name, value in _numbers(spec).items() if name in _OPENAI},
    }
    beyond = {name: value for name, value in _numbers(spec).items() if name in _BEYOND}
    if beyond:
        values["extra_body"] = beyond
    if settings.model_provider == "azure":
        return _azure(settings, spec, values)
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model=_name(spec), base_url=settings.model_url, **values)


def _azure(settings: Settings, spec: GeneratorSpec, values: Mapping[str, Any]) -> BaseChatModel:
    if settings.model_api_version is None:
        raise SettingsError(
            "Azure OpenAI wants to know the version of its API.",
            hint="Set RAGLOOP_MODEL_API_VERSION, as the deployment's page in the Azure portal shows it.",
        )
    from langchain_openai import AzureChatOpenAI

    return AzureChatOpenAI(
        azure_endpoint=settings.model_url,
        azure_deployment=_name(spec),
        api_version=settings.model_api_version,
        **values,
    )


def _name(spec: GeneratorSpec) -> str:
    if not spec.served_model:
        raise InputError("The release names no base model.", hint="Set generator.base_model.")
    return spec.served_model


def _numbers(spec: GeneratorSpec) -> dict[str, float]:
    return {name: int(value) if name in _WHOLE else value for name, value in spec.sampling.items()}
