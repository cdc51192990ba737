"""Today's code on tomorrow's schema, and the release's code on today's: replicas are replaced one by one."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.migration.ahead import ADVANCE_VARIABLE

ROOT = Path(__file__).parents[2]


def test_todays_code_passes_its_contract_on_a_schema_that_was_only_expanded() -> None:
    if os.environ.get(ADVANCE_VARIABLE):
        pytest.skip("this is that run")
    ahead = f"{shlex.quote(sys.executable)} -m tests.migration.ahead --beyond"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/contract/test_store.py", "-q", "-p", "no:cacheprovider"],
        cwd=ROOT,
        env={**os.environ, ADVANCE_VARIABLE: ahead, "PYTEST_XDIST_TESTRUNUID": "", "PYTEST_XDIST_WORKER": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " passed" in done.stdout
