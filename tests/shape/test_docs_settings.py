"""The reference of settings says what the code says, and every setting is one that something uses."""

from __future__ import annotations

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
