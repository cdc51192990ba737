"""Holds the sizes: no file over 800 lines, no function over 100. There is no list of exceptions.

Aim far lower (files under 400 lines, functions under 50): the limits only stop what has already gone wrong.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from tree import python_files, shown

FILE_LINES = 800
FUNCTION_LINES = 100


def complaints(path: Path) -> Iterator[str]:
    """One line for the file when it is too long and one for each of its functions that is."""
    text = path.read_text(encoding="utf-8")
    length = text.count("\n") + (not text.endswith("\n") and text != "")
    if length > FILE_LINES:
        yield f"{shown(path)}: {length} lines; a file has at most {FILE_LINES}: split it along its nouns"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            length = (node.end_lineno or first) - first + 1
            if length > FUNCTION_LINES:
                yield (
                    f"{shown(path)}:{node.lineno}: {node.name}() has {length} lines; "
                    f"a function has at most {FUNCTION_LINES}: give its steps names"
                )


def main() -> int:
    """Print every complaint; the exit code says whether there was one."""
    found = [line for path in python_files() for line in complaints(path)]
    print("\n".join(found) or "sizes: every file and function is within bounds")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
