"""Runs the code of a release on the schema of this tree: what happens while the replicas of a server are replaced.

    python tests/migration/old_code.py v0.1.0 [arguments for pytest]

The sources and tests of the tag are laid out beside this tree; its store contract tests run with its own code, on
databases that this tree's chain has upgraded first. A release whose schema this tree changed in ways that old code
cannot know is expected to be refused instead: then say so in the release notes.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main() -> int:
    tag, *arguments = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="levada-old-") as folder:
        archive = subprocess.run(
            ["git", "archive", tag, "src", "tests", "pyproject.toml"], cwd=ROOT, check=True, capture_output=True
        ).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        # This tree's Python has this tree installed; sources named on the path come first.
        advance = (
            f"env -C {shlex.quote(str(ROOT))} PYTHONPATH=src {shlex.quote(sys.executable)} -m tests.migration.ahead"
        )
        environment = {**os.environ, "PYTHONPATH": str(Path(folder, "src")), "LEVADA_TEST_ADVANCE": advance}
        suite = ["tests/contract/test_store.py", "-q", "-p", "no:cacheprovider", *arguments]
        return subprocess.run(
            [sys.executable, "-m", "pytest", *suite], cwd=folder, env=environment, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
