"""Where the code of a flow is kept, if not in a folder that every process sees: git, object stores, folders.

A storage says how code is fetched, twice: to this process now (`pull_code`, into a cache of the home), and to the
process of each run (`to_pull_step`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

from levada.core.errors import ConfigurationError
from levada.core.identity import content_digest
from levada.deployments.code import checkout_of, refuse_secrets
from levada.settings import get_current_settings
from levada.steps import expand
from levada.steps.git import git_clone
from levada.steps.remote import pull_from_remote_storage

_GIT_HOSTS = frozenset({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org"})

PullStep = dict[str, dict[str, Any]]


@runtime_checkable
class Storage(Protocol):
    """Where code is kept."""

    @property
    def destination(self) -> Path:
        """The folder of this machine in which it lies after `pull_code`."""
        ...

    def pull_code(self) -> Path:
        """Fetch the code, or what changed of it."""
        ...

    def to_pull_step(self) -> PullStep | None:
        """The step by which the process of a run fetches it; None: it is where it is."""
        ...


class LocalStorage:
    """A folder of this machine, used as it lies.

    Args:
        path: the folder.
        pull_interval: not looked at: every run reads the folder as it is.
    """

    def __init__(self, path: str | os.PathLike[str], pull_interval: int | None = None) -> None:
        del pull_interval
        self.path = Path(str(path).removeprefix("file://").removeprefix("local://")).expanduser().resolve()

    @property
    def destination(self) -> Path:
        """The folder itself."""
        return self.path

    def pull_code(self) -> Path:
        """Look whether the folder is there.

        Raises:
            ConfigurationError: it is not.
        """
        if not self.path.is_dir():
            raise ConfigurationError(f"There is no folder {str(self.path)!r} to take code from.")
        return self.path

    def to_pull_step(self) -> PullStep | None:
        """None: runs go to the folder."""
        return None

    def __repr__(self) -> str:
        return f"LocalStorage({str(self.path)!r})"


class GitRepository:
    """A git repository.

    Args:
        url: of the repository, without user and password in it.
        credentials: ``{"access_token": …}`` or ``{"username": …, "password": …}``; write values as
            ``"{{ $VARIABLE }}"``, so that each process takes them from its own environment and they are stored nowhere.
        name: of the folder; made from the URL unless given.
        branch: its branch or tag; the default branch unless given.
        commit_sha: exactly this commit.
        include_submodules: fetch submodules too.
        pull_interval: not looked at: every run fetches what is newest.
        directories: only these folders of it.
        pin: runs get the commit that was newest when they were deployed, and not what is newest when they begin. So a
            version of the deployment is one state of the code, and rolling back brings that state back.

    Raises:
        ConfigurationError: both a branch and a commit, or credentials that are not understood.
    """

    def __init__(
        self,
        url: str,
        credentials: dict[str, Any] | None = None,
        name: str | None = None,
        branch: str | None = None,
        commit_sha: str | None = None,
        include_submodules: bool = False,
        pull_interval: int | None = 60,
        directories: list[str] | None = None,
        pin: bool = False,
    ) -> None:
        del pull_interval
        if branch is not None and commit_sha is not None:
            raise ConfigurationError("A repository is checked out at a branch or at a commit; give one of the two.")
        self.url = url
        self.credentials = _checked(credentials)
        self.branch = branch
        self.commit_sha = commit_sha
        self.include_submodules = include_submodules
        self.directories = list(directories) if directories else None
        self.pin = pin
        self.name = name or _folder_name(url, branch or commit_sha)

    @property
    def destination(self) -> Path:
        """A folder in the cache of the home, one for each repository and branch."""
        mark = content_digest(f"{self.url}\0{self.branch}\0{self.commit_sha}\0{self.directories}".encode())
        return get_current_settings().home.expanduser() / "cache" / "code" / f"{self.name}-{mark[:12]}"

    def pull_code(self) -> Path:
        """Clone the repository, or bring the clone up to date."""
        found = git_clone(**expand(self._arguments()), into=self.destination)
        return Path(found["directory"])

    def to_pull_step(self) -> PullStep | None:
        """A step that clones it.

        Raises:
            ConfigurationError: a password would be stored with the deployment.
        """
        arguments = self._arguments()
        refuse_secrets([{"the repository": arguments}])
        if self.pin and self.commit_sha is None:
            arguments.pop("branch", None)
            arguments["commit_sha"] = checkout_of(self.pull_code()).commit
        return {"levada.steps.git_clone": arguments}

    def _arguments(self) -> dict[str, Any]:
        given: dict[str, Any] = {
            "repository": self.url,
            "branch": self.branch,
            "commit_sha": self.commit_sha,
            "include_submodules": self.include_submodules or None,
            "directories": self.directories,
            "clone_directory_name": self.name,
            "credentials": self.credentials,
        }
        return {key: value for key, value in given.items() if value is not None}

    def __repr__(self) -> str:
        return f"GitRepository({self.name!r})"


class RemoteStorage:
    """A folder on whatever fsspec reaches: ``s3://bucket/flows``, ``gs://…``, ``sftp://…``.

    Args:
        url: of the folder.
        pull_interval: not looked at: every run fetches what is newest.
        settings: options of fsspec's file system; write secrets as ``"{{ $VARIABLE }}"``.
    """

    def __init__(self, url: str, pull_interval: int | None = 60, **settings: Any) -> None:
        del pull_interval
        if "://" not in url:
            raise ConfigurationError(f"{url!r} has no scheme, such as s3://.")
        self.url = url
        self.settings = settings

    @property
    def destination(self) -> Path:
        """A folder in the cache of the home."""
        mark = content_digest(self.url.encode())
        return get_current_settings().home.expanduser() / "cache" / "code" / f"remote-{mark[:12]}"

    def pull_code(self) -> Path:
        """Fetch the folder."""
        found = pull_from_remote_storage(self.url, into=self.destination, **expand(self.settings))
        return Path(found["directory"])

    def to_pull_step(self) -> PullStep | None:
        """A step that fetches it."""
        return {"levada.steps.pull_from_remote_storage": {"url": self.url, **self.settings}}

    def __repr__(self) -> str:
        return f"RemoteStorage({self.url!r})"


def create_storage_from_source(source: str | os.PathLike[str], pull_interval: int | None = 60) -> Storage:
    """The storage that an address means: git when it says so or ends in ``.git``, a URL of fsspec, else a folder.

    Args:
        source: address or path.
        pull_interval: not looked at.
    """
    text = str(source)
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    is_git = text.endswith(".git") or scheme in {"git", "ssh"} or scheme.startswith("git+") or text.startswith("git@")
    if is_git or (scheme == "https" and urlsplit(text).hostname in _GIT_HOSTS):
        return GitRepository(text.removeprefix("git+"), pull_interval=pull_interval)
    if scheme and scheme not in {"file", "local"}:
        return RemoteStorage(text, pull_interval)
    return LocalStorage(text)


def as_storage(source: Any) -> Storage:
    """What a source means: a storage as it is, or an address.

    Raises:
        ConfigurationError: it is neither.
    """
    if isinstance(source, (str, os.PathLike)):
        return create_storage_from_source(source)
    if isinstance(source, Storage):
        return source
    raise ConfigurationError(
        f"Code is taken from a path, a URL, or a storage such as GitRepository; got {type(source).__name__}."
    )


def _checked(credentials: dict[str, Any] | None) -> dict[str, Any] | None:
    if credentials is None:
        return None
    if not isinstance(credentials, dict) or not set(credentials) <= {"access_token", "token", "username", "password"}:
        raise ConfigurationError("Credentials are a dict of `access_token`, or of `username` and `password`.")
    return dict(credentials)


def _folder_name(url: str, at: str | None) -> str:
    name = url.rstrip("/").rpartition("/")[2].rpartition(":")[2].removesuffix(".git") or "code"
    return f"{name}-{at}".replace("/", "-") if at else name


__all__ = ["GitRepository", "LocalStorage", "RemoteStorage", "Storage", "create_storage_from_source"]
