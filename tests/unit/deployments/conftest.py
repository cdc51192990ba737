"""Files with flows, git repositories, and a control plane to deploy to."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

HELLO = """\
from levada import flow, task


@task
def greet(name: str) -> str:
    return f"Hello, {name}!"


@flow
def hello(name: str = "world", times: int = 1) -> str:
    \"\"\"Says hello.\"\"\"
    return greet(name)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `hello.py`, in which the test works."""
    place = tmp_path / "project"
    place.mkdir()
    (place / "hello.py").write_text(HELLO)
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def write(folder: Path) -> Callable[[str, str], Path]:
    """Writes a file of the folder."""

    def put(name: str, text: str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
        return path

    return put


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, as an author of its own."""
    who = ["-c", "user.name=An Author", "-c", "user.email=author@example.com", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(folder: Path) -> Path:
    """The folder as a git repository with one commit."""
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "A first flow")
    return folder
