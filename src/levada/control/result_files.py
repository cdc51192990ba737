"""Result files of a home that nothing refers to any more, and what killed writers left half written.

Careful by construction: only files whose name is one that Levada makes up (hexadecimal digits, at least 32) are looked
at, only those that are older than runs are kept, and whatever looks like the name of one, anywhere in a kept row or in
a journal that is not taken in yet, keeps the file. Files under names that authors chose stay.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from levada.store.base import Store
from levada.store.old_rows import BODIES, bodies

_MADE_UP = re.compile(r"[0-9a-f]{32,}")
_MENTIONED = re.compile(rb"[0-9a-f]{32,}")
_TEMPORARY = ".tmp-"

TEMPORARY_SECONDS = 86_400.0
"""A file that is still being written after a day is nobody's."""

PAGE = 2_000
"""Rows that are looked through in one transaction."""


def remove_temporary_files(storage: Path, now: float) -> int:
    """Remove what killed writers left in a result storage a day ago or earlier; how many files went.

    Args:
        storage: its folder.
        now: seconds since 1970.
    """
    return sum(
        _removed(entry)
        for entry in _files(storage)
        if entry.name.startswith(_TEMPORARY) and _age(entry, now) > TEMPORARY_SECONDS
    )


def remove_unreferenced(
    home: Path, storage: Path, store: Store, now: float, older_than: float, stopping: Callable[[], bool]
) -> int:
    """Remove result files to which nothing refers; how many files went.

    Args:
        home: whose journals may refer to some.
        storage: the folder of results; one that lies outside the home may be shared with others and is left alone.
        store: whose rows may refer to some.
        now: seconds since 1970.
        older_than: only files that were written more seconds ago.
        stopping: asked now and then; when it says True, nothing more is removed.
    """
    if not storage.resolve().is_relative_to(home.resolve()):
        return 0
    old = {
        entry.name: entry
        for entry in _files(storage)
        if _MADE_UP.fullmatch(entry.name) and _age(entry, now) > max(older_than, TEMPORARY_SECONDS)
    }
    if not old:
        return 0
    for content in _all_that_may_refer(home, store):
        if stopping():
            return 0
        for name in _MENTIONED.findall(content):
            old.pop(name.decode("ascii"), None)
    return sum(_removed(entry) for entry in old.values())


def _all_that_may_refer(home: Path, store: Store) -> Iterator[bytes]:
    for entry in _files(home / "journal"):
        try:
            yield Path(entry.path).read_bytes()
        except FileNotFoundError:
            continue  # taken in meanwhile: its rows are read next
    for table in BODIES:
        after: bytes | None = b""
        while after is not None:
            with store.read() as transaction:
                found, after = bodies(transaction, table, after, PAGE)
            yield from found


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    """All files below a folder; a folder that is not there has none."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from _files(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    yield entry
    except FileNotFoundError:
        return


def _age(entry: os.DirEntry[str], now: float) -> float:
    try:
        return now - entry.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return 0.0


def _removed(entry: os.DirEntry[str]) -> bool:
    try:
        os.unlink(entry.path)
    except FileNotFoundError:
        return False  # another replica was faster
    return True
