"""Frames per second of the run graph: `python -m benchmarks.page.graph_frames [--nodes 100000] [--seconds 9]`.

A page with the page's own renderer and a generated graph is built, opened in the machine's own Chromium, moved and
zoomed in both layouts. Printed: frames per second, the longest time between two frames, and what one picture takes the
page's thread, which does not depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.browser import browser

UI = Path(__file__).resolve().parents[2] / "ui"
SIZE = (1440, 900)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what is measured is printed, not each file."""


def build(folder: Path) -> None:
    """Build the page that measures into a folder."""
    subprocess.run(
        [UI / "node_modules/.bin/vite", "build", "src/graph/bench", "--config", "vite.config.ts", "--outDir", folder],
        cwd=UI,
        check=True,
        stdout=subprocess.DEVNULL,
    )


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder's address, as long as it is served."""
    handler = functools.partial(_Quiet, directory=os.fspath(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def measure(nodes: int, seconds: float, ratio: float = 1.0) -> list[dict[str, Any]]:
    """Both layouts, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        with served(Path(folder)) as url, browser() as made:
            page = made.new_page(viewport={"width": SIZE[0], "height": SIZE[1]}, device_scale_factor=ratio)
            page.goto(url)
            page.wait_for_function("'measureFrames' in window")
            found: list[dict[str, Any]] = page.evaluate(
                "([nodes, ms]) => measureFrames(nodes, ms)", [nodes, seconds * 1000]
            )
            return found


def main() -> None:
    """Print what was measured; exits with 1 when it is less than demanded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=9.0, help="in each layout; a round of moving takes 3")
    parser.add_argument("--ratio", type=float, default=1.0, help="pixels of the device per pixel of the page")
    parser.add_argument("--demand", type=float, default=30.0, help="frames per second, at the least")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure(given.nodes, given.seconds, given.ratio)
    if given.json:
        print(json.dumps(found, indent=2))
    else:
        for one in found:
            print(
                f"{one['layout']:>12}: {one['nodes']:,} nodes, {one['perSecond']:.0f} frames/s, longest frame "
                f"{one['longest']:.0f} ms, picture {one['work']:.1f} ms (longest {one['longestWork']:.0f} ms), "
                f"first picture after {one['begin']:.0f} ms, levels {one['levels']}"
            )
    sys.exit(0 if all(one["perSecond"] >= given.demand for one in found) else 1)


if __name__ == "__main__":
    main()
