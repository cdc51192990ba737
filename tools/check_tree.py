"""Keeps the tree free of what belongs to one machine: absolute paths of a checkout and hosts of package registries.

A path works for its writer only; a host in a lock or a page sends everybody past their own mirror.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tree import ROOT, files, shown

# Written with a character class in each, so that this file does not find itself.
FORBIDDEN = {
    "a path of one machine": re.compile(
        r"(?<![\w.])/(?:wor[k]/(?:main|shared)\b|wor[k]/\.librar[y]|tm[p]/lv\b|roo[t]/)"
    ),
    "a package registry's host": re.compile(
        r"\b(?:(?:test\.)?pyp[i]\.org|pythonhoste[d]\.org|npmj[s]\.(?:org|com)|yarnpk[g]\.com|deb\.debia[n]\.org)\b"
    ),
    "an unresolved merge": re.compile(r"^(?:<{7}|>{7}) "),
}


def complaints(path: Path) -> Iterator[str]:
    """One line for each line of a text file that names something it should not."""
    content = path.read_bytes()
    if b"\0" in content[:8192]:
        return
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), start=1):
        for what, pattern in FORBIDDEN.items():
            if match := pattern.search(line):
                yield f"{shown(path)}:{number}: {what}: {match.group()}"


def main() -> int:
    """Print every complaint; the exit code says whether there was one."""
    found = [line for path in files() for line in complaints(path)]
    project = str(ROOT)
    found += [f"{shown(path)}: names this checkout's folder" for path in files() if _names(path, project)]
    print("\n".join(found) or "tree: nothing in it belongs to one machine")
    return 1 if found else 0


def _names(path: Path, folder: str) -> bool:
    # A checkout in / or in a one-word folder would match by accident; such a folder proves nothing.
    return folder.count("/") > 1 and folder.encode() in path.read_bytes()


if __name__ == "__main__":
    sys.exit(main())
