"""`ragloop adapters`: what is kept, what is loaded where, and what may be unloaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.release import Release, ReleaseEventKind, ReleaseStatus
from core.settings import load_settings
from core.storage.database import Database
from core.storage.releases import Decision, ReleaseRepository
from serving.adapters.store import Adapter, AdapterStore
from tests.support.adapters import write_adapter, write_base
from tests.support.app_world import World
from tests.support.command import run, run_json
from tests.support.mock_model import MockModel


@pytest.fixture
def model(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MockModel]:
    with MockModel() as model:
        monkeypatch.setenv("RAGLOOP_MODEL_URL", model.url)
        yield model


@pytest.fixture
def releases(home: Path) -> Iterator[ReleaseRepository]:
    World(home).ingest()
    with closing(Database.open(load_settings())) as database:
        yield ReleaseRepository(database)


def done(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """What a command that succeeds prints with --json."""
    code, printed = run_json(capsys, *words)
    assert code == 0, printed
    return printed


def kept(home: Path, seed: int = 0, **facts: Any) -> Adapter:
    source = write_adapter(home / f"out-{seed}", seed=seed, facts=facts)
    return AdapterStore(home / "adapters").add(source)


def candidate(releases: ReleaseRepository, adapter: Adapter) -> Release:
    champion = releases.champion()
    assert champion is not None
    generator = {"kind": "llm", "base_model": "base", "adapter_digest": adapter.digest}
    manifest = champion.manifest.model_copy(
        update={"generator": champion.manifest.generator.model_copy(update=generator)}
    )
    return releases.add_candidate(manifest, Decision("ann", ""))


def test_an_adapter_is_added_listed_and_shown(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_adapter(home / "out", facts={"base_model": "base", "dataset_sha256": "d" * 64})
    added = done(capsys, "adapters", "add", str(source), "--base", str(write_base(home / "base")))
    listed = done(capsys, "adapters", "list")
    assert [each["digest"] for each in listed["adapters"]] == [added["digest"]]
    assert listed["adapters"][0]["problem"] == ""
    assert "facts" not in listed["adapters"][0]
    assert done(capsys, "adapters", "show", added["digest"][:8])["facts"]["dataset_sha256"] == "d" * 64

    code, out, err = run(capsys, "adapters", "add", str(source))
    assert (code, out.strip()) == (0, added["digest"])
    assert f"generator.adapter_digest={added['digest']}" in err


def test_what_is_wrong_with_an_adapter_is_said_and_nothing_is_kept(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = write_base(home / "base", outputs=32)
    code, _, err = run(capsys, "adapters", "add", str(write_adapter(home / "out")), "--base", str(base))
    assert code == 2
    assert "another base model" in err
    assert done(capsys, "adapters", "list")["adapters"] == []


def test_a_damaged_adapter_is_listed_with_what_is_wrong(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    adapter = kept(home)
    (adapter.folder / "adapter_model.safetensors").write_bytes(b"")
    (listed,) = done(capsys, "adapters", "list")["adapters"]
    assert "not what it was" in listed["problem"]
    code, out, _ = run(capsys, "adapters", "list")
    assert code == 0
    assert "cannot be used" in out
    assert run(capsys, "adapters", "show", adapter.digest[:8])[0] == 2


def test_an_adapter_is_loaded_and_unloaded(home: Path, model: MockModel, capsys: pytest.CaptureFixture[str]) -> None:
    adapter = kept(home, base_model="base")
    loaded = done(capsys, "adapters", "load", adapter.digest[:8])
    assert loaded == {"name": f"base-{adapter.digest[:16]}", "servers": [model.url]}
    assert model.adapters == {loaded["name"]: str(adapter.folder)}
    assert done(capsys, "adapters", "list")["adapters"][0]["loaded_on"] == [model.url]

    unloaded = done(capsys, "adapters", "unload", adapter.digest[:8])
    assert unloaded == {"unloaded": [{"name": loaded["name"], "servers": [model.url]}]}
    assert model.adapters == {}
    assert done(capsys, "adapters", "unload", adapter.digest[:8]) == {"unloaded": []}


def test_an_adapter_that_does_not_say_what_it_was_trained_on_needs_the_name(
    home: Path, model: MockModel, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = kept(home)
    code, _, err = run(capsys, "adapters", "load", adapter.digest)
    assert code == 2
    assert "--model" in err
    assert run(capsys, "adapters", "load", adapter.digest, "--model", "base")[0] == 0


def test_without_a_model_server_adapters_are_kept_but_not_loaded(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = kept(home, base_model="base")
    code, _, err = run(capsys, "adapters", "load", adapter.digest)
    assert code == 2
    assert "RAGLOOP_MODEL_URL" in err


def test_a_model_server_that_is_down_does_not_hide_the_adapters(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RAGLOOP_MODEL_URL", "http://127.0.0.1:9/v1")
    adapter = kept(home, base_model="base")
    listed = done(capsys, "adapters", "list")
    assert [each["digest"] for each in listed["adapters"]] == [adapter.digest]
    assert "cannot be reached" in listed["servers"]["http://127.0.0.1:9/v1"]
    for command in ("load", "unload"):
        code, _, err = run(capsys, "adapters", command, adapter.digest)
        assert code == 1, "an outage is no fault of the call"
        assert "cannot be reached" in err


def test_pruning_unloads_what_no_release_needs(
    home: Path, model: MockModel, releases: ReleaseRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    adapters = [kept(home, seed, base_model="base") for seed in range(4)]
    before, champion, open_candidate, old = adapters
    for adapter in adapters:
        done(capsys, "adapters", "load", adapter.digest)
    for adapter in (old, before, champion):
        current = releases.champion()
        assert current is not None
        releases.promote(candidate(releases, adapter), current, Decision("eve", "a test"), override=True)
    made = candidate(releases, open_candidate)

    pruned = done(capsys, "adapters", "prune")
    assert [each["name"] for each in pruned["unloaded"]] == [f"base-{old.digest[:16]}"]
    assert set(model.adapters) == {f"base-{each.digest[:16]}" for each in (before, champion, open_candidate)}

    code, _, err = run(capsys, "adapters", "unload", open_candidate.digest)
    assert code == 2
    assert made.id[:12] in err
    assert run(capsys, "adapters", "unload", open_candidate.digest, "--force")[0] == 0
    assert len(model.adapters) == 2


def test_an_adapter_is_removed_for_good_once_no_release_needs_it(
    home: Path, model: MockModel, releases: ReleaseRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = kept(home, base_model="base")
    name = done(capsys, "adapters", "load", adapter.digest)["name"]
    made = candidate(releases, adapter)
    code, _, err = run(capsys, "adapters", "remove", adapter.digest[:8])
    assert code == 2
    assert made.id[:12] in err
    releases.decide(made, ReleaseEventKind.REJECTED, ReleaseStatus.REJECTED, Decision("ann", "a test"))
    removed = done(capsys, "adapters", "remove", adapter.digest[:8])
    assert removed == {"digest": adapter.digest, "copies": 0, "unloaded": [{"name": name, "servers": [model.url]}]}
    assert model.adapters == {}
    assert not adapter.folder.exists()
    assert run(capsys, "adapters", "remove", adapter.digest)[0] == 2
