"""Reading a pickle runs code: nothing that a server loads of ours may do it."""

from __future__ import annotations

import ast
from pathlib import Path

ROOMS = ("server", "control", "store", "wire", "journal", "core")
FORBIDDEN = {"pickle", "cloudpickle", "dill", "shelve", "marshal", "joblib"}
SOURCE = Path(__file__).resolve().parents[2] / "src" / "levada"


def test_no_room_of_the_server_imports_anything_that_unpickles() -> None:
    found = []
    for room in ROOMS:
        for path in sorted((SOURCE / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = (
                    [one.name for one in node.names]
                    if isinstance(node, ast.Import)
                    else [node.module or ""]
                    if isinstance(node, ast.ImportFrom)
                    else []
                )
                found += [
                    f"{path.relative_to(SOURCE)}:{node.lineno} {name}"
                    for name in names
                    if name.partition(".")[0] in FORBIDDEN or name.startswith("levada.serializers")
                ]
    assert found == []
