"""The checks of `make check` find what they are there to find."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch):
    """Loads a script of tools/ as a module, as Python does when it is run."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))

    def load(name: str) -> ModuleType:
        specification = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        return module

    yield load
    sys.modules.pop("tree", None)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes a file of a pretended project and returns what a check says about it."""

    def complaints(check: ModuleType, name: str, text: str) -> list[str]:
        if hasattr(check, "ROOT"):
            monkeypatch.setattr(check, "ROOT", tmp_path)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return list(check.complaints(path))

    return complaints


def test_a_function_of_more_than_a_hundred_lines_is_found(tool, written) -> None:
    long = "def long():\n" + "    x = 1\n" * 100
    assert "long() has 101 lines" in written(tool("check_sizes"), "a.py", long)[0]
    assert written(tool("check_sizes"), "b.py", "def fits():\n" + "    x = 1\n" * 99) == []


def test_a_file_of_more_than_eight_hundred_lines_is_found(tool, written) -> None:
    assert "801 lines" in written(tool("check_sizes"), "a.py", "x = 1\n" * 801)[0]
    assert written(tool("check_sizes"), "b.py", "x = 1\n" * 800) == []


def test_an_import_inside_a_function_must_say_why(tool, written) -> None:
    check = tool("check_imports")
    assert len(written(check, "a.py", "def f():\n    import json\n")) == 1
    assert len(written(check, "b.py", "def f():\n    if True:\n        from json import dumps  # lazy:\n")) == 1
    assert written(check, "c.py", "def f():\n    import json  # lazy: only failures print it\n") == []
    assert written(check, "d.py", "import json\nif True:\n    import os\n") == []


def test_a_room_below_the_face_must_not_import_the_package(tool, written) -> None:
    check = tool("check_imports")
    assert len(written(check, "src/levada/engine/a.py", "from levada import flow\n")) == 1
    assert len(written(check, "src/levada/core/b.py", "import levada\n")) == 1
    written(check, "src/levada/core/__init__.py", "")
    assert written(check, "src/levada/engine/c.py", "from levada import core\n") == []
    assert written(check, "src/levada/cli/d.py", "from levada import flow\n") == []


def test_a_swallowed_exception_must_say_why(tool, written) -> None:
    check = tool("check_names")
    assert len(written(check, "a.py", "try:\n    x = 1\nexcept OSError:\n    pass\n")) == 1
    assert len(written(check, "b.py", "try:\n    x = 1\nexcept OSError:  # noqa: S110\n    pass\n")) == 1
    assert written(check, "c.py", "try:\n    x = 1\nexcept OSError:\n    pass  # the file may be gone\n") == []
    assert written(check, "d.py", "try:\n    x = 1\nexcept OSError:\n    # the file may be gone\n    pass\n") == []
    assert len(written(check, "e.py", "with suppress(Exception):\n    x = 1\n")) == 1
    assert written(check, "f.py", "with suppress(FileNotFoundError):\n    x = 1\n") == []


def test_a_drawer_for_everything_is_found(tool, written) -> None:
    check = tool("check_names")
    assert len(written(check, "src/levada/engine/utils.py", "")) == 1
    assert len(written(check, "src/levada/helpers/a.py", "")) == 1
    assert written(check, "src/levada/engine/retries.py", "") == []


def test_what_belongs_to_one_machine_is_found(tool, written) -> None:
    check = tool("check_tree")
    host = "pypi" + ".org"
    assert len(written(check, "a.txt", f"--index-url https://{host}/simple\n")) == 1
    assert len(written(check, "b.md", "see /ro" + "ot/notes\n")) == 1
    assert written(check, "c.md", "levada.example/root/ and ./root/\n") == []
