"""What the code of a deployment is: place, digest, and what git says."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from levada import flow
from levada.core.errors import ConfigurationError
from levada.deployments.code import checkout_of, digest_of, place_of, without_secrets
from levada.flows import load_flow_from_entrypoint
from tests.unit.deployments.conftest import git

Write = Callable[[str, str], Path]


def test_a_flow_below_the_working_directory_counts_from_there(folder: Path, write: Write) -> None:
    (folder / "flows").mkdir()
    (folder / "hello.py").rename(folder / "flows" / "hello.py")

    assert place_of(load_flow_from_entrypoint("flows/hello.py:hello")) == (folder, "flows/hello.py:hello")


def test_a_flow_elsewhere_counts_from_its_own_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = load_flow_from_entrypoint("hello.py")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    assert place_of(found) == (folder, "hello.py:hello")


def test_a_flow_inside_a_function_cannot_be_deployed() -> None:
    @flow
    def inner() -> None: ...

    with pytest.raises(ConfigurationError, match="Move it to a file"):
        place_of(inner)


def test_git_tells_commit_branch_origin_and_changes(repository: Path) -> None:
    git(repository, "remote", "add", "origin", "https://someone:secret@example.com/team/flows.git")

    clean = checkout_of(repository)
    (repository / "hello.py").write_text("print('changed')")

    assert clean.commit == git(repository, "rev-parse", "HEAD")
    assert (clean.branch, clean.repository, clean.dirty) == ("main", "https://example.com/team/flows.git", False)
    assert checkout_of(repository).dirty


def test_no_repository_says_nothing(folder: Path) -> None:
    found = checkout_of(folder)
    assert (found.commit, found.branch, found.repository, found.dirty) == (None, None, None, False)


def test_no_git_at_all_says_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert checkout_of(folder).commit is None
    assert digest_of(folder, "hello.py:hello") is not None


def test_the_digest_follows_python_files_and_nothing_that_flows_write(folder: Path, write: Write) -> None:
    first = digest_of(folder, "hello.py:hello")
    write("out.csv", "1,2")
    write(".venv/pyvenv.cfg", "")
    write(".venv/lib/thing.py", "1")
    write("env/pyvenv.cfg", "")
    write("env/lib/thing.py", "1")
    unchanged = digest_of(folder, "hello.py:hello")
    write("helpers/words.py", "HELLO = 'hi'")

    assert first == unchanged
    assert digest_of(folder, "hello.py:hello") != first


def test_in_a_repository_the_digest_follows_what_git_tracks(repository: Path, write: Write) -> None:
    first = digest_of(repository, "hello.py:hello")
    write("out.sql", "select 1")
    write("levada.yaml", "deployments: []")
    assert digest_of(repository, "hello.py:hello") == first

    git(repository, "add", "out.sql")
    assert digest_of(repository, "hello.py:hello") != first


def test_the_digest_is_the_same_in_another_folder_and_before_the_commit(repository: Path, tmp_path: Path) -> None:
    (repository / "hello.py").write_text("import os")
    before = digest_of(repository, "hello.py:hello")
    git(repository, "commit", "-qam", "Another")
    subprocess.run(["git", "clone", "-q", str(repository), str(tmp_path / "clone")], check=True)

    assert digest_of(repository, "hello.py:hello") == before == digest_of(tmp_path / "clone", "hello.py:hello")


def test_files_that_git_does_not_track_make_a_checkout_dirty_only_when_they_are_code(
    repository: Path, write: Write
) -> None:
    write("out.csv", "1,2")
    assert not checkout_of(repository).dirty
    write("new.py", "1")
    assert checkout_of(repository).dirty


def test_of_a_folder_with_too_much_in_it_the_entrypoint_and_its_folder_count(
    folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("levada.deployments.code._MOST_ENTRIES", 10)
    write("flows/job.py", "1")
    for number in range(20):
        write(f"data/{number}.txt", "")
    first = digest_of(folder, "flows/job.py:flow")
    write("other.py", "2")
    assert digest_of(folder, "flows/job.py:flow") == first
    write("flows/beside.py", "2")
    assert digest_of(folder, "flows/job.py:flow") != first


def test_a_file_that_git_ignores_counts_when_it_is_the_entrypoint(repository: Path, write: Write) -> None:
    write(".gitignore", "private.py")
    write("private.py", "1")
    first = digest_of(repository, "private.py:flow")
    write("private.py", "2")
    assert digest_of(repository, "private.py:flow") != first


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:token@example.com:8443/a.git", "https://example.com:8443/a.git"),
        ("https://example.com/a.git", "https://example.com/a.git"),
        ("git@example.com:team/a.git", "git@example.com:team/a.git"),
        ("ssh://git@example.com/a.git", "ssh://git@example.com/a.git"),
        ("/srv/git/a.git", "/srv/git/a.git"),
    ],
)
def test_no_password_of_a_remote_is_kept(url: str, shown: str) -> None:
    assert without_secrets(url) == shown
