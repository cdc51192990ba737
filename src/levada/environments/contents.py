"""What an environment consists of: the files and lines that say so, and a digest of them."""

from __future__ import annotations

import platform
import re
import sys
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import levada
from levada.core.errors import ConfigurationError
from levada.version import __version__
from levada.wire.deployments import EnvironmentSpec

_INCLUDES = re.compile(r"^\s*(?:-r|--requirement|-c|--constraint)[=\s]+(\S+)", re.MULTILINE)
_LAYOUT = "1"
"""Changes when environments are built in another way than before."""


class Contents(NamedTuple):
    """An environment, looked over.

    Attributes:
        digest: 32 hexadecimal digits; the same for the same contents, Python and Levada.
        python: version of Python.
        requirements: requirement lines; empty when files say it.
        file: a requirements file, ``pylock.toml``, or a ``pyproject.toml`` without lock.
        project: folder of a ``pyproject.toml`` with its ``uv.lock``.
    """

    digest: str
    python: str
    requirements: list[str]
    file: Path | None = None
    project: Path | None = None


def contents_of(spec: EnvironmentSpec, folder: Path) -> Contents:
    """Look an environment over.

    Args:
        spec: what is wanted.
        folder: of the code, from which files count.

    Raises:
        ConfigurationError: a file that is named is not there, or leads out of the code.
    """
    python = spec.python or f"{sys.version_info.major}.{sys.version_info.minor}"
    file: Path | None = None
    project: Path | None = None
    if spec.requirements_file is not None:
        file = _inside(folder, spec.requirements_file)
    elif spec.pyproject is not None or (spec.lock is not None and spec.lock.endswith("uv.lock")):
        place = _inside(folder, spec.pyproject if spec.pyproject is not None else str(Path(str(spec.lock)).parent))
        has_lock = (place / "uv.lock").is_file()
        if spec.lock is not None and not has_lock:
            raise ConfigurationError(f"There is no {spec.lock!r} in {str(folder)!r}.")
        project, file = (place, None) if has_lock else (None, place / "pyproject.toml")
    elif spec.lock is not None:
        file = _inside(folder, spec.lock)
    total = blake2b(digest_size=16)
    around = (_LAYOUT, python, platform.machine(), sys.platform, __version__, levada.__file__, sys.prefix)
    for part in (*around, *spec.requirements):
        total.update(part.encode())
        total.update(b"\0")
    for named in _files(file, project):
        total.update(_read(named))
        total.update(b"\0")
    return Contents(total.hexdigest(), python, list(spec.requirements), file, project)


def _files(file: Path | None, project: Path | None) -> list[Path]:
    if project is not None:
        return [project / "pyproject.toml", project / "uv.lock"]
    if file is None:
        return []
    found: list[Path] = []
    waiting = [file]
    while waiting:
        one = waiting.pop(0)
        if one in found:
            continue
        found.append(one)
        if one.suffix in {".txt", ".in"}:
            text = _read(one).decode(errors="replace")
            waiting += [one.parent / name for name in _INCLUDES.findall(text) if "://" not in name]
    return found


def _inside(folder: Path, name: str) -> Path:
    place = (folder / name).resolve()
    if not place.is_relative_to(folder.resolve()):
        raise ConfigurationError(f"The environment names {name!r}, which leads out of the code in {str(folder)!r}.")
    return place


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"The environment names {str(file)!r}: {error.strerror or error}.") from error
