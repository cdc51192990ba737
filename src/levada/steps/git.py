"""The step that clones a git repository.

Tokens never stand in a command line, in the clone's configuration or in a message: git gets them as a header, through
its environment.
"""

from __future__ import annotations

import base64
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from levada.steps.errors import StepExecutionError
from levada.steps.processes import run_program

_ATTEMPTS = 3
_PAUSE_SECONDS = 1.0
_TOKEN_USERS = {"gitlab": "oauth2", "bitbucket": "x-token-auth"}


def git_clone(
    repository: str,
    branch: str | None = None,
    commit_sha: str | None = None,
    include_submodules: bool = False,
    access_token: str | None = None,
    credentials: dict[str, Any] | None = None,
    directories: list[str] | None = None,
    clone_directory_name: str | None = None,
    *,
    into: Path | None = None,
) -> dict[str, str]:
    """Clone a repository, without its history; tried three times.

    Args:
        repository: its address.
        branch: branch or tag; the default branch unless given.
        commit_sha: exactly this commit.
        include_submodules: clone them, too.
        access_token: for https addresses; write ``"{{ $GIT_TOKEN }}"`` to take it from the environment.
        credentials: ``access_token``, or ``username`` and ``password``, in place of `access_token`.
        directories: check out only these folders.
        clone_directory_name: folder to make here; the repository's name unless given.
        into: a folder that is this clone's alone; it is brought up to date when it is there.

    Returns:
        `directory`: where the clone is; `commit`: what was checked out.

    Raises:
        StepExecutionError: it cannot be cloned; no message shows the token.
    """
    url, env, secrets = _access(repository, access_token, credentials)
    target = into or Path.cwd() / (clone_directory_name or _name(url, branch or commit_sha))
    git = _Git(env, secrets, f"git, about the repository {url}")
    with _alone(target) if into is not None else _nobody_else():
        if into is None and target.exists() and any(target.iterdir()):
            raise StepExecutionError(f"The folder {str(target)!r} is there already; git cannot clone {url} into it.")
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                _fetch(git, url, target, branch or commit_sha, include_submodules, directories)
                break
            except StepExecutionError:
                shutil.rmtree(target, ignore_errors=True)
                if attempt == _ATTEMPTS:
                    raise
                time.sleep(_PAUSE_SECONDS * attempt)
        commit = git(target, "rev-parse", "HEAD").strip()
    return {"directory": str(target), "commit": commit}


class _Git:
    def __init__(self, env: dict[str, str], secrets: list[str], what: str) -> None:
        self._env = env
        self._secrets = secrets
        self._what = what

    def __call__(self, folder: Path, *words: str) -> str:
        command = ["git", *words]
        return run_program(command, cwd=folder, env=self._env, secrets=self._secrets, what=self._what).stdout


def _fetch(git: _Git, url: str, target: Path, at: str | None, submodules: bool, directories: list[str] | None) -> None:
    """Bring a folder to the newest commit of what is wanted; begins anew when it is no clone."""
    if not (target / ".git").is_dir():
        target.mkdir(parents=True, exist_ok=True)
        git(target, "init", "--quiet")
        git(target, "remote", "add", "origin", url)
    if directories:
        git(target, "sparse-checkout", "set", *directories)
    lean = ["--filter=blob:none"] if directories else []
    git(target, "fetch", "--quiet", "--depth=1", *lean, "origin", at or "HEAD")
    git(target, "checkout", "--quiet", "--force", "--detach", "FETCH_HEAD")
    if submodules:
        git(target, "submodule", "--quiet", "update", "--init", "--recursive", "--depth=1")


def _access(
    repository: str, token: str | None, credentials: dict[str, Any] | None
) -> tuple[str, dict[str, str], list[str]]:
    """The address without secrets, the environment that lets git in, and the texts nobody may see."""
    env = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    parts = urlsplit(repository)
    given = dict(credentials or {})
    token = token or given.get("access_token") or given.get("token")
    user, password = given.get("username"), given.get("password")
    if parts.scheme in {"http", "https"} and "@" in parts.netloc:
        user, password = user or unquote(parts.username or ""), password or unquote(parts.password or "")
        repository = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    if token:
        host = parts.hostname or ""
        user = next((name for part, name in _TOKEN_USERS.items() if part in host), "x-access-token")
        password = str(token)
    if not (user or password) or parts.scheme not in {"http", "https"}:
        return repository, env, []
    pair = base64.b64encode(f"{user or ''}:{password or ''}".encode()).decode()
    count = int(env.get("GIT_CONFIG_COUNT", "0") or 0)
    root = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/"
    env |= {
        "GIT_CONFIG_COUNT": str(count + 1),
        f"GIT_CONFIG_KEY_{count}": f"http.{root}.extraHeader",
        f"GIT_CONFIG_VALUE_{count}": f"Authorization: Basic {pair}",
    }
    return repository, env, [secret for secret in (password, str(user) if not password else "", pair) if secret]


def _name(url: str, at: str | None) -> str:
    name = url.rstrip("/").rpartition("/")[2].rpartition(":")[2].removesuffix(".git") or "code"
    return f"{name}-{at}".replace("/", "-") if at else name


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """One process at a time brings a shared clone up to date."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.with_name(f".{target.name}.lock"), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _nobody_else() -> Iterator[None]:
    yield
