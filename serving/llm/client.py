"""The chat model that the settings and a release name, through LangChain, whose first import takes seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.errors import InputError, SettingsError
from core.release import GeneratorSpec
from core.settings import Settings
from serving.llm.connection import chat_client, connected

if TYPE_CHECKING:
    import httpx2
    from langchain_core.language_models import BaseChatModel
    from langchain_openai import AzureChatOpenAI
    from openai import AsyncOpenAI, AsyncStream

# Sampling that OpenAI knows by itself, and what vLLM and its like know beside it. Nothing else is passed on: a release
# must not be able to change what is asked, only how the answer is drawn.
_OPENAI = frozenset({"temperature", "top_p", "seed", "presence_penalty", "frequency_penalty"})
_BEYOND = frozenset({"top_k", "min_p", "repetition_penalty", "min_tokens", "length_penalty"})
_WHOLE = frozenset({"seed", "max_tokens", "top_k", "min_tokens"})
# From what to what each may be. An endpoint that takes less says so when the release is verified.
_RANGES = {
    "temperature": (0.0, 2.0),
    "top_p": (0.001, 1.0),
    "seed": (0, 2**53),
    "presence_penalty": (-2.0, 2.0),
    "frequency_penalty": (-2.0, 2.0),
    "top_k": (-1, 1_000_000),
    "min_p": (0.0, 1.0),
    "repetition_penalty": (0.001, 2.0),
    "min_tokens": (0, 32_768),
    "length_penalty": (-10.0, 10.0),
    "max_tokens": (1, 32_768),
}


def check_sampling(sampling: Mapping[str, float]) -> None:
    """Raises InputError for a parameter that is not sampling, or a number that it cannot be."""
    for name, value in sampling.items():
        if name not in _RANGES:
            raise InputError(
                f"generator.sampling: there is no {name}.", hint=f"There is: {', '.join(sorted(_RANGES))}."
            )
        low, high = _RANGES[name]
        whole = name in _WHOLE and not float(value).is_integer()
        if whole or not low <= value <= high:
            what = "a whole number" if name in _WHOLE else "a number"
            raise InputError(
                f"generator.sampling: {name} cannot be {value:g}.", hint=f"It is {what} from {low:g} to {high:g}."
            )


def open_chat_model(settings: Settings, spec: GeneratorSpec, http: httpx2.AsyncClient) -> BaseChatModel:
    """The model of a release at the endpoint of the settings. Raises SettingsError when they do not suffice."""
    check_sampling(spec.sampling)
    values: dict[str, Any] = {
        "timeout": http.timeout,
        "stream_usage": True,
        "stream_chunk_timeout": None,  # whoever reads the stream is patient for as long as the settings say
        **{name: value for name, value in _numbers(spec).items() if name in _OPENAI},
    }
    beyond = {name: value for name, value in _numbers(spec).items() if name in _BEYOND}
    if beyond:
        values["extra_body"] = beyond
    key = settings.model_api_key
    model = (
        _azure(settings, spec, {**connected(key, http), **values})
        if settings.model_provider == "azure"
        else chat_client(settings.model_url, _name(spec), key, http, **values)
    )
    model.async_client = _PlainChunks(model.root_async_client)
    return model


class _PlainChunks:
    """Stands for the completions of OpenAI's client, which makes objects of all that a streamed chunk holds: as much
    work as all the rest that is done with a piece of text. LangChain takes the chunks as they come as well."""

    def __init__(self, client: AsyncOpenAI) -> None:
        self._client = client
        self.with_raw_response = client.chat.completions.with_raw_response  # LangChain's way to a whole answer

    async def create(self, *, extra_body: Mapping[str, Any] | None = None, **body: Any) -> AsyncStream[object]:
        """Ask for a stream. Raises what the client raises."""
        from openai import AsyncStream

        return await self._client.post(
            "/chat/completions",
            body={**body, **(extra_body or {})},
            cast_to=object,
            stream=True,
            stream_cls=AsyncStream[object],
        )


def _azure(settings: Settings, spec: GeneratorSpec, values: Mapping[str, Any]) -> AzureChatOpenAI:
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
