"""Where a prompt comes from in a Git repository, and that nothing of the repository is ever run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.storage.prompt_ledger import PromptOrigin
from serving.prompts import origin
from serving.prompts.origin import origin_of
from tests.support.git_repository import git
from tests.support.needs import Need, requires

TEXT = "name: answer\nversion: 3\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A prompt in a folder of a repository, committed."""
    path = tmp_path / "repository" / "prompts" / "answer" / "3.yaml"
    path.parent.mkdir(parents=True)
    git(tmp_path / "repository", "init", "--quiet")
    path.write_text(TEXT)
    git(tmp_path / "repository", "add", ".")
    git(tmp_path / "repository", "commit", "--quiet", "--message", "a prompt")
    return path


def test_a_committed_file_has_commit_and_path(file: Path) -> None:
    commit = git(file.parent, "rev-parse", "HEAD")
    assert origin_of(file, TEXT) == PromptOrigin(commit, "prompts/answer/3.yaml", modified=False)


def test_a_text_that_the_commit_does_not_hold_is_modified(file: Path) -> None:
    commit = git(file.parent, "rev-parse", "HEAD")
    assert origin_of(file, TEXT + "\n") == PromptOrigin(commit, "prompts/answer/3.yaml", modified=True)
    assert origin_of(file.with_name("4.yaml"), TEXT) == PromptOrigin(commit, "prompts/answer/4.yaml", modified=True)


def test_a_file_in_no_repository_has_no_origin_nor_has_one_before_the_first_commit(tmp_path: Path) -> None:
    path = tmp_path / "3.yaml"
    path.write_text(TEXT)
    assert origin_of(path, TEXT) is None
    git(tmp_path, "init", "--quiet")
    assert origin_of(path, TEXT) is None


def test_without_git_there_is_no_origin_and_no_error(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(file.parent))
    assert origin_of(file, TEXT) is None


def test_a_git_that_hangs_or_fails_is_given_up(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for does in ("sleep 30", "exit 3", "printf '\\377\\n\\n'"):
        program = tmp_path / "bin" / "git"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{does}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        assert origin_of(file, TEXT) is None


def test_nothing_that_the_repository_names_is_run(file: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {ran}\ncat\n")
    trap.chmod(0o755)
    (file.parents[2] / ".gitattributes").write_text("* filter=trap diff=trap\n")
    for name in ("core.fsmonitor", "core.pager", "filter.trap.clean", "diff.trap.textconv", "core.sshCommand",
                 "alias.rev-parse", "core.editor", "credential.helper"):  # fmt: skip
        git(file.parent, "config", name, f"!{trap}" if name.startswith(("alias", "credential")) else str(trap))
    hooks = file.parents[2] / ".git" / "hooks"
    for name in ("post-checkout", "pre-commit", "post-index-change", "reference-transaction"):
        (hooks / name).write_text(trap.read_text())
        (hooks / name).chmod(0o755)
    ran.unlink(missing_ok=True)
    found = origin_of(file, TEXT)
    assert found is not None
    assert not found.modified
    assert not ran.exists()


def test_nothing_is_fetched_by_a_git_that_knows_no_other_way_to_be_kept_from_it(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partial clone whose promisor is a command."""
    monkeypatch.delitem(origin._ENVIRONMENT, "GIT_NO_LAZY_FETCH")
    ran = tmp_path / "ran"
    settings = {
        "core.repositoryFormatVersion": "1", "extensions.partialClone": "far", "remote.far.promisor": "true",
        "remote.far.url": f"ext::sh -c touch% {ran}", "protocol.ext.allow": "always", "protocol.allow": "always",
    }  # fmt: skip
    for name, value in settings.items():
        git(file.parent, "config", name, value)
    tree = git(file.parent, "rev-parse", "HEAD^{tree}")
    (file.parents[2] / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    origin_of(file, TEXT)
    assert not ran.exists()


@requires(Need.ROOT)
def test_a_repository_of_another_user_is_read_too(file: Path) -> None:
    for path in (file.parents[2], *file.parents[2].rglob("*")):
        os.chown(path, 4321, 4321)
    assert origin_of(file, TEXT) is not None


def test_a_hook_that_calls_us_does_not_hand_its_repository_down(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert origin_of(file, TEXT) is not None
