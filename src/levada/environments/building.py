"""Building environments with uv, each once."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from levada.core.errors import ConfigurationError
from levada.environments.contents import Contents, contents_of
from levada.wire.deployments import EnvironmentSpec

_MARK = "levada-environment.json"
_SHOWN = 4000


class EnvironmentFailed(ConfigurationError):  # noqa: N818 - it names what happened
    """An environment cannot be built."""


def environments_root(home: Path) -> Path:
    """Where the environments of a home are."""
    return home / "cache" / "environments"


def interpreter_of(
    spec: EnvironmentSpec, folder: Path, *, home: Path, tell: Callable[[str], object] = lambda _: None
) -> Path:
    """The interpreter of an environment, which is built when it is not there.

    Args:
        spec: what is in it.
        folder: of the code, from which files that it names count.
        home: where environments are kept.
        tell: told when one is built, which takes a while.

    Raises:
        ConfigurationError: a file that it names is not there.
        EnvironmentFailed: it cannot be built; the message holds what uv said.
    """
    contents = contents_of(spec, folder)
    place = environments_root(home) / contents.digest
    python = place / "bin" / "python"
    if not (place / _MARK).exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        with open(place.with_name(f".{contents.digest}.lock"), "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (place / _MARK).exists():
                tell(f"Building the Python environment {contents.digest[:12]} (Python {contents.python}) …")
                _build(contents, place)
    return python


def _build(contents: Contents, place: Path) -> None:
    from levada.environments import ourselves  # lazy: an environment that is there needs none of it
    from levada.steps.packages import find_uv  # lazy: as above

    unfinished = place.with_name(f".{contents.digest}.{os.getpid()}")
    shutil.rmtree(unfinished, ignore_errors=True)
    uv = find_uv()
    fits = ourselves.same_python(contents.python)
    try:
        # The worker's own Python is there, wherever it is installed; any other one uv finds or fetches.
        python = sys.executable if fits else contents.python
        _run([*uv, "venv", "--quiet", "--no-project", "--relocatable", "--python", python, str(unfinished)])
        wanted = unfinished / "levada-requirements.txt"
        wanted.write_text("\n".join([*contents.requirements, *([] if fits else ourselves.requirements())]) + "\n")
        _install(uv, contents, unfinished, wanted)
        found = _site_packages(unfinished)
        ourselves.write_links(unfinished / "levada", with_packages=fits)
        ourselves.write_path(found, unfinished / "levada")
        _run([str(unfinished / "bin" / "python"), "-c", "import levada.execution"])
        ourselves.write_path(found, place / "levada")
        (unfinished / _MARK).write_text(json.dumps({"python": contents.python, "requirements": contents.requirements}))
        if place.exists():
            shutil.rmtree(place)  # of a process that was killed while it removed it
        unfinished.rename(place)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _install(uv: list[str], contents: Contents, environment: Path, wanted: Path) -> None:
    python = str(environment / "bin" / "python")
    if contents.project is not None:
        words = ["sync", "--quiet", "--frozen", "--no-install-project", "--no-dev", "--inexact"]
        around = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(environment)}
        _run([*uv, *words, "--project", str(contents.project)], cwd=contents.project, env=around)
    files = [name for name in (contents.file, wanted if wanted.read_text().strip() else None) if name is not None]
    if files:
        words = [word for file in files for word in ("-r", str(file))]
        cwd = contents.file.parent if contents.file is not None else None
        _run([*uv, "pip", "install", "--quiet", "--python", python, *words], cwd=cwd)


def _site_packages(environment: Path) -> Path:
    found = sorted((environment / "lib").glob("python*/site-packages"))
    if not found:
        raise EnvironmentFailed(f"uv made no site-packages in {environment}.")
    return found[0]


def _run(command: list[str], cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise EnvironmentFailed(f"{command[0]} cannot be started: {error.strerror or error}.") from error
    if done.returncode != 0:
        words = " ".join(Path(word).name if os.sep in word else word for word in command[:6])
        raise EnvironmentFailed(f"`{words}` ended with exit code {done.returncode}:\n{done.stdout[-_SHOWN:].rstrip()}")
