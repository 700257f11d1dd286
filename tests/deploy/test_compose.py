"""docker-compose.yml: what it promises about secrets, versions, networks and health."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from core.settings import PREFIX, Settings, load_settings
from tests.support.compose import (
    COMPOSE,
    ROOT,
    compose,
    environment,
    members,
    services,
    variables,
)

SECRET = re.compile(r"PASSWORD|KEY|SECRET|AUTH$")
ONCE = {"airflow-init"}
# The services of the design, by the profile that starts them.
PROFILES = {
    "": {
        "app", "postgres", "qdrant", "mlflow",
        "airflow-init", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer",
    },
    "workers": {"airflow-worker", "redis"},
    "gpu": {"vllm"},
    "monitoring": {"prometheus", "grafana"},
}  # fmt: skip
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
SECRETS = {name: f"{name.lower().replace('_', '')}0123456789" for name, kind, _ in variables() if kind == "?"}


def test_the_whole_stack_is_there_and_a_profile_starts_what_it_is_named_after() -> None:
    found: dict[str, set[str]] = {}
    for name, service in services().items():
        assert len(service.get("profiles", [])) <= 1
        found.setdefault("".join(service.get("profiles", [])), set()).add(name)
    assert found == PROFILES


@pytest.mark.parametrize("name", services())
def test_what_is_written_lies_in_a_named_volume_and_what_is_the_hosts_is_read_only(name: str) -> None:
    for volume in services()[name].get("volumes", []):
        if re.match(r"[./$]", volume):
            assert volume.endswith(":ro"), volume
        else:
            assert volume.partition(":")[0] in compose()["volumes"], volume


def test_no_volume_is_left_over() -> None:
    used = {volume.partition(":")[0] for service in services().values() for volume in service.get("volumes", [])}
    assert compose()["volumes"].keys() <= used


@pytest.mark.parametrize("name", services())
def test_every_image_has_an_exact_version(name: str) -> None:
    repository, _, tag = services()[name]["image"].rpartition(":")
    assert repository
    assert re.match(r"v?\d+\.\d+(\.\d+)?\b", tag), tag
    if "ragloop" in repository:
        assert tag == VERSION


@pytest.mark.parametrize("name", services())
def test_every_service_gives_up_privileges_and_keeps_its_log_small(name: str) -> None:
    service = services()[name]
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert not service.get("privileged", False)
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"].keys() >= {"max-size", "max-file"}


@pytest.mark.parametrize("name", sorted(services().keys() - ONCE))
def test_every_service_that_stays_is_watched_and_restarted(name: str) -> None:
    assert services()[name]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert services()[name]["restart"] == "unless-stopped"


def test_no_service_waits_for_one_that_its_profile_does_not_start() -> None:
    for name, service in services().items():
        for other in service.get("depends_on", {}):
            profiles = services()[other].get("profiles")
            assert profiles is None or profiles == service.get("profiles"), (name, other)


def test_a_secret_has_no_default_and_says_what_to_do() -> None:
    for name, kind, text in variables():
        if SECRET.search(name):
            assert kind == "?", name
            assert text == "run deploy/make-env.sh"


def test_no_secret_is_written_down() -> None:
    for service in services().values():
        for name, value in service.get("environment", {}).items():
            if SECRET.search(name) and not name.endswith("_FILE"):
                assert value.startswith("${"), name
    assert not re.search(r"://[^$\s]*:[^$\s@]+@", COMPOSE.read_text(encoding="utf-8"))


def test_every_variable_stands_in_the_example_with_its_default_and_nothing_else_does() -> None:
    shown = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))
    assert shown == {name: "" if kind == "?" else text for name, kind, text in variables()}
    for name, kind, _ in variables():
        assert bool(re.search(rf"^{name}=", EXAMPLE, re.MULTILINE)) is (kind == "?"), name


def test_the_variables_are_not_ragloops_own_settings() -> None:
    # A .env in the working folder is read by the `ragloop` command too.
    assert not [name for name, _, _ in variables() if name.startswith(PREFIX)]


def test_only_the_app_the_tasks_and_prometheus_reach_the_model_server() -> None:
    assert members("model") == {"vllm", "app", "airflow-scheduler", "airflow-worker", "prometheus"}
    assert services()["vllm"]["networks"] == ["model"]
    assert compose()["networks"]["model"]["internal"]


@pytest.mark.parametrize("name", ["vllm", "postgres", "qdrant", "redis", "prometheus", "airflow-worker"])
def test_what_people_do_not_visit_publishes_no_port(name: str) -> None:
    assert "ports" not in services()[name]
    assert "edge" not in services()[name]["networks"] or name == "airflow-worker"


def test_what_is_published_is_reachable_from_this_machine_only_unless_somebody_says_so() -> None:
    published = [port for service in services().values() for port in service.get("ports", [])]
    assert len(published) == 4
    for port in published:
        assert re.match(r"\$\{(ADMIN_)?BIND_ADDRESS:-127\.0\.0\.1\}:", port)


def test_all_networks_but_the_edge_lead_nowhere() -> None:
    networks = compose()["networks"]
    assert {name for name, network in networks.items() if not network.get("internal")} == {"edge"}


@pytest.mark.parametrize("name", ["app", "airflow-scheduler", "airflow-worker"])
def test_the_app_and_the_tasks_see_the_operators_prompts(name: str) -> None:
    path = environment(name, SECRETS)["RAGLOOP_PROMPTS_FOLDER"]
    assert f"${{PROMPTS_FOLDER:-./prompts}}:{path}:ro" in services()[name]["volumes"]


@pytest.mark.parametrize("name", ["app", "airflow-scheduler", "airflow-worker"])
def test_code_and_model_server_see_adapters_at_one_path(name: str) -> None:
    path = environment(name, SECRETS)["RAGLOOP_ADAPTERS_FOLDER"]
    assert f"adapters:{path}" in services()[name]["volumes"]
    assert f"adapters:{path}:ro" in services()["vllm"]["volumes"]
    assert services()["vllm"]["user"] == "10001:10001"  # adapters' files are for their owner only


@pytest.mark.parametrize("name", ["app", "airflow-scheduler", "airflow-worker"])
def test_the_settings_are_ones_that_ragloop_takes_in_production(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in environment(name, SECRETS).items():
        if variable.startswith(PREFIX):
            monkeypatch.setenv(variable, value)
    settings = load_settings()
    assert settings.environment == "production"
    assert settings.keys_required
    assert settings.replicas == ("http://vllm:8000/v1",)
    assert settings.model_api_key is not None
    assert settings.model_api_key.get_secret_value() == environment("vllm", SECRETS)["VLLM_API_KEY"]


def test_the_images_set_no_variable_that_is_no_setting() -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    for name in re.findall(rf"\b{PREFIX}([A-Z_]+)=", text):
        assert name.lower() in Settings.model_fields


def test_it_is_what_the_compose_specification_allows() -> None:
    import check_jsonschema
    import jsonschema

    vendored = check_jsonschema.__path__[0]
    schema = Path(vendored) / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.validate(compose(), json.loads(schema.read_text(encoding="utf-8")))
