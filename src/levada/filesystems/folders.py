"""Copying folders of code, without what an ignore file leaves out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path

IGNORE_FILES = (".levadaignore", ".prefectignore")
"""Names of files whose patterns `LocalFileSystem` leaves out when it copies its folder; the first found counts."""


def ignored_by(folder: Path, ignore_file: str | None) -> Callable[[str], bool]:
    """Whether a path relative to the folder is to be left out, after the patterns of its ignore file."""
    files = [Path(ignore_file)] if ignore_file else [folder / name for name in IGNORE_FILES]
    found = next((file for file in files if file.is_file()), None)
    lines = found.read_text(encoding="utf-8").splitlines() if found else []
    patterns = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]

    def ignored(relative: str) -> bool:
        # As in .gitignore, the last pattern that matches decides, and `!` takes back what an earlier one left out.
        verdict = False
        for pattern in patterns:
            keep = pattern.startswith("!")
            if _matches(relative, pattern.lstrip("!")):
                verdict = not keep
        return verdict

    return ignored


def _matches(relative: str, pattern: str) -> bool:
    anchored = "/" in pattern.rstrip("/")
    pattern = pattern.strip("/")
    parts = relative.split("/")
    candidates = ["/".join(parts[: i + 1]) for i in range(len(parts))] if anchored else parts
    return any(fnmatch(candidate, pattern) for candidate in candidates)


def files_below(folder: Path, ignored: Callable[[str], bool]) -> Iterator[Path]:
    """The files of a folder, at any depth, that are not left out."""
    for entry in sorted(folder.rglob("*")):
        if entry.is_file() and not ignored(entry.relative_to(folder).as_posix()):
            yield entry


def copy_tree(source: Path, target: Path, ignored: Callable[[str], bool]) -> None:
    """Copy the files of a folder that are not left out."""
    import shutil  # lazy: only the copying of code needs it

    # The list is made first: the target may lie inside the source.
    for file in list(files_below(source, ignored)):
        destination = target / file.relative_to(source)
        if destination == file:
            continue
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, destination)
