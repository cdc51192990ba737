"""What the code of a deployment is: where it lies, a digest of it, and what git says about it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b, sha1
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from msgspec import Struct

from levada.core.errors import ConfigurationError

if TYPE_CHECKING:
    from levada.flows import Flow

MOST_FILES = 5_000
"""A folder without git that holds more Python files is not digested as a whole."""

_MOST_ENTRIES = 50_000

_GIT_SECONDS = 20.0
_BESIDES = frozenset({
    "pyproject.toml", "uv.lock", "pylock.toml", "poetry.lock", "setup.cfg", "setup.py", "requirements.txt",
})  # fmt: skip
_TOLD_ELSEWHERE = (".md", ".rst", "-deployment.yaml", "levada.yaml", "prefect.yaml")
"""Endings of files that say nothing about what runs, or what the deployment says itself."""


class Checkout(Struct, frozen=True):
    """What git knows about a folder; all None where there is no git.

    Attributes:
        commit: hash of the commit that is checked out.
        branch: its branch; None on no branch.
        repository: address of the remote `origin`, without user and password.
        dirty: files below the folder differ from the commit, or Python files are in no commit.
    """

    commit: str | None = None
    branch: str | None = None
    repository: str | None = None
    dirty: bool = False


def checkout_of(folder: Path) -> Checkout:
    """What git says about a folder; nothing at all when there is no git, or no repository."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return Checkout()
    branch = _git(folder, "symbolic-ref", "--quiet", "--short", "HEAD")
    origin = _git(folder, "remote", "get-url", "origin")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".") or _unknown(folder)
    return Checkout(commit, branch or None, without_secrets(origin) if origin else None, bool(changes))


def without_secrets(url: str) -> str:
    """The address of a repository without user and password in it."""
    parts = urlsplit(url)
    if not parts.hostname or "@" not in parts.netloc or parts.scheme == "ssh":
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def digest_of(folder: Path, entrypoint: str) -> str | None:
    """Digest of the code below a folder, as 32 hexadecimal digits.

    In a git repository these are the files that git tracks, as they are on the disk, and Python files that it does not
    know yet. Elsewhere it is the Python files and what says which packages they need. When there are too many, those in
    the folder of the entrypoint count, or its file alone.

    Args:
        folder: in which the code lies.
        entrypoint: relative to it.

    Returns:
        None when no file of it can be read.
    """
    entry = Path(entrypoint.partition(":")[0])
    found = _tracked(folder)
    if found is None:
        below = _found(folder)
        if below is None:  # the folder is a home, or the root of a machine
            below = [entry.parent / file for file in _found(folder / entry.parent) or []]
        found = {file.as_posix(): None for file in below}
    found.setdefault(entry.as_posix(), None)
    total = blake2b(digest_size=16)
    counted = 0
    for name, known in sorted(found.items()):
        blob = known or _blob(folder / name)
        if blob is None:
            continue  # tracked and deleted, or a link to nowhere: what is not there does not run
        counted += 1
        total.update(b"%d:%s%s" % (len(name.encode()), name.encode(), blob.encode()))
    return total.hexdigest() if counted else None


def _blob(file: Path) -> str | None:
    """The name that git gives to the content of a file; None when it cannot be read."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    return sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def refuse_secrets(steps: Iterable[Mapping[str, Any]]) -> None:
    """Do nothing when steps can be stored with a deployment, where others can read them.

    Raises:
        ConfigurationError: a password or token is written out; the message does not show it.
    """
    for step in steps:
        for name, arguments in step.items():
            if not isinstance(arguments, Mapping):
                continue
            credentials = arguments.get("credentials")
            given = [arguments.get("access_token"), urlsplit(str(arguments.get("repository", ""))).password]
            given += credentials.values() if isinstance(credentials, Mapping) else [credentials]
            if any(value and "{{" not in str(value) for value in given):
                raise ConfigurationError(
                    f"A password or token in {name} would be stored with the deployment, where others can read it. "
                    "Write `{{ $GIT_TOKEN }}` in its place (access_token, or credentials={'access_token': …}), and set "
                    "GIT_TOKEN where runs execute."
                )


def place_of(flow: Flow[Any, Any], here: Path | None = None) -> tuple[Path, str]:
    """The folder of a flow's code, and its entrypoint relative to that.

    Args:
        flow: written in a file.
        here: the folder from which paths count when the file lies below it; the working directory unless given. A
            file elsewhere counts from its own folder.

    Raises:
        ConfigurationError: the flow cannot be loaded from a file.
    """
    found = flow.entrypoint
    if found is None:
        raise ConfigurationError(
            f"Flow {flow.name!r} is not written at the top of a file (it was made in a prompt, a notebook, or inside "
            "another function), so no other process can load it. Move it to a file."
        )
    file, _, name = found.rpartition(":")
    path = Path(file).resolve()
    root = (here or Path.cwd()).resolve()
    if not path.is_relative_to(root):
        root = path.parent
    return root, f"{path.relative_to(root).as_posix()}:{name}"


def module_entrypoint(flow: Flow[Any, Any]) -> str:
    """The entrypoint of a flow that lies in an installed package: ``package.module:function``.

    Raises:
        ConfigurationError: it lies in no module that others can import.
    """
    function = getattr(flow.fn, "__func__", flow.fn)
    module = getattr(function, "__module__", "")
    name = getattr(function, "__qualname__", "")
    if not module or module == "__main__" or module.startswith("__levada_script_") or "<" in name:
        raise ConfigurationError(f"Flow {flow.name!r} lies in no module that another process can import.")
    return f"{module}:{name}"


def _tracked(folder: Path) -> dict[str, str | None] | None:
    """The files of a repository below a folder, and git's names of their contents, as far as it knows them.

    None when there are none: git tells of a large repository in no time, because unchanged files are not read.
    """
    listed = _git(folder, "ls-files", "-z", "--stage")
    if not listed:
        return None
    found: dict[str, str | None] = {}
    for line in listed.split("\0"):
        facts, _, name = line.partition("\t")
        if name:
            found[name] = facts.split(" ")[1]
    changed = (_git(folder, "ls-files", "-z", "--modified") or "").split("\0")
    found |= dict.fromkeys((name for name in [*changed, *_unknown(folder)] if name), None)
    return {name: blob for name, blob in found.items() if not name.endswith(_TOLD_ELSEWHERE)}


def _unknown(folder: Path) -> list[str]:
    """Python files that git neither tracks nor ignores."""
    found = _git(folder, "ls-files", "-z", "--others", "--exclude-standard", "--", "*.py") or ""
    return [name for name in found.split("\0") if name]


def _found(folder: Path) -> list[Path] | None:
    """The files of a folder that is no repository; None when there is too much in it."""
    found = list(islice(_walk(folder), MOST_FILES + 1))
    return None if len(found) > MOST_FILES or None in found else [one.relative_to(folder) for one in found if one]


def _walk(folder: Path) -> Iterator[Path | None]:
    """Files that may be the author's; ends with None when there are too many of all kinds."""
    seen = 0
    for place, folders, names in os.walk(folder):
        here = Path(place)
        seen += len(folders) + len(names)
        if seen > _MOST_ENTRIES:
            yield None
            return
        folders[:] = [name for name in folders if not _is_elsewhere(here / name)]
        yield from (here / name for name in names if name.endswith(".py") or name in _BESIDES)


def python_files(folder: Path) -> list[Path]:
    """The Python files below a folder that may be the author's, in order; at most `MOST_FILES`."""
    found = [file for file in islice(_walk(folder), MOST_FILES) if file is not None and file.suffix == ".py"]
    return sorted(found, key=lambda file: (len(file.parts), file))


def _is_elsewhere(folder: Path) -> bool:
    """Whether a folder holds no code of the author: hidden ones, environments, caches."""
    name = folder.name
    return name.startswith(".") or name in {"__pycache__", "node_modules"} or os.path.exists(folder / "pyvenv.cfg")


def _git(folder: Path, *arguments: str) -> str | None:
    """What git answers; None when it is not there or says no."""
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.rstrip("\n") if done.returncode == 0 else None
