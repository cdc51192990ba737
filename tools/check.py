"""`make check`: runs every check, shows what the failed ones have to say, and sums up at the end.

All checks run even when one fails, so that a change is put right in one go. What fails twice (a syntax error, say) is
said twice; read from the top.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tree import ROOT

BIN = Path(sys.executable).parent

CHECKS: dict[str, list[str]] = {
    "style": [str(BIN / "ruff"), "check", "--quiet", "--output-format", "concise", "."],
    "format": [str(BIN / "ruff"), "format", "--check", "--output-format", "concise", "."],
    "sizes": [sys.executable, "tools/check_sizes.py"],
    "imports": [sys.executable, "tools/check_imports.py"],
    "names": [sys.executable, "tools/check_names.py"],
    "tree": [sys.executable, "tools/check_tree.py"],
    "arrows": [str(BIN / "lint-imports"), "--no-cache"],
    "types": [str(BIN / "mypy")],
    "page": [sys.executable, "tools/check_page.py"],
}


def main() -> int:
    """Run the named checks, or all of them; the exit code says whether one failed."""
    chosen = sys.argv[1:] or list(CHECKS)
    verdicts: list[tuple[str, bool, float]] = []
    # A fixed width keeps the output of tools that draw to the terminal readable in a log.
    environment = {**os.environ, "COLUMNS": "160"}
    for name in chosen:
        started = time.monotonic()
        done = subprocess.run(
            CHECKS[name],
            cwd=ROOT,
            check=False,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        verdicts.append((name, done.returncode == 0, time.monotonic() - started))
        if done.returncode:
            print(f"== {name}\n{done.stdout.rstrip()}\n", flush=True)
    for name, passed, seconds in verdicts:
        print(f"  {name:<10} {'ok' if passed else 'FAILED':<8} {seconds:5.1f} s")
    return 0 if all(passed for _, passed, _ in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
