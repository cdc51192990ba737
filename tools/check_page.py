"""`make check` of the page: its types follow the API, TypeScript and eslint agree, it is formatted, its tests pass.

Needs Node and the packages of the page. Where they cannot be had it says so and holds nobody up, except in CI.
"""

from __future__ import annotations

import os
import subprocess
import sys

import build_page


def main() -> int:
    """Run the scripts of `ui/package.json`; the exit code says whether one failed."""
    try:
        npm, environment = build_page.prepared()
    except build_page.CannotBuildError as error:
        print(f"The page was not checked. {error}")
        return 1 if os.environ.get("CI") else 0
    codes = [
        subprocess.run([*npm, "run", "--silent", script], cwd=build_page.UI, env=environment, check=False).returncode
        for script in ("check", "test")
    ]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
