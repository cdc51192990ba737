"""Levada in an environment that does not name it: what the worker runs, on the path behind what the author asked for.

A folder of links shows this Levada and the packages that it stands on, and nothing else of the worker's own
environment. The author's packages come first, so that a version that they ask for is the one that they get. With
another Python than the worker's, compiled packages of the worker are of no use: then they are installed, and only
Levada itself is linked.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import levada

_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")
LINK_FILE = "levada-worker.pth"


def requirements() -> list[str]:
    """What Levada stands on, as requirement lines."""
    try:
        lines = distribution("levada").requires or []
    except PackageNotFoundError:
        return []
    return [line for line in lines if not _EXTRA.search(line)]


def write_links(links: Path, *, with_packages: bool) -> None:
    """Make a folder of links.

    Args:
        links: the folder to be.
        with_packages: also to what Levada stands on.
    """
    links.mkdir(parents=True)
    own = Path(levada.__file__).parent
    (links / own.name).symlink_to(own)
    if not with_packages:
        return
    for found in _closure("levada"):
        for place in _top_level(found):
            target = links / place.name
            if place.exists() and not os.path.lexists(target):
                target.symlink_to(place)


def write_path(site_packages: Path, links: Path) -> None:
    """Let an environment find what a folder of links shows, behind what it has itself."""
    (site_packages / LINK_FILE).write_text(f"{links}\n", encoding="utf-8")


def same_python(python: str) -> bool:
    """Whether a version of Python is the worker's own, so that compiled packages fit."""
    return python == f"{sys.version_info.major}.{sys.version_info.minor}" or python == sys.version.split()[0]


def _closure(name: str) -> Iterator[Distribution]:
    """A distribution and all that it needs, as far as it is installed."""
    seen: set[tuple[str, str]] = set()
    waiting = [(name, "")]
    while waiting:
        wanted, extra = waiting.pop()
        key = re.sub(r"[-_.]+", "-", wanted).lower()
        if (key, extra) in seen:
            continue
        seen.add((key, extra))
        try:
            found = distribution(key)
        except PackageNotFoundError:
            continue  # for another system
        yield found
        for line in found.requires or []:
            match = _REQUIREMENT.match(line)
            only_with = _EXTRA.search(line)
            if match is not None and (only_with is None or only_with[1] == extra):
                extras = [part.strip() for part in (match[2] or "").split(",") if part.strip()]
                waiting += [(match[1], one) for one in ("", *extras)]


def _top_level(found: Distribution) -> list[Path]:
    root = Path(str(found.locate_file("")))
    names = {file.parts[0] for file in found.files or () if file.parts and file.parts[0] not in {"..", "__pycache__"}}
    return [root / name for name in sorted(names) if not name.endswith(".pth")]
