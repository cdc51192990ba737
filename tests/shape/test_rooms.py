"""The rooms stand on what the design lets them stand on.

The arrows between rooms are import-linter's (`make check`); here is what it cannot say: which outside libraries a room
may touch, and that every room is on the map.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "levada"

# Libraries that each room may import, at the top of a module or late. A room that is not listed may use what it likes;
# one within another has libraries of its own.
LIBRARIES = {
    "core": {"msgspec"},
    "core/schedules": {"cronsim", "dateutil"},
    "wire": {"msgspec"},
    "journal": {"msgspec"},
    "engine": {"msgspec", "cloudpickle"},
    "store": {"msgspec", "psycopg", "sqlalchemy", "alembic"},
    "control": {"msgspec"},
    "client": {"msgspec", "urllib3"},
}

# The pure room decides; it does not reach out.
OUTSIDE_WORLD = {"http", "select", "selectors", "socket", "sqlite3", "ssl", "subprocess", "urllib"}


def _imports(room: str) -> Iterator[tuple[str, str]]:
    within = [PACKAGE / other for other in LIBRARIES if other.startswith(f"{room}/")]
    for path in sorted((PACKAGE / room).rglob("*.py")):
        if any(path.is_relative_to(other) for other in within):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            else:
                continue
            for name in names:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", name.partition(".")[0]


@pytest.mark.parametrize("room", sorted(LIBRARIES))
def test_a_room_uses_only_the_libraries_it_may(room: str) -> None:
    strangers = [
        f"{where} {name}"
        for where, name in _imports(room)
        if name not in sys.stdlib_module_names | LIBRARIES[room] | {"levada"}
    ]
    assert strangers == []


def test_core_does_not_reach_the_outside_world() -> None:
    rooms = [room for room in LIBRARIES if room.partition("/")[0] == "core"]
    assert [f"{where} {name}" for room in rooms for where, name in _imports(room) if name in OUTSIDE_WORLD] == []


def test_every_module_of_the_package_is_placed_in_the_layers() -> None:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = configuration["tool"]["importlinter"]["contracts"][0]["layers"]
    placed = {name.strip(" ()\n") for layer in layers for name in layer.replace("|", ":").split(":")}
    modules = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert modules - placed - {"__init__"} == set()


def test_every_module_postpones_its_annotations() -> None:
    """One rule for all: an annotation costs nothing at import and may name what is defined below."""
    without = []
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        only_words = all(isinstance(statement, ast.Expr) for statement in ast.parse(text).body)
        if not only_words and "\nfrom __future__ import annotations\n" not in "\n" + text:
            without.append(str(path.relative_to(ROOT)))
    assert without == []
