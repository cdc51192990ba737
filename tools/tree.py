"""The files of this project, as every check sees them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_NOT_OURS = {".git", ".venv", "__pycache__", "node_modules", "build", "dist"}


def files() -> list[Path]:
    """Every file that is or would be committed; outside a git checkout, every file that is not a by-product."""
    try:
        listing = subprocess.run(
            ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            check=True,
            capture_output=True,
        ).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        return sorted(_walk(ROOT))
    return sorted(path for name in set(listing.split("\0")) if name and (path := ROOT / name).is_file())


def python_files(*folders: str) -> list[Path]:
    """The Python files below the given folders of the project; below all of it when none is given."""
    roots = [ROOT / folder for folder in folders] or [ROOT]
    return [path for path in files() if path.suffix == ".py" and any(path.is_relative_to(root) for root in roots)]


def shown(path: Path) -> str:
    """The path as a reader of a message wants it: relative to the project where it lies inside."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in _NOT_OURS or path.name.startswith(".venv-"):
            continue
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path
