"""The reference of settings says what the code says, and every setting is one that something uses."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from levada.core.settings import catalogue

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "settings.md"


def test_the_generated_reference_is_current() -> None:
    done = subprocess.run(
        [sys.executable, "tools/generate_reference.py", "--check"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("setting", catalogue(), ids=lambda setting: setting.name)
def test_every_setting_stands_in_the_reference(setting) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert f"### {setting.name}\n" in page
    assert f"`{setting.env}`" in page


def attributes_read() -> set[str]:
    """Every attribute that the package reads anywhere but where settings are defined."""
    found = set()
    for path in (ROOT / "src" / "levada").rglob("*.py"):
        if path.name != "settings.py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return found


# Read by a property of the model itself.
READ_BY_THE_MODEL = {"results.local_storage_path": "storage_path"}


def test_every_setting_has_an_effect() -> None:
    """A setting that nothing reads is a promise that nobody keeps. (By the attribute's name: a net, not a proof.)"""
    read = attributes_read()
    idle = {one.name for one in catalogue() if READ_BY_THE_MODEL.get(one.name, one.name.rpartition(".")[2]) not in read}
    assert idle == set()
