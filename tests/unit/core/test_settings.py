"""Settings are read once, refuse what they do not know, and say what is wrong in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import SettingsError
from core.settings import Settings, child_environment, is_loopback, load_settings


def test_a_setting_comes_from_its_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGLOOP_TOP_K", "3")
    assert load_settings().top_k == 3


def test_a_setting_comes_from_a_dot_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RAGLOOP_PORT=9000\nSOMETHING_ELSE=1\n")
    monkeypatch.chdir(tmp_path)
    assert load_settings().port == 9000


def test_an_unknown_variable_is_refused_with_the_nearest_known_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGLOOP_TOPK", "3")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert caught.value.message == "Unknown setting RAGLOOP_TOPK."
    assert "RAGLOOP_TOP_K" in caught.value.hint


@pytest.mark.parametrize("name", ["RAGLOOP_MODEL_URL", "RAGLOOP_QDRANT_URL"])
@pytest.mark.parametrize("value", ["", "qdrant:6333", "ftp://qdrant"])
def test_a_server_s_address_is_a_web_address(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name}: is not an http or https URL"):
        load_settings()


def test_an_unknown_name_in_the_dot_env_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RAGLOOP_PROT=9000\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "RAGLOOP_PROT" in caught.value.message
    assert "RAGLOOP_PORT" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [("RAGLOOP_PORT", "eighty"), ("RAGLOOP_PORT", "70000"), ("RAGLOOP_TOP_K", "0"), ("RAGLOOP_ENVIRONMENT", "test")],
)
def test_a_bad_value_names_the_variable_and_the_value(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert name in caught.value.message
    assert value in caught.value.message


@pytest.mark.parametrize("url", ["nonsense", "mysql://user@host/name"])
def test_only_sqlite_and_postgresql_urls_are_taken_and_a_url_is_never_echoed(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("RAGLOOP_DATABASE_URL", url)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "RAGLOOP_DATABASE_URL" in caught.value.message
    assert url not in caught.value.message


@pytest.mark.parametrize(
    "bad",
    [
        {"database_url": "postgresql://ragloop:ragloop@db/ragloop"},
        {"database_url": "postgresql://postgres@db/ragloop"},
        {"qdrant_api_key": "changeme"},
    ],
)
def test_production_refuses_a_default_secret_that_development_takes(bad: dict[str, str]) -> None:
    load_settings(**bad)
    with pytest.raises(SettingsError, match="default"):
        load_settings(environment="production", **bad)


def test_keys_are_required_unless_only_this_machine_can_reach_a_development_server() -> None:
    assert not Settings(host="127.0.0.1").keys_required
    assert not Settings(host="localhost").keys_required
    assert Settings(host="0.0.0.0").keys_required
    assert Settings(host="example.org").keys_required
    assert Settings(host="127.0.0.1", environment="production").keys_required


def test_loopback_is_recognised_in_every_spelling() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "localhost.example.org"))


def test_programs_we_start_have_the_telemetry_of_libraries_switched_off() -> None:
    environment = child_environment()
    assert environment["RAGAS_DO_NOT_TRACK"] == "true"
    assert environment["HF_HUB_DISABLE_TELEMETRY"] == "1"
