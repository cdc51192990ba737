"""Holds two rules about imports that no linter knows.

An import inside a function is allowed only where loading late is the point, and then says why on its line:
`import sqlite3  # lazy: only runs that look something up open the store`.

A room below the face never imports from the package itself (`from levada import flow`): that would reach upwards
through the one door that import-linter does not watch.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tree import ROOT, python_files, shown

LAZY = re.compile(r"# lazy: \S")
ROOMS_BELOW_THE_FACE = ("core", "wire", "journal", "store", "control", "client", "engine")

_Import = ast.Import | ast.ImportFrom
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def complaints(path: Path) -> Iterator[str]:
    """One line for each import of the file that breaks a rule."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    lines = text.splitlines()
    for node in _inside_functions(tree, inside=False):
        if not any(LAZY.search(line) for line in lines[node.lineno - 1 : node.end_lineno]):
            yield (
                f"{shown(path)}:{node.lineno}: import inside a function; "
                "move it to the top, or state on its line why it loads late: `# lazy: why`"
            )
    if _below_the_face(path):
        package = ROOT / "src" / "levada"
        for found in ast.walk(tree):
            if isinstance(found, _Import) and _reaches_the_face(found, package):
                yield f"{shown(path)}:{found.lineno}: a room below the face imports the package itself; import the room"


def _inside_functions(node: ast.AST, *, inside: bool) -> Iterator[ast.stmt]:
    for child in ast.iter_child_nodes(node):
        if inside and isinstance(child, _Import):
            yield child
        else:
            yield from _inside_functions(child, inside=inside or isinstance(child, _Function))


def _below_the_face(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return parts[:2] == ("src", "levada") and parts[2] in ROOMS_BELOW_THE_FACE


def _reaches_the_face(node: ast.Import | ast.ImportFrom, package: Path) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name == "levada" for alias in node.names)
    if node.module != "levada" or node.level:
        return False
    return any(
        not ((package / alias.name).is_dir() or (package / f"{alias.name}.py").is_file()) for alias in node.names
    )


def main() -> int:
    """Print every complaint; the exit code says whether there was one."""
    folders = ("src", "tests", "tools", "benchmarks")
    found = [line for path in python_files(*folders) for line in complaints(path)]
    print("\n".join(found) or "imports: every late import says why, no room reaches up through the front door")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
