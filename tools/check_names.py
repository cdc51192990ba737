"""Holds two habits of writing: names that mean something, and no exception that vanishes without a word.

Modules called utils, common, helpers and the like collect what nobody wanted to place: code lives with its caller or
earns a noun. An `except` that only passes, and a `suppress` of everything, must say in a comment why nothing is lost.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from tree import ROOT, python_files, shown

DRAWERS = {
    "util",
    "utils",
    "common",
    "commons",
    "helper",
    "helpers",
    "misc",
    "internal",
    "_internal",
    "_utils",
    "_common",
}
EVERYTHING = {"Exception", "BaseException"}


def complaints(path: Path) -> Iterator[str]:
    """One line for the file's name when it is a drawer, and one for each exception that it swallows in silence."""
    for part in path.relative_to(ROOT).with_suffix("").parts:
        if part in DRAWERS:
            yield f"{shown(path)}: `{part}` names no duty; put the code with its caller or give it a noun"
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ExceptHandler) and _does_nothing(node.body):
            if not _has_comment(lines, node.lineno, node.body[-1].end_lineno or node.lineno):
                yield f"{shown(path)}:{node.lineno}: an exception is swallowed; say in a comment why nothing is lost"
        elif isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                line = item.context_expr.lineno
                if _suppresses_everything(item.context_expr) and not _has_comment(lines, line - 1, line):
                    yield f"{shown(path)}:{line}: everything is suppressed; say in a comment why nothing is lost"


def _does_nothing(body: list[ast.stmt]) -> bool:
    return all(
        isinstance(statement, ast.Pass | ast.Continue)
        or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        for statement in body
    )


def _suppresses_everything(call: ast.expr) -> bool:
    if not isinstance(call, ast.Call):
        return False
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name == "suppress" and any(isinstance(kind, ast.Name) and kind.id in EVERYTHING for kind in call.args)


def _has_comment(lines: list[str], first: int, last: int) -> bool:
    # A bare `noqa` silences a linter; it explains nothing.
    for line in lines[max(first - 1, 0) : last]:
        _, mark, comment = line.partition("# ")
        if mark and not (comment.startswith("noqa") and not comment.partition(" ")[2].partition(" ")[2]):
            return True
    return False


def main() -> int:
    """Print every complaint; the exit code says whether there was one."""
    found = [line for path in python_files() for line in complaints(path)]
    print("\n".join(found) or "names: every module has a duty, no exception vanishes in silence")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
